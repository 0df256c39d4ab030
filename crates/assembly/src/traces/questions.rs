//! What policies ask of a span beyond what the scan answers: of several of its facts together, and of its bytes.

use throughline_otlp::{
    SpanFact,
    facts::flag,
    wire::{Reader, Value},
};
use throughline_sampling::{Sampled, SpanQuestions, SpanView, status};

use crate::rules::Rules;

/// Field of the `Span` message.
const TRACE_STATE: u32 = 3;

impl Rules {
    /// Bits of what policies ask, of those that a span of a record answers with yes. Its facts are of these rules.
    #[must_use]
    pub fn matches_of(&self, span: &SpanFact, payload: &[u8]) -> u64 {
        let more = if self.questions.is_empty() { 0 } else { answers(&self.questions, span, payload) };
        span.matches | more
    }
}

/// Bits of the questions that a span answers with yes.
fn answers(questions: &SpanQuestions, span: &SpanFact, payload: &[u8]) -> u64 {
    let view = SpanView {
        name: std::str::from_utf8(span.name.of(payload)).unwrap_or_default(),
        kind: (span.flags & flag::KIND) as u8,
        status: match span.flags & (flag::OK | flag::ERROR) {
            0 => status::UNSET,
            flag::OK => status::OK,
            _ => status::ERROR,
        },
        duration_ns: span.end - span.start,
        root: span.parent_id.0 == 0,
        matches: span.matches,
        ..SpanView::default()
    };
    questions.answer_body(&view, span.body.of(payload))
}

/// What a span's trace state says of sampling, as a trace state of that member alone; empty where it says nothing.
pub(super) fn sampled(span: &SpanFact, payload: &[u8]) -> String {
    let mut reader = Reader::new(span.body.of(payload));
    let mut says = Sampled::default();
    while let Ok(Some((number, value))) = reader.next_field() {
        if let (TRACE_STATE, Value::Bytes(bytes)) = (number, value) {
            says = std::str::from_utf8(bytes).map(Sampled::parse).unwrap_or_default();
        }
    }
    says.to_string()
}
