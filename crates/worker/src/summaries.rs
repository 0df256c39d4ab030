//! The summaries of one transaction, decoded into memory that is used again for the next.

use throughline_assembly::{decide::Positioned, place::Place, records::TraceSummary, traces::decode_summary};
use throughline_log::Record;

/// Summaries that keep their memory: what a transaction of more traces leaves behind is given back.
const MAX_KEPT: usize = 64;

/// Spans of a summary that keeps its memory.
const MAX_SPANS_KEPT: usize = 4096;

#[derive(Default)]
pub(crate) struct Summaries {
    /// Decoded ones first, then memory of earlier ones.
    list: Vec<TraceSummary>,
    places: Vec<Place>,
}

impl Summaries {
    pub(crate) fn clear(&mut self) {
        self.places.clear();
        self.list.truncate(MAX_KEPT);
        self.list.retain(|summary| summary.span_id.capacity() <= MAX_SPANS_KEPT);
    }

    /// Decodes the summary of a record that lies at `place`. One that does not decode was reported when the fold read it.
    pub(crate) fn read(&mut self, place: Place, record: &Record) {
        let used = self.places.len();
        if self.list.len() == used {
            self.list.push(TraceSummary::default());
        }
        let Some(summary) = self.list.get_mut(used) else { return };
        if decode_summary(&record.payload, summary).is_some() {
            self.places.push(place);
        }
    }

    /// Hands each to `change`.
    pub(crate) fn each(&mut self, change: impl FnMut(&mut TraceSummary)) {
        self.list.iter_mut().take(self.places.len()).for_each(change);
    }

    /// With their places, in the order in which they were read.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Positioned<'_>> {
        self.places.iter().copied().zip(&self.list)
    }
}
