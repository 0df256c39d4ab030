//! Counts of a sliding window, in blocks.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

/// Counts by key, a block for each period in which something was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Blocks {
    blocks: VecDeque<(u64, BTreeMap<String, f64>)>,
}

impl Blocks {
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Adds to a key's count in a period; keys beyond `max_keys` are not counted.
    pub(super) fn count(&mut self, key: &str, index: u64, count: f64, max_keys: usize) {
        if self.blocks.back().is_none_or(|(last, _)| *last < index) {
            self.blocks.push_back((index, BTreeMap::new()));
        }
        let Some((_, block)) = self.blocks.back_mut() else { return };
        if let Some(known) = block.get_mut(key) {
            *known += count;
        } else if block.len() < max_keys {
            block.insert(key.to_owned(), count);
        }
    }

    /// Counts of the `lookback` periods before `index`; what is older is forgotten.
    pub(super) fn sums(&mut self, index: u64, lookback: u64) -> BTreeMap<String, f64> {
        let first = index.saturating_sub(lookback);
        while self.blocks.front().is_some_and(|(block, _)| *block < first) {
            self.blocks.pop_front();
        }
        let mut sums = BTreeMap::new();
        for (_, block) in self.blocks.iter().filter(|(block, _)| *block < index) {
            for (key, count) in block {
                *sums.entry(key.clone()).or_insert(0.0) += count;
            }
        }
        sums
    }
}
