//! One stored span, and what it was.

use serde::{Deserialize, Serialize};

use super::error::RestoreError;
use super::wire;
use crate::rows::spans::{EMPTY_STATUS, KINDS, STATUSES, ZERO_PARENT};
use throughline_otlp::wire::{Reader, Value};

/// Field of the `Span` message.
const TRACE_STATE: u32 = 3;

/// A row of `spans`; what may hold any bytes is in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns of `spans`, under their names")]
pub struct StoredSpan {
    pub trace_id: String,
    pub ids: String,
    pub start: u64,
    pub duration: u64,
    pub state: String,
    pub name: String,
    pub kind: String,
    pub status: String,
    pub message: String,
    pub attributes: String,
    pub values: String,
    pub events: String,
    pub links: String,
    pub extra: String,
    pub source: String,
    pub transaction: String,
}

/// What was sent: message bodies and schema URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredSpan {
    /// `Resource`.
    pub resource: Vec<u8>,
    /// `ResourceSpans.schema_url`.
    pub resource_schema_url: String,
    /// `InstrumentationScope`.
    pub scope: Vec<u8>,
    /// `ScopeSpans.schema_url`.
    pub scope_schema_url: String,
    /// `Span`.
    pub span: Vec<u8>,
}

/// JSON objects whose order and doubled keys matter: a list of pairs.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[derive(Deserialize)]
struct Learnt {
    l: Pairs,
    h: Vec<String>,
    t: String,
    f: u32,
}

#[derive(Deserialize)]
struct Event {
    t: u64,
    n: String,
    a: Pairs,
    y: String,
}

#[derive(Deserialize)]
struct Link {
    t: String,
    s: String,
    w: String,
    a: Pairs,
    y: String,
    #[serde(default)]
    f: u32,
}

impl StoredSpan {
    /// What was sent.
    ///
    /// # Errors
    /// [`RestoreError`] where the row is not what the encoder writes.
    pub fn restore(&self) -> Result<RestoredSpan, RestoreError> {
        let source = unhex(&self.source, "SourceWire")?;
        let mut rest = &source[..];
        let mut part = || take_string(&mut rest).ok_or(RestoreError::Column("SourceWire"));
        let (resource, resource_url, scope, scope_url) = (part()?, part()?, part()?, part()?);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| RestoreError::Column("SourceWire"));
        Ok(RestoredSpan {
            resource,
            resource_schema_url: text(resource_url)?,
            scope,
            scope_schema_url: text(scope_url)?,
            span: self.span()?,
        })
    }

    fn span(&self) -> Result<Vec<u8>, RestoreError> {
        let mut extra = unhex(&self.extra, "Extra")?;
        let state = unhex(&self.state, "TraceState")?;
        if !extra.is_empty() {
            // As received, but for the trace state: of a field that stands twice the last one counts.
            if trace_state(&extra) != state {
                wire::message(&mut extra, TRACE_STATE, &state);
            }
            return Ok(extra);
        }
        let learnt: Learnt = json(self.attributes.as_bytes(), "Attributes")?;
        let ids = unhex(&self.ids, "Ids")?;
        let (span, parent) = ids.split_at_checked(8).ok_or(RestoreError::Column("Ids"))?;
        let mut out = Vec::new();
        wire::bytes(&mut out, 1, &unhex(&self.trace_id, "TraceId")?);
        wire::bytes(&mut out, 2, span);
        wire::bytes(&mut out, TRACE_STATE, &state);
        if parent.iter().any(|&byte| byte != 0) || learnt.f & ZERO_PARENT != 0 {
            wire::bytes(&mut out, 4, parent);
        }
        wire::bytes(&mut out, 5, &unhex(&self.name, "SpanName")?);
        wire::varint(&mut out, 6, place(&KINDS, &self.kind));
        wire::fixed64(&mut out, 7, self.start);
        wire::fixed64(&mut out, 8, self.start + self.duration);
        self.attributes(&learnt, &mut out)?;
        self.events(&mut out)?;
        self.links(&mut out)?;
        let mut status = Vec::new();
        wire::bytes(&mut status, 2, &unhex(&self.message, "StatusMessage")?);
        wire::varint(&mut status, 3, place(&STATUSES, &self.status));
        if !status.is_empty() || learnt.f & EMPTY_STATUS != 0 {
            wire::message(&mut out, 15, &status);
        }
        wire::fixed32(&mut out, 16, learnt.f & !(EMPTY_STATUS | ZERO_PARENT));
        Ok(out)
    }

    fn attributes(&self, learnt: &Learnt, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        let values = unhex(&self.values, "Values")?;
        let transaction = unhex(&self.transaction, "TransactionId")?;
        let wrong = || RestoreError::Column("Attributes");
        let mut low = learnt.l.0.iter();
        let mut high = learnt.h.iter().zip(values.split(|&byte| byte == 0));
        for tag in learnt.t.bytes() {
            if tag.is_ascii_uppercase() {
                let (key, value) = high.next().ok_or_else(wrong)?;
                let value = if value == b"\x01t" { transaction.clone() } else { unescaped(value) };
                wire::key_value(out, 9, key.as_bytes(), tag.to_ascii_lowercase(), &value)
                    .ok_or_else(wrong)?;
            } else {
                let (key, value) = low.next().ok_or_else(wrong)?;
                wire::key_value(out, 9, key.as_bytes(), tag, value.as_bytes()).ok_or_else(wrong)?;
            }
        }
        Ok(())
    }

    fn events(&self, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        for event in list::<Event>(&self.events, "Events")? {
            let mut message = Vec::new();
            wire::fixed64(&mut message, 1, event.t);
            wire::bytes(&mut message, 2, event.n.as_bytes());
            pairs(&event.a, &event.y, 3, &mut message).ok_or(RestoreError::Column("Events"))?;
            wire::message(out, 11, &message);
        }
        Ok(())
    }

    fn links(&self, out: &mut Vec<u8>) -> Result<(), RestoreError> {
        for link in list::<Link>(&self.links, "Links")? {
            let mut message = Vec::new();
            wire::bytes(&mut message, 1, &unhex(&link.t, "Links")?);
            wire::bytes(&mut message, 2, &unhex(&link.s, "Links")?);
            wire::bytes(&mut message, 3, link.w.as_bytes());
            pairs(&link.a, &link.y, 4, &mut message).ok_or(RestoreError::Column("Links"))?;
            wire::fixed32(&mut message, 6, link.f);
            wire::message(out, 13, &message);
        }
        Ok(())
    }
}

fn pairs(pairs: &Pairs, types: &str, field: u32, out: &mut Vec<u8>) -> Option<()> {
    let mut types = types.bytes();
    for (key, value) in &pairs.0 {
        wire::key_value(out, field, key.as_bytes(), types.next()?, value.as_bytes())?;
    }
    Some(())
}

fn json<'a, T: Deserialize<'a>>(text: &'a [u8], column: &'static str) -> Result<T, RestoreError> {
    serde_json::from_slice(text).map_err(|_| RestoreError::Column(column))
}

fn list<T: for<'a> Deserialize<'a>>(hex: &str, column: &'static str) -> Result<Vec<T>, RestoreError> {
    let text = unhex(hex, column)?;
    if text.is_empty() { Ok(Vec::new()) } else { json(&text, column) }
}

fn unhex(text: &str, column: &'static str) -> Result<Vec<u8>, RestoreError> {
    hex::decode(text).map_err(|_| RestoreError::Column(column))
}

fn place(names: &[&str], name: &str) -> u64 {
    names.iter().position(|known| *known == name).unwrap_or_default() as u64
}

/// The trace state of a span's message.
fn trace_state(span: &[u8]) -> &[u8] {
    let mut reader = Reader::new(span);
    let mut state: &[u8] = &[];
    while let Ok(Some((field, value))) = reader.next_field() {
        if let (TRACE_STATE, Value::Bytes(bytes)) = (field, value) {
            state = bytes;
        }
    }
    state
}

fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut bytes = value.iter();
    let mut out = Vec::with_capacity(value.len());
    while let Some(&byte) = bytes.next() {
        out.push(match byte {
            1 if bytes.next() == Some(&b'z') => 0,
            other => other,
        });
    }
    out
}

/// A varint length and as many bytes.
fn take_string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (mut len, mut shift) = (0usize, 0);
    loop {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        len |= usize::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
        if byte < 0x80 {
            break;
        }
    }
    let (bytes, after) = rest.split_at_checked(len)?;
    *rest = after;
    Some(bytes.to_vec())
}
