//! Since when: the first of the hits that come densely, not a stray one of before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_ONSET_SLOTS, SLOT_NS};

/// A slot with less than this share of the densest one's hits is before the beginning.
const DENSE: u32 = 5;

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

    /// When it began: going back from the densest slot, as long as there are hits; a slot without may lie between. 0 where nothing was hit.
    pub(crate) fn start(&self) -> u64 {
        let Some((densest, (peak, first))) = self.slots.iter().rev().max_by_key(|(_, (count, _))| *count)
        else {
            return 0;
        };
        let (mut slot, mut start) = (*densest, *first);
        for (earlier, (count, first)) in self.slots.range(..densest).rev() {
            if count * DENSE < *peak {
                continue;
            }
            if earlier + 2 < slot {
                break;
            }
            (slot, start) = (*earlier, *first);
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
        assert_eq!(onset(&[]), 0);
    }
}
