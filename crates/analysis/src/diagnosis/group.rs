//! A type of transaction of one tenant: what its transactions usually are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::baseline::Baseline;
use super::facets::{Facet, Facets};
use super::flow::{Fall, Flow};
use super::fluctuation::Entry;
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
    pub(crate) facets: Facets,
    flow: Flow,
    entry: Entry,
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

    pub(crate) fn turn(&mut self, slot: u64, is_silent: bool) {
        self.durations.learn(&self.buckets, self.durations.mean_deviation());
        self.buckets.clear();
        self.facets.turn(slot, is_silent);
        self.flow.turn(slot, is_silent);
        while self.counts.front().is_some_and(|front| front.0 + SLOTS <= slot) {
            self.counts.pop_front();
        }
    }

    /// Transactions that ended from `slot` on, as far as two minutes back.
    pub(crate) fn count_since(&self, slot: u64) -> u64 {
        self.counts.iter().filter(|count| count.0 >= slot).map(|count| u64::from(count.1)).sum()
    }

    /// Counts that one came, which began at `entry`.
    pub(crate) fn arrive(&mut self, facets: &[Facet], entry: Entry, weight: u32) {
        self.flow.add(weight);
        self.entry = entry;
        self.facets.arrive(facets, entry, weight);
    }

    /// Whether far fewer come: of one value of an attribute where it is that alone, else of all.
    pub(crate) fn fallen(&self) -> Option<(Option<Facet>, Fall)> {
        let part = self.facets.fallen().map(|(facet, fall)| (Some(facet), fall));
        part.or_else(|| self.flow.fall().map(|fall| (None, fall)))
    }

    /// How many come, or how many of one value.
    pub(crate) fn flow_of(&self, facet: Option<Facet>) -> Option<&Flow> {
        facet.map_or(Some(&self.flow), |facet| self.facets.flow(&facet))
    }

    /// Where transactions begin, or those with one value.
    pub(crate) fn entry_of(&self, facet: Option<Facet>) -> Entry {
        facet.and_then(|facet| self.facets.entry(&facet)).unwrap_or(self.entry)
    }

    /// How many came of late, and how many usually do.
    pub(crate) fn volume(&self) -> Option<Fall> {
        self.flow.window_of()
    }

    /// What came will come again.
    pub(crate) fn look_again(&mut self) {
        self.forget_flows();
        self.buckets.clear();
        self.counts.clear();
    }

    /// After a gap nothing is known of how many come.
    pub(crate) fn forget_flows(&mut self) {
        self.flow.forget();
        self.facets.forget_flows();
    }
}
