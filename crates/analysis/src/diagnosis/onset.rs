//! Since when: the first of the hits that come densely, not a stray one of before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_ONSET_SLOTS, SLOT_NS};

/// A slot with less than this share of the densest one's hits is before the beginning.
const DENSE: u32 = 5;
/// Hits that would be expected in slots without any from which on that is no chance: of twenty such gaps one is.
const NO_CHANCE: f64 = 3.0;

/// The hits of an incident's first minutes, by slot: how many, and when the first of them ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Onset {
    slots: BTreeMap<u64, (u32, u64)>,
}

impl Onset {
    /// Adds a transaction that ended at `end`, Unix nanoseconds.
    pub(crate) fn add(&mut self, end: u64) {
        let slot = end / SLOT_NS;
        let later = self.slots.last_key_value().is_some_and(|(last, _)| *last < slot);
        if later && self.slots.len() >= MAX_ONSET_SLOTS {
            return;
        }
        let (count, first) = self.slots.entry(slot).or_insert((0, end));
        *count += 1;
        *first = end.min(*first);
    }

    /// When it began: going back from the densest slot, as long as there are hits; so many slots without may lie between as chance explains where few
    /// come. 0 where nothing was hit.
    pub(crate) fn start(&self) -> u64 {
        let Some((densest, (peak, first))) = self.slots.iter().rev().max_by_key(|(_, (count, _))| *count)
        else {
            return 0;
        };
        let (mut slot, mut start, mut hits) = (*densest, *first, *peak);
        for (earlier, (count, first)) in self.slots.range(..densest).rev() {
            if count * DENSE < *peak {
                continue;
            }
            let in_a_slot = f64::from(hits) / (densest - slot + 1) as f64;
            if (slot - earlier - 1) as f64 > (NO_CHANCE / in_a_slot).max(1.0) {
                break;
            }
            (slot, start, hits) = (*earlier, *first, hits + count);
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onset(slots: &[(u64, u32)]) -> u64 {
        let mut onset = Onset::default();
        for (slot, count) in slots {
            (0..*count).for_each(|_| onset.add(slot * SLOT_NS + 7));
        }
        onset.start() / SLOT_NS
    }

    #[test]
    fn it_begins_where_hits_become_dense() {
        assert_eq!(
            onset(&[(1, 1), (6, 1), (12, 9), (13, 30), (14, 28)]),
            12,
            "strays of before are none of it"
        );
        assert_eq!(onset(&[(12, 9), (14, 30)]), 12, "a slot without hits may lie between");
        assert_eq!(onset(&[(12, 9), (15, 30)]), 15);
        assert_eq!(onset(&[(3, 1)]), 3);
        let few = [(2, 1), (12, 1), (13, 2), (15, 1), (18, 2), (19, 1), (21, 3), (22, 1)];
        assert_eq!(onset(&few), 12, "where few come, slots without any are chance");
        assert_eq!(onset(&[]), 0);
    }
}
