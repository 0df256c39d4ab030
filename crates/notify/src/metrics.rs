//! Names of what is counted.

use metrics::{Unit, describe_counter};

/// Messages to Alertmanager and webhooks, by target and result.
pub const NOTIFICATIONS: &str = "throughline_notifications_total";

/// Says what each is, once a recorder is there.
pub fn describe() {
    describe_counter!(
        NOTIFICATIONS,
        Unit::Count,
        "Messages to Alertmanager and webhooks, by target and result"
    );
}
