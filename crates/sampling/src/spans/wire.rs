//! What only a span's bytes tell: trace state, flags, events. Read where a question takes them, and nowhere else; the scan has checked the bytes.

use throughline_otlp::{
    plan::{AttributeTest, Matcher},
    wire::{Reader, Value},
};

use super::{EventView, SpanQuestions, SpanView};

/// Fields of the `Span` message.
mod field {
    pub(super) const TRACE_STATE: u32 = 3;
    pub(super) const EVENT: u32 = 11;
    pub(super) const FLAGS: u32 = 16;

    /// Of an event.
    pub(super) const NAME: u32 = 2;
    /// Of an event.
    pub(super) const ATTRIBUTE: u32 = 3;

    /// Of an attribute.
    pub(super) const KEY: u32 = 1;
    /// Of an attribute.
    pub(super) const VALUE: u32 = 2;

    /// Of a value.
    pub(super) const TEXT: u32 = 1;
    /// Of a value.
    pub(super) const BOOL: u32 = 2;
    /// Of a value.
    pub(super) const INT: u32 = 3;
    /// Of a value.
    pub(super) const DOUBLE: u32 = 4;
}

impl SpanQuestions {
    /// Bits of all questions that a span or an event of it answers with yes, to be ORed to [`SpanView::matches`]. `body` is its `Span` message
    /// ([`throughline_otlp::SpanFact::body`]): what is needed of trace state, flags and events is read from it.
    #[must_use]
    pub fn answer_body<'a>(&self, span: &SpanView<'a>, body: &'a [u8]) -> u64 {
        let mut span = *span;
        if self.needs.trace_state || self.needs.flags {
            for (number, value) in fields(body) {
                match (number, value) {
                    (field::TRACE_STATE, Value::Bytes(bytes)) => span.trace_state = text(bytes),
                    (field::FLAGS, Value::Fixed32(flags)) => span.flags = flags,
                    _ => {}
                }
            }
        }
        let mut bits = self.answer(&span);
        if self.needs.events {
            for (number, value) in fields(body) {
                if let (field::EVENT, Value::Bytes(event)) = (number, value) {
                    bits |= self.answer_event(&span, &self.event(event));
                }
            }
        }
        bits
    }

    fn event<'a>(&self, event: &'a [u8]) -> EventView<'a> {
        let mut view = EventView::default();
        for (number, value) in fields(event) {
            match (number, value) {
                (field::NAME, Value::Bytes(name)) => view.name = text(name),
                (field::ATTRIBUTE, Value::Bytes(attribute)) => {
                    view.matches |= matches(&self.event_matchers, attribute);
                }
                _ => {}
            }
        }
        view
    }
}

/// The fields of a message, up to where it breaks.
fn fields(message: &[u8]) -> impl Iterator<Item = (u32, Value<'_>)> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next_field().ok().flatten())
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// Bits of the matchers that an attribute answers with yes.
fn matches(matchers: &[Matcher], attribute: &[u8]) -> u64 {
    let (mut key, mut value): (&[u8], Option<(u32, Value<'_>)>) = (&[], None);
    for (number, found) in fields(attribute) {
        match (number, found) {
            (field::KEY, Value::Bytes(bytes)) => key = bytes,
            // A value is one of several: the last one counts.
            (field::VALUE, Value::Bytes(bytes)) => value = fields(bytes).last(),
            _ => {}
        }
    }
    let Some((kind, value)) = value else { return 0 };
    let asked = matchers.iter().filter(|matcher| matcher.key.as_bytes() == key);
    asked
        .filter(|matcher| says_yes(&matcher.test, kind, value))
        .fold(0, |bits, matcher| bits | 1 << matcher.bit)
}

fn says_yes(test: &AttributeTest, kind: u32, value: Value<'_>) -> bool {
    match (test, kind, value) {
        (AttributeTest::Present, ..) => true,
        (AttributeTest::StringIn(texts), field::TEXT, Value::Bytes(text)) => {
            texts.iter().any(|one| **one == *text)
        }
        (AttributeTest::StringMatches(patterns), field::TEXT, Value::Bytes(text)) => {
            patterns.iter().any(|pattern| pattern.is_match(text))
        }
        (AttributeTest::Bool(wanted), field::BOOL, Value::Varint(value)) => *wanted == (value != 0),
        (AttributeTest::Number { min, max }, field::INT, Value::Varint(value)) => {
            within(&(value.cast_signed() as f64), min.as_ref(), max.as_ref())
        }
        (AttributeTest::Number { min, max }, field::DOUBLE, Value::Fixed64(bits)) => {
            within(&f64::from_bits(bits), min.as_ref(), max.as_ref())
        }
        (AttributeTest::Integer { min, max }, field::INT, Value::Varint(value)) => {
            within(&value.cast_signed(), min.as_ref(), max.as_ref())
        }
        (AttributeTest::Integer { min, max }, field::DOUBLE, Value::Fixed64(bits)) => {
            let (min, max) = (min.map(|min| min as f64), max.map(|max| max as f64));
            within(&f64::from_bits(bits), min.as_ref(), max.as_ref())
        }
        _ => false,
    }
}

fn within<N: PartialOrd>(number: &N, min: Option<&N>, max: Option<&N>) -> bool {
    min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max)
}
