//! When to look at what waits: buckets of one second of log time, in order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::SECOND;

/// Something to look at: a slot and its generation, since slots are used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Due {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Timers by second. Whoever is due looks whether it really is, and if not, asks again: a timer is never moved.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Timers {
    buckets: BTreeMap<u64, Vec<Due>>,
}

/// The second in which a moment has passed.
fn bucket(at: u64) -> u64 {
    at.div_ceil(SECOND)
}

impl Timers {
    /// Asks to be looked at once `at` (log time, nanoseconds) has passed.
    pub(crate) fn add(&mut self, at: u64, due: Due) {
        self.buckets.entry(bucket(at)).or_default().push(due);
    }

    /// Those due at `now`, in the order of their seconds and then of their asking; `None` where there is nothing.
    pub(crate) fn take_due(&mut self, now: u64) -> Option<Vec<Due>> {
        let first = self.buckets.first_entry()?;
        if *first.key() > now / SECOND { None } else { Some(first.remove()) }
    }
}
