//! When traces close, and what they leave behind.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{Emit, EmitBody, TraceKey, Traces, trace::Trace};
use crate::{
    records::{ClosedBy, TraceSummary},
    timers::Due,
};

impl Traces {
    /// Closes all whose deadline has passed at log time `now`.
    pub(super) fn close_due(&mut self, now: u64, out: &mut Vec<Emit>) {
        while let Some(due) = self.timers.take_due(now) {
            for due in due {
                self.look_at(due, now, out);
            }
        }
    }

    fn look_at(&mut self, due: Due, now: u64, out: &mut Vec<Emit>) {
        let settings = &self.rules.settings.traces;
        let Some(Some(trace)) = self.slots.get_mut(due.slot as usize) else { return };
        if trace.generation != due.generation {
            return;
        }
        let deadline = trace.deadline(settings);
        if deadline > now {
            // An earlier look is waiting where the root came meanwhile; one that lies later asks anew.
            if trace.timer <= now {
                trace.timer = deadline;
                self.timers.add(deadline, due);
            }
            return;
        }
        let by_age = trace.opened + settings.max_age <= now;
        let closed_by = if by_age { ClosedBy::Age } else { ClosedBy::Quiet };
        self.close(due.slot, closed_by, now, out);
    }

    /// Closes the trace in `slot`: writes its summary, and remembers where to find it.
    pub(super) fn close(&mut self, slot: u32, closed_by: ClosedBy, now: u64, out: &mut Vec<Emit>) {
        let Some(trace) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.free.push(slot);
        self.open.remove(&trace.key());
        self.span_count -= u64::from(trace.chain.len);
        if trace.chain.len > 0 {
            self.emit_summary(&trace, closed_by, out);
            let key = TraceKey::of(self.strings.text(trace.tenant), trace.id.into());
            self.closed.insert(key, now);
        }
        self.spans.release(trace.chain);
    }

    fn emit_summary(&mut self, trace: &Trace, closed_by: ClosedBy, out: &mut Vec<Emit>) {
        for summary in self.summaries(trace, closed_by) {
            self.note_links(&summary);
            out.push(Emit {
                partition: self.owner(&summary),
                ordinal: 0,
                body: EmitBody::Summary(Arc::new(summary)),
            });
        }
    }

    /// What a trace leaves behind if it closes now, in pieces where one record cannot hold it.
    pub(super) fn summaries(&mut self, trace: &Trace, closed_by: ClosedBy) -> SmallVec<[TraceSummary; 1]> {
        let mut pieces: SmallVec<[_; 1]> = SmallVec::new();
        self.builder.build(trace, &self.spans, &self.strings, &self.resources, &self.rules, |summary| {
            pieces.push(summary);
        });
        let count = pieces.len() as u32;
        for (piece, summary) in pieces.iter_mut().enumerate() {
            summary.partition = self.partition;
            summary.closed_by = closed_by.into();
            summary.piece = piece as u32;
            summary.pieces = count;
        }
        pieces
    }

    /// Opens a trace in a free slot.
    pub(super) fn open(&mut self, trace: Trace) -> u32 {
        let key = trace.key();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            (self.slots.len() - 1) as u32
        });
        self.slots[slot as usize] = Some(trace);
        self.open.insert(key, slot);
        slot
    }
}
