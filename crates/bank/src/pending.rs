//! Transfers under way: which spans are still to be sent, which wait for an answer.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::plan::{Span, Transfer};
use crate::sdk::Answer;

/// A transfer of which not all spans are answered.
struct UnderWay {
    transfer: Transfer,
    unanswered: usize,
    unacknowledged: Vec<[u8; 8]>,
}

/// A transfer that is done, with the spans that were not acknowledged.
pub(crate) struct Done {
    pub(crate) transfer: Transfer,
    pub(crate) unacknowledged: Vec<[u8; 8]>,
}

/// All transfers under way.
#[derive(Default)]
pub(crate) struct Pending {
    under_way: HashMap<u64, UnderWay>,
    by_trace: HashMap<[u8; 16], u64>,
    /// Spans to send, by their end: transfer and place in it.
    due: BinaryHeap<Reverse<(u64, u64, usize)>>,
}

impl Pending {
    pub(crate) fn add(&mut self, transfer: Transfer) {
        let number = transfer.number;
        self.by_trace.extend(transfer.trace_ids.iter().map(|id| (*id, number)));
        self.due.extend(transfer.spans.iter().enumerate().map(|(at, span)| Reverse((span.end, number, at))));
        let unanswered = transfer.spans.len();
        self.under_way.insert(number, UnderWay { transfer, unanswered, unacknowledged: Vec::new() });
    }

    /// The next span to send, if it ended by `now`. It stays until [`Self::sent`].
    pub(crate) fn due(&mut self, now: u64) -> Option<&mut Span> {
        let Reverse((end, number, at)) = *self.due.peek()?;
        if end > now {
            return None;
        }
        self.under_way.get_mut(&number).map(|under_way| &mut under_way.transfer.spans[at])
    }

    /// The span of [`Self::due`] is sent.
    pub(crate) fn sent(&mut self) {
        self.due.pop();
    }

    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Notes an answer; returns the transfers that are done by it.
    pub(crate) fn answered(&mut self, answer: &Answer) -> Vec<Done> {
        let mut done = Vec::new();
        for (trace_id, span_id) in &answer.spans {
            let Some(number) = self.by_trace.get(trace_id) else { continue };
            let Some(under_way) = self.under_way.get_mut(number) else { continue };
            under_way.unanswered -= 1;
            if !answer.taken {
                under_way.unacknowledged.push(*span_id);
            }
            if under_way.unanswered == 0 {
                let number = *number;
                done.extend(self.remove(number));
            }
        }
        done
    }

    fn remove(&mut self, number: u64) -> Option<Done> {
        let UnderWay { transfer, unacknowledged, .. } = self.under_way.remove(&number)?;
        for id in &transfer.trace_ids {
            self.by_trace.remove(id);
        }
        Some(Done { transfer, unacknowledged })
    }
}
