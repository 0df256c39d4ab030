//! Named limits of telling.

use std::time::Duration;

/// Alertmanager takes an alert for over that nobody renews: it is renewed so often.
pub const RENEW: Duration = Duration::from_secs(60);

/// And holds so long, should this process be gone.
pub const HOLDS: Duration = Duration::from_secs(300);

/// First and last wait before a target is tried again.
pub const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What a target may take to answer.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Time between two looks at what has changed.
pub const LOOK: Duration = Duration::from_secs(1);
