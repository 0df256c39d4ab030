//! A type of transaction of one tenant: what its transactions usually are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::baseline::Baseline;
use super::facets::{Facet, Facets};
use super::flow::{Fall, Flow};
use super::fluctuation::Entry;
use super::limits::{MAX_EXAMPLES, MAX_ONSET_SLOTS, SLOT_NS, SLOTS};
use super::scale::{bucket, position};

/// Healthy transactions of a slot, at least, of whom it is counted what they have: with what fades slowly, more than three thousand.
const HEALTHY: u32 = 50;
/// Sets the draw apart from those of others by the same ids.
const SALT: u64 = 1;

/// Whose, and which type: names by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct GroupKey {
    pub(crate) tenant: u32,
    pub(crate) transaction_type: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) durations: Baseline,
    /// When usual transactions of late ended, and their ids: one of a slot.
    usual: VecDeque<(u64, String)>,
    pub(crate) facets: Facets,
    flow: Flow,
    entry: Entry,
    buckets: Vec<(u8, u16)>,
    /// Slot and how many transactions ended in it.
    counts: VecDeque<(u64, u32)>,
}

impl Group {
    /// Whether what this healthy one has is counted: of more than [`HEALTHY`] in the slot before, so many, drawn by their ids.
    pub(crate) fn counts_facets(&self, slot: u64, id: &str, weight: u32) -> bool {
        let before = self.counts.iter().rev().find(|count| count.0 < slot).map_or(0, |count| count.1);
        let stride = u64::from(before / weight.max(1) / HEALTHY).max(1);
        stride == 1 || xxh3_64_with_seed(id.as_bytes(), SALT).is_multiple_of(stride)
    }

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

    pub(crate) fn remember_usual(&mut self, id: &str, end: u64) {
        if self.usual.back().is_some_and(|(last, _)| end / SLOT_NS <= last / SLOT_NS) {
            return;
        }
        if self.usual.len() >= MAX_ONSET_SLOTS {
            self.usual.pop_front();
        }
        self.usual.push_back((end, id.to_owned()));
    }

    /// Usual transactions that ended before `start`, the last of them.
    pub(crate) fn usual_before(&self, start: u64) -> impl Iterator<Item = &String> {
        self.usual.iter().rev().filter(move |(end, _)| *end < start).take(MAX_EXAMPLES).map(|(_, id)| id)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_healthy_ones_enough_tell_what_they_have() {
        let mut group = Group::default();
        let mut counted = [0; 3];
        for (slot, in_slot) in [(0, 40), (1, 1_000), (2, 1_000)] {
            for number in 0..in_slot {
                let is_counted = group.counts_facets(slot, &format!("{slot} {number}"), 1);
                group.add(slot, 1_000_000, 1);
                counted[slot as usize] += usize::from(is_counted);
            }
        }
        assert_eq!(counted[..2], [40, 1_000], "few came in the slot before");
        assert!((25..100).contains(&counted[2]), "{counted:?}");
        // One that stands for twenty is one of fifty that are looked at.
        assert!((0..100).all(|number| group.counts_facets(3, &number.to_string(), 20)));
    }
}
