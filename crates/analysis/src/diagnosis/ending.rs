//! Until when: the last of the hits that come densely, not a stray one of later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_ONSET_SLOTS, SLOT_NS};

/// A slot with less than this share of the densest one's hits is behind the end: times vary, and what is slow by chance looks the same.
const DENSE: u32 = 5;

/// The hits of an incident's last minutes, by slot: how many, and when the last of them ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ending {
    slots: BTreeMap<u64, (u32, u64)>,
}

impl Ending {
    /// Adds a transaction that ended at `end`, Unix nanoseconds.
    pub(crate) fn add(&mut self, end: u64) {
        let (count, last) = self.slots.entry(end / SLOT_NS).or_insert((0, end));
        *count += 1;
        *last = end.max(*last);
        if self.slots.len() > MAX_ONSET_SLOTS {
            self.slots.pop_first();
        }
    }

    /// When the last of them ended. 0 where nothing was hit.
    pub(crate) fn end(&self) -> u64 {
        let peak = self.slots.values().map(|(count, _)| *count).max().unwrap_or(0);
        let dense = self.slots.values().rev().find(|(count, _)| count * DENSE >= peak);
        dense.map_or(0, |(_, last)| *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(slots: &[(u64, u32)]) -> u64 {
        let mut ending = Ending::default();
        for (slot, count) in slots {
            (0..*count).for_each(|_| ending.add(slot * SLOT_NS + 7));
        }
        ending.end() / SLOT_NS
    }

    #[test]
    fn it_ends_where_hits_are_dense_no_more() {
        assert_eq!(
            end(&[(12, 9), (13, 30), (14, 28), (15, 2), (22, 1)]),
            14,
            "strays of later are none of it"
        );
        assert_eq!(end(&[(3, 1), (9, 2), (17, 1)]), 17, "where few come, each counts");
        let fewer: Vec<_> = (0..100).map(|slot| (slot, if slot < 20 { 50 } else { 5 })).collect();
        assert_eq!(end(&fewer), 99, "fewer come at night");
        assert_eq!(end(&[]), 0);
    }
}
