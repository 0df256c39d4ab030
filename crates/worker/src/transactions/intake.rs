//! Records of the summary log that bring something: handed to the fold, and shown as in flight.

use smallvec::SmallVec;
use throughline_assembly::{
    names::NameHash,
    place::Place,
    records::TraceSummary,
    transactions::{EmittedBody, Link, Member, Needed, SummaryEvent, TraceHead, decode_links},
};
use throughline_log::{Position, Record};

use super::TransactionsDriver;
use crate::{
    WorkerError,
    events::{cause_of, emitted_by_fold, head_of, moved_of, summary_of},
    limits::MAX_FULL_TOLD,
};

impl TransactionsDriver {
    /// What was open at the snapshot is in flight again.
    pub(super) fn show_open(&self) {
        let open = self.fold.open_transactions();
        open.for_each(|(name, members)| self.show(name, members.iter().map(|member| member.place())));
    }

    fn show(&self, name: NameHash, places: impl Iterator<Item = Place>) {
        for place in places {
            let record = self.log.fetch(place.partition(), Position(place.position())).ok();
            if let Some(head) = record.as_ref().and_then(head_of) {
                self.in_flight.add(name, TraceHead::from(&head), place);
            }
        }
    }

    pub(super) fn take_summary(&mut self, record: &Record) {
        let cached = record.cache.as_ref().and_then(|cache| cache.downcast_ref::<TraceSummary>());
        let decoded = if cached.is_some() { None } else { head_of(record) };
        let head = cached.map(TraceHead::from).or(decoded.as_ref().map(TraceHead::from));
        let (Some((source, cause)), Some(mut summary)) = (cause_of(record), head) else {
            undecodable(record, "a summary");
            return;
        };
        if summary.rules_version != self.fold.rules().version
            && let Some(whole) = summary_of(record)
        {
            summary.terminals = self.fold.rules().terminals_of(&whole);
        }
        let position = record.position.0;
        let event = SummaryEvent::Summary { source, cause, summary };
        self.fold.apply(position, event, &mut self.decisions);
        if let Some(name) = self.fold.filed() {
            self.in_flight.add(name, summary, Place::new(self.partition, position));
        }
        self.tell_full(summary);
    }

    /// A name that takes no more traces is told with its text, once: an empty or constant id is a fault of whoever sends it.
    fn tell_full(&mut self, summary: TraceHead<'_>) {
        if let Some(full) = self.fold.full()
            && !self.told_full.contains(&full)
            && let Some((key, value)) = summary.key_of(full, self.fold.rules())
        {
            tracing::warn!(
                key,
                value,
                "a key names more traces than transactions.max_traces; what comes under it from now on stands apart"
            );
            if self.told_full.len() == MAX_FULL_TOLD {
                self.told_full.pop_front();
            }
            self.told_full.push_back(full);
        }
    }

    pub(super) fn take_links(&mut self, record: &Record) {
        let Some((source, cause)) = cause_of(record) else {
            undecodable(record, "a link");
            return;
        };
        let links: SmallVec<[Link; 4]> = decode_links(&record.payload).collect();
        let event = SummaryEvent::Links { source, cause, links: &links };
        self.fold.apply(record.position.0, event, &mut self.decisions);
    }

    pub(super) fn take_moved(&mut self, record: &Record) {
        let (Some((source, cause)), Some(moved)) = (cause_of(record), moved_of(record)) else {
            undecodable(record, "a move");
            return;
        };
        if self.held.is_some() {
            let needed = Needed::of(&moved, self.log.partitions());
            self.bounds.moved(self.partition, record.position, needed);
        }
        let event = SummaryEvent::Move { source, cause, moved: &moved };
        self.fold.apply(record.position.0, event, &mut self.decisions);
        if let Some(name) = self.fold.filed()
            && !self.in_flight.join(moved.from(), name)
        {
            self.show(name, moved.members.iter().map(|member| Member::unpacked(*member).place()));
        }
    }

    /// What the record at `position` caused goes to the folds that own it.
    pub(super) async fn pass_on(&mut self, position: Position) -> Result<(), WorkerError> {
        let source = SummaryEvent::source_of_fold(self.partition, self.log.partitions());
        for emitted in self.fold.take_emitted() {
            let needed = match &emitted.body {
                EmittedBody::Move(moved) => Some(Needed::of(moved, self.log.partitions())),
                EmittedBody::Links(_) => None,
            };
            self.passing.push(emitted.partition, emitted_by_fold(source, position, &emitted), needed);
        }
        self.passing.send();
        if self.passing.is_full() {
            self.passing.drain().await?;
        }
        Ok(())
    }
}

/// It was written by no version of this program.
pub(super) fn undecodable(record: &Record, what: &str) {
    tracing::error!(position = record.position.0, "{what} in the log does not decode; it is left out");
}
