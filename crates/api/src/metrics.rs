//! Names of what the API counts.

use metrics::{Unit, describe_counter};

/// Alerts that were taken.
pub const ALERTS_RECEIVED: &str = "throughline_alerts_received_total";
/// Alerts that were refused, by reason.
pub const ALERTS_REFUSED: &str = "throughline_alerts_refused_total";

/// Says what each is, once a recorder is there.
pub fn describe() {
    describe_counter!(ALERTS_RECEIVED, Unit::Count, "Alerts that were taken");
    describe_counter!(ALERTS_REFUSED, Unit::Count, "Alerts that were refused, by reason");
}
