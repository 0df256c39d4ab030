//! What kind of error a failed span tells of. Only failed spans are asked, and their bytes are at hand: the scan looks for nothing more.

use throughline_otlp::{
    SpanFact,
    wire::{Reader, Value},
};

/// What it is called among a transaction's attributes.
pub const KEY: &str = "error.type";

/// Longer ones are cut at a character's edge: a type is a name, what is longer is a message.
const MAX_BYTES: usize = 96;

/// Where a span tells of it, and what is put before it; the best first. Semantic conventions 1.37: `error.type` is for all, the others are what older and
/// younger instrumentation says instead.
const SOURCES: [(&str, &str); 6] = [
    ("error.type", ""),
    ("exception.type", ""),
    ("rpc.grpc.status_code", "grpc "),
    ("http.response.status_code", "http "),
    ("http.status_code", "http "),
    ("db.response.status_code", "db "),
];

/// Fields of `Span`, `Event` and `KeyValue`, and of `AnyValue`: opentelemetry-proto 1.9.
mod field {
    pub(super) const ATTRIBUTE: u32 = 9;
    pub(super) const EVENT: u32 = 11;
    pub(super) const EVENT_ATTRIBUTE: u32 = 3;
    pub(super) const KEY: u32 = 1;
    pub(super) const VALUE: u32 = 2;
    pub(super) const STRING: u32 = 1;
    pub(super) const INTEGER: u32 = 3;
}

/// The type of a failed span's error, if it says one.
pub(super) fn of(span: &SpanFact, payload: &[u8]) -> Option<String> {
    let mut best: Option<(usize, String)> = None;
    for (number, value) in fields(span.body.of(payload)) {
        match (number, value) {
            (field::ATTRIBUTE, Value::Bytes(attribute)) => take(attribute, &mut best),
            // An exception stands in an event of the span that threw it.
            (field::EVENT, Value::Bytes(event)) => {
                for (number, value) in fields(event) {
                    if let (field::EVENT_ATTRIBUTE, Value::Bytes(attribute)) = (number, value) {
                        take(attribute, &mut best);
                    }
                }
            }
            _ => {}
        }
    }
    best.map(|(_, says)| says)
}

/// Takes what an attribute says, where it says it better than what is known; of equals the first.
fn take(attribute: &[u8], best: &mut Option<(usize, String)>) {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    for (number, found) in fields(attribute) {
        match (number, found) {
            (field::KEY, Value::Bytes(bytes)) => key = bytes,
            (field::VALUE, Value::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }
    let Some(rank) = SOURCES.iter().position(|(source, _)| source.as_bytes() == key) else { return };
    if best.as_ref().is_some_and(|(known, _)| *known <= rank) {
        return;
    }
    let says = match fields(value).last() {
        Some((field::STRING, Value::Bytes(text))) => std::str::from_utf8(text).unwrap_or_default().to_owned(),
        Some((field::INTEGER, Value::Varint(number))) => number.cast_signed().to_string(),
        _ => return,
    };
    // That there was an answer without a fault is no kind of fault.
    if says.trim().is_empty() || (SOURCES[rank].1 == "grpc " && says == "0") {
        return;
    }
    let mut says = format!("{}{}", SOURCES[rank].1, says.trim());
    says.truncate(says.floor_char_boundary(MAX_BYTES));
    *best = Some((rank, says));
}

/// The fields of a message, up to where it breaks.
fn fields(message: &[u8]) -> impl Iterator<Item = (u32, Value<'_>)> {
    let mut reader = Reader::new(message);
    std::iter::from_fn(move || reader.next_field().ok().flatten())
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value as Any},
        trace::v1::{Span, span::Event},
    };
    use prost::Message;
    use throughline_otlp::facts::Range;

    use super::*;

    fn attribute(key: &str, value: Any) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    fn says(attributes: Vec<KeyValue>, thrown: &[&str]) -> Option<String> {
        let event = |kind: &&str| Event {
            name: "exception".to_owned(),
            attributes: vec![attribute("exception.type", Any::StringValue((*kind).to_owned()))],
            ..Event::default()
        };
        let span = Span { attributes, events: thrown.iter().map(event).collect(), ..Span::default() };
        let payload = span.encode_to_vec();
        let body = Range { start: 0, len: payload.len() as u32 };
        of(&SpanFact { body, ..SpanFact::default() }, &payload)
    }

    #[test]
    fn the_best_source_says_it() {
        let http = || attribute("http.response.status_code", Any::IntValue(503));
        let named = || attribute("error.type", Any::StringValue("timeout".to_owned()));
        assert_eq!(says(vec![http()], &[]).as_deref(), Some("http 503"));
        assert_eq!(says(vec![http()], &["SqlTimeout", "Other"]).as_deref(), Some("SqlTimeout"));
        assert_eq!(says(vec![http(), named()], &["SqlTimeout"]).as_deref(), Some("timeout"));
        let grpc = |code| attribute("rpc.grpc.status_code", Any::IntValue(code));
        assert_eq!(says(vec![grpc(14), http()], &[]).as_deref(), Some("grpc 14"));
        assert_eq!(says(vec![grpc(0)], &[]), None);
        assert_eq!(says(vec![attribute("net.peer.name", Any::StringValue("x".to_owned()))], &[]), None);
    }

    #[test]
    fn a_message_in_its_place_is_cut() {
        let long = attribute("error.type", Any::StringValue("ä".repeat(100)));
        assert_eq!(says(vec![long], &[]).map(|text| text.len()), Some(MAX_BYTES));
    }
}
