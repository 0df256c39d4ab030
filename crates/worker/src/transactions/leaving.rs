//! What is decided and not yet in the store: still found as in flight, so that nobody is told meanwhile that there is no such transaction.

use std::collections::VecDeque;

use throughline_assembly::names::NameHash;

use crate::limits::MAX_LEAVING;

/// Names of decided transactions, in the order of the cuts that end their batches.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    /// Since the last cut.
    uncut: VecDeque<NameHash>,
    /// Each with its cut.
    sealed: VecDeque<(u64, NameHash)>,
    /// The last cut of what was given back before it was stored; [`UNCUT`] where it is to come.
    short: Option<u64>,
}

/// After every cut.
const UNCUT: u64 = u64::MAX;

impl Leaving {
    /// One was decided. Gives back the oldest where there are too many.
    pub(super) fn add(&mut self, name: NameHash) -> Option<NameHash> {
        self.uncut.push_back(name);
        if self.uncut.len() + self.sealed.len() <= MAX_LEAVING {
            return None;
        }
        let oldest = self.sealed.pop_front().or_else(|| self.uncut.pop_front().map(|name| (UNCUT, name)));
        self.short = self.short.max(oldest.map(|(cut, _)| cut));
        oldest.map(|(_, name)| name)
    }

    /// Whether some of what was given back is not in the store.
    pub(super) fn is_short(&self) -> bool {
        self.short.is_some()
    }

    /// What was decided before this cut is in the outbox.
    pub(super) fn seal(&mut self, cut: u64) {
        self.sealed.extend(self.uncut.drain(..).map(|name| (cut, name)));
        self.short = self.short.map(|short| if short == UNCUT { cut } else { short });
    }

    /// The next one whose cut is in the store, where `first` is the first cut that is not (`None`: all are).
    pub(super) fn stored(&mut self, first: Option<u64>) -> Option<NameHash> {
        let is_stored = |&mut (cut, _): &mut (u64, NameHash)| first.is_none_or(|first| cut < first);
        self.short = self.short.filter(|&short| short == UNCUT || first.is_some_and(|first| short >= first));
        self.sealed.pop_front_if(is_stored).map(|(_, name)| name)
    }
}

#[cfg(test)]
mod tests {
    use throughline_assembly::names::Name;

    use super::*;

    fn name(number: usize) -> NameHash {
        Name { tenant: "", place: 0, value: &number.to_string() }.hash()
    }

    #[test]
    fn a_name_leaves_when_its_cut_is_stored() {
        let mut leaving = Leaving::default();
        assert_eq!(leaving.add(name(1)), None);
        leaving.seal(10);
        assert_eq!(leaving.add(name(2)), None);
        leaving.seal(20);
        leaving.add(name(3));
        assert_eq!(leaving.stored(Some(10)), None, "the outbox has it");
        assert_eq!(leaving.stored(Some(20)), Some(name(1)));
        assert_eq!(leaving.stored(Some(20)), None);
        assert_eq!(leaving.stored(None), Some(name(2)));
        assert_eq!(leaving.stored(None), None, "no cut yet");
    }

    #[test]
    fn the_oldest_leaves_early_where_there_are_too_many() {
        let mut leaving = Leaving::default();
        for number in 0..MAX_LEAVING {
            assert_eq!(leaving.add(name(number)), None);
        }
        assert!(!leaving.is_short());
        assert_eq!(leaving.add(name(MAX_LEAVING)), Some(name(0)));
        leaving.seal(10);
        assert_eq!(leaving.add(name(MAX_LEAVING + 1)), Some(name(1)));
        assert!(leaving.is_short());
        assert_eq!(leaving.stored(Some(10)), None);
        assert!(leaving.is_short(), "the store has neither");
        assert_eq!(leaving.stored(None), Some(name(2)));
        assert!(!leaving.is_short());
    }
}
