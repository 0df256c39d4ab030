//! Named limits of questions.

use std::time::Duration;

/// Transactions a list has, if the question does not say, and at most.
pub const LIST: (u32, u32) = (50, 1000);

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
