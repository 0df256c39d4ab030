//! A type of transaction of one tenant: what its transactions usually are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::limits::{MAX_EXAMPLES, SLOTS};
use super::scale::{bucket, position};

/// Whose, and which type: names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    pub(crate) tenant: u32,
    pub(crate) transaction_type: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) durations: Baseline,
    /// Ids of usual transactions of late.
    pub(crate) usual: VecDeque<String>,
    buckets: Vec<(u8, u16)>,
    /// Slot and how many transactions ended in it.
    counts: VecDeque<(u64, u32)>,
}

impl Group {
    pub(crate) fn add(&mut self, slot: u64, duration_ns: u64, weight: u32) {
        let at = bucket(position(duration_ns)) as u8;
        match self.buckets.iter_mut().find(|(other, _)| *other == at) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.buckets.push((at, 1)),
        }
        match self.counts.back_mut() {
            Some(last) if last.0 == slot => last.1 += weight,
            _ => self.counts.push_back((slot, weight)),
        }
    }

    pub(crate) fn remember_usual(&mut self, id: &str) {
        if self.usual.len() >= MAX_EXAMPLES {
            self.usual.pop_front();
        }
        self.usual.push_back(id.to_owned());
    }

    pub(crate) fn turn(&mut self, slot: u64) {
        self.durations.learn(&self.buckets, self.durations.mean_deviation());
        self.buckets.clear();
        while self.counts.front().is_some_and(|front| front.0 + SLOTS <= slot) {
            self.counts.pop_front();
        }
    }

    /// Transactions that ended from `slot` on, as far as two minutes back.
    pub(crate) fn count_since(&self, slot: u64) -> u64 {
        self.counts.iter().filter(|count| count.0 >= slot).map(|count| u64::from(count.1)).sum()
    }
}
