//! Floors: the first few transactions of each key in each period are kept, whatever else is decided. Which ones they are depends on those before only,
//! so each of them is kept for sure and weighs 1, and the others weigh what their own probability says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::key::Field;

/// A floor, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Floor {
    /// Its policy; its state is found by it after the rules changed.
    pub(crate) name: Box<str>,
    /// Told in reasons.
    pub(crate) about: Box<str>,
    pub(crate) fields: Vec<Field>,
    /// Never fewer than so many.
    pub(crate) count: u32,
    /// In so long, nanoseconds.
    pub(crate) every: u64,
    /// Keys that have a floor in one period. Beyond it there is none: a flood of new keys must not keep everything.
    pub(crate) max_keys: usize,
}

/// How many of each key were seen in this period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) name: Box<str>,
    period: u64,
    counts: BTreeMap<String, u32>,
}

impl Seen {
    pub(crate) fn new(floor: &Floor) -> Self {
        Self { name: floor.name.clone(), ..Self::default() }
    }

    pub(crate) fn advance(&mut self, floor: &Floor, now: u64) {
        let period = now / floor.every;
        if period != self.period {
            self.period = period;
            self.counts.clear();
        }
    }

    /// Whether one more of the key is among the first.
    pub(crate) fn keeps(&self, floor: &Floor, key: &str) -> bool {
        match self.counts.get(key) {
            Some(seen) => *seen < floor.count,
            None => self.counts.len() < floor.max_keys,
        }
    }

    pub(crate) fn count(&mut self, floor: &Floor, key: String) {
        if self.counts.contains_key(&key) || self.counts.len() < floor.max_keys {
            let seen = self.counts.entry(key).or_insert(0);
            *seen = seen.saturating_add(1);
        }
    }
}
