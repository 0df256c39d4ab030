//! Named limits of questions.

use std::time::Duration;

/// Transactions a list has, if the question does not say, and at most.
pub const LIST: (u32, u32) = (50, 1000);

/// How often a transaction is looked for that is nowhere.
pub const LOOKS: usize = 2;

/// Time between two looks: far longer than a trace is on its way from one fold to the next.
pub const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Open transactions that are looked at for a list.
pub const OPEN_LOOKED_AT: usize = 10_000;

/// How far back a list looks, if the question does not say.
pub const SINCE: Duration = Duration::from_secs(3600);

/// How far back medians are taken from.
pub const BASELINE_SINCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Unusual hops that an explanation names.
pub const MAX_UNUSUAL: usize = 5;

/// Transactions of a type below which medians say nothing.
pub const MIN_COMPARED: u64 = 5;

/// What is less above its median than this is noise of clocks and schedulers, nanoseconds.
pub const MIN_EXCESS: u64 = 2_000_000;

/// How far back incidents and alerts are looked for, and comparisons made, if the question does not say.
pub const INCIDENTS_SINCE: Duration = Duration::from_secs(24 * 3600);

/// Baselines a list has, if the question does not say, and at most: all that there can be.
pub const BASELINE_LIST: (u32, u32) = (100, 10_000);

/// How far back figures of departments reach at most: longer windows read more than a person waits for.
pub const KPIS_MOST: Duration = Duration::from_secs(31 * 24 * 3600);

/// Alerts a list has, if the question does not say, and at most.
pub const ALERT_LIST: (u32, u32) = (100, 1000);

/// How long an answer waits for feedback to show in its incident.
pub const FEEDBACK_WAIT: Duration = Duration::from_secs(5);

/// Alerts in one request.
pub const ALERTS_PER_REQUEST: usize = 20_000;

/// Bytes of one alert's labels, and of its annotations with them: more, and annotations are left out.
pub const ALERT_BYTES: usize = 4096;

/// Bytes of a service's name and the like in a change that is told of, and of who says something of a suspect.
pub const CHANGE_NAME: usize = 256;

/// Bytes of what was done: it stands in a sentence.
pub const CHANGE_TEXT: usize = 512;

/// Label of the alerts that are made of incidents here: one that comes back is not taken.
pub const OWN_LABEL: &str = "throughline_incident";

/// Bytes of a request with alerts.
pub const ALERTS_BODY: usize = 32 << 20;

/// How long answers that are under way at the end may take: a stream of incidents has no end of its own.
pub const ENDING: Duration = Duration::from_secs(3);
