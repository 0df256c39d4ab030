//! What decisions are to write, until a snapshot stands behind the batch that has it. A late keep brings back what no open transaction holds any more: between
//! its decision and its batch a log over its size would let go of it.

use throughline_assembly::{
    decide::Positioned,
    place::Place,
    records::{Closed, KeptTrace, TraceSummary},
    transactions::Needed,
};

/// Of one fold.
pub(super) struct Unsaved {
    partitions: u32,
    /// Before the last cut that was asked for.
    before: Needed,
    after: Needed,
}

impl Unsaved {
    pub(super) fn new(partitions: u32) -> Self {
        Self { partitions, before: Needed::nothing(partitions), after: Needed::nothing(partitions) }
    }

    /// A decision is made; whether it holds more than those before it.
    pub(super) fn decided(&mut self, closed: &Closed, summaries: &[Positioned<'_>]) -> bool {
        let summary_of =
            |kept: &KeptTrace| summaries.iter().find(|(place, _)| place.packed() == kept.summary);
        let kept = closed.kept.iter().filter_map(summary_of);
        kept.fold(false, |more, (place, summary)| lower(&mut self.after, *place, summary) | more)
    }

    /// A kept trace of a decision of before the start is read again: it lies before the next cut.
    pub(super) fn read(&mut self, place: Place, summary: &TraceSummary) {
        lower(&mut self.before, place, summary);
    }

    /// A cut follows.
    pub(super) fn cut(&mut self) {
        self.before.lower(&self.after);
        self.after = Needed::nothing(self.partitions);
    }

    /// A snapshot at the last cut is saved.
    pub(super) fn saved(&mut self) {
        self.before = Needed::nothing(self.partitions);
    }

    pub(super) fn needed(&self) -> Needed {
        let mut needed = self.before.clone();
        needed.lower(&self.after);
        needed
    }
}

/// The summary, and the bytes that it names.
fn lower(needed: &mut Needed, place: Place, summary: &TraceSummary) -> bool {
    let oldest = summary.records.iter().min();
    let bytes = oldest.is_some_and(|oldest| needed.span(Place::new(summary.partition, *oldest)));
    needed.summary(place) | bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(unsaved: &mut Unsaved, at: u64, records: &[u64]) -> bool {
        let place = Place::new(1, at);
        let summary = TraceSummary { partition: 1, records: records.to_vec(), ..TraceSummary::default() };
        let kept = vec![KeptTrace { summary: place.packed(), ..KeptTrace::default() }];
        unsaved.decided(&Closed { kept, ..Closed::default() }, &[(place, &summary)])
    }

    /// Until the snapshot at a cut behind it, and no longer.
    #[test]
    fn it_is_held_until_a_snapshot_stands_behind_it() {
        let mut unsaved = Unsaved::new(2);
        assert!(decide(&mut unsaved, 90, &[40, 30, 50]));
        assert!(!decide(&mut unsaved, 95, &[45]));
        unsaved.cut();
        // Behind the cut: what is saved there does not have it.
        assert!(decide(&mut unsaved, 99, &[35]));
        let needed = unsaved.needed();
        assert_eq!((needed.spans[1], needed.summaries[1], needed.spans[0]), (30, 90, u64::MAX));
        unsaved.saved();
        assert_eq!((unsaved.needed().spans[1], unsaved.needed().summaries[1]), (35, 99));
        unsaved.cut();
        unsaved.saved();
        assert_eq!(unsaved.needed(), Needed::nothing(2));
    }

    /// What is dropped holds nothing.
    #[test]
    fn what_is_dropped_holds_nothing() {
        let mut unsaved = Unsaved::new(1);
        assert!(!unsaved.decided(&Closed::default(), &[]));
        assert_eq!(unsaved.needed(), Needed::nothing(1));
    }
}
