//! Entries that are gone before their time, counted once.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::Meters;

/// Why entries are gone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    /// There were more than the settings allow.
    Limit,
    /// What lay on disk is not what was written.
    Damage,
    /// They were merged with what lies in the fold's future.
    Future,
}

/// Shared by an index, its runs and its merge.
pub(crate) struct Losses {
    pub(crate) meters: Meters,
    untold: AtomicU64,
}

impl Losses {
    pub(crate) fn new(fold: &str) -> Self {
        Self { meters: Meters::new(fold), untold: AtomicU64::new(0) }
    }

    pub(crate) fn count(&self, reason: Reason, entries: u64) {
        match reason {
            Reason::Limit => &self.meters.lost_limit,
            Reason::Damage => &self.meters.lost_damage,
            Reason::Future => &self.meters.lost_future,
        }
        .increment(entries);
        self.untold.fetch_add(entries, Ordering::Relaxed);
    }

    /// What was counted since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.untold.swap(0, Ordering::Relaxed)
    }
}
