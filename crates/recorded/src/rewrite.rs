//! Other times and other trace ids in a request, in place: no field changes its length.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::quality::FixedState;
use throughline_otlp::wire::WireError;

use crate::places::{What, visit};

/// Fresh trace ids for old ones: equal ones for equal ones, across all files of a replay.
#[derive(Clone, Debug)]
pub(crate) struct NewIds {
    halves: [FixedState; 2],
}

impl NewIds {
    /// Ids that depend on `key` alone.
    pub(crate) fn new(key: u64) -> Self {
        Self { halves: [FixedState::with_seed(key), FixedState::with_seed(!key.rotate_left(32))] }
    }

    fn of(&self, id: &[u8]) -> [u8; 16] {
        let [high, low] = self.halves.each_ref().map(|half| u128::from(half.hash_one(id)));
        // All zeroes mean "no id".
        ((high << 64) | low).max(1).to_be_bytes()
    }
}

/// What is to be changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rewrite {
    /// Nanoseconds to add to every time.
    pub(crate) shift: i64,
    pub(crate) new_ids: Option<NewIds>,
}

impl Rewrite {
    pub(crate) fn changes_nothing(&self) -> bool {
        self.shift == 0 && self.new_ids.is_none()
    }

    /// Changes a request.
    pub(crate) fn apply(&self, request: &mut [u8]) -> Result<(), WireError> {
        let mut places: Vec<(What, Range<usize>)> = Vec::new();
        visit(request, &mut |what, range| places.push((what, range)))?;
        for (what, range) in places {
            match what {
                What::Span => {}
                What::Start(time) | What::End(time) | What::EventTime(time) => {
                    request[range].copy_from_slice(&self.moved(time).to_le_bytes());
                }
                What::TraceId | What::LinkTraceId => self.rename(&mut request[range]),
            }
        }
        Ok(())
    }

    /// 0 means "unknown" and stays.
    fn moved(&self, time: u64) -> u64 {
        if time == 0 { 0 } else { time.saturating_add_signed(self.shift) }
    }

    /// An id of a wrong length is the server's to refuse.
    fn rename(&self, id: &mut [u8]) {
        if let (Some(new_ids), 16) = (&self.new_ids, id.len()) {
            let fresh = new_ids.of(id);
            id.copy_from_slice(&fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use prost::Message;

    use super::*;

    fn request(trace_id: u8, linked: u8, time: u64) -> ExportTraceServiceRequest {
        let span = Span {
            trace_id: vec![trace_id; 16],
            span_id: vec![1; 8],
            start_time_unix_nano: time,
            end_time_unix_nano: time + 10,
            events: vec![Event { time_unix_nano: time + 5, ..Event::default() }, Event::default()],
            links: vec![Link { trace_id: vec![linked; 16], ..Link::default() }],
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }],
        }
    }

    fn applied(rewrite: &Rewrite, request: &ExportTraceServiceRequest) -> Span {
        let mut bytes = request.encode_to_vec();
        rewrite.apply(&mut bytes).unwrap();
        let mut changed = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        changed.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
    }

    #[test]
    fn times_move_together_and_unknown_ones_stay() {
        let rewrite = Rewrite { shift: -50, new_ids: None };
        let span = applied(&rewrite, &request(7, 8, 1_000));
        assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (950, 960));
        assert_eq!(span.events.iter().map(|event| event.time_unix_nano).collect::<Vec<_>>(), [955, 0]);
        assert_eq!(span.trace_id, vec![7; 16]);
    }

    #[test]
    fn new_ids_are_new_and_the_same_in_links() {
        let rewrite = Rewrite { shift: 0, new_ids: Some(NewIds::new(3)) };
        let (first, second) =
            (applied(&rewrite, &request(7, 8, 1_000)), applied(&rewrite, &request(8, 7, 1_000)));
        assert_ne!(first.trace_id, vec![7; 16]);
        assert_eq!(first.trace_id, second.links[0].trace_id);
        assert_eq!(second.trace_id, first.links[0].trace_id);
        assert_ne!(first.trace_id, second.trace_id);
        assert_eq!(first.span_id, vec![1; 8]);
        let other = Rewrite { shift: 0, new_ids: Some(NewIds::new(4)) };
        assert_ne!(applied(&other, &request(7, 8, 1_000)).trace_id, first.trace_id);
    }
}
