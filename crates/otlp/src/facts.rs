//! What one pass over a request finds: fixed-size facts a span, and sparse lists for what few spans have.

use crate::ids::{SpanId, TraceId};

/// Bits of [`SpanFact::flags`].
pub mod flag {
    /// The lowest three bits: `SpanKind` as OTLP numbers it, 0 to 5 (out of range reads as 0).
    pub const KIND: u16 = 0b111;
    /// Status code is Ok.
    pub const OK: u16 = 1 << 3;
    /// Status code is Error; or none is set and attributes say that it failed, where the plan asks for them.
    pub const ERROR: u16 = 1 << 4;
    /// Has `db.system` or `db.system.name`.
    pub const DATABASE: u16 = 1 << 5;
    /// Has at least one link with a valid trace id (see [`super::Facts::links`]).
    pub const LINKS: u16 = 1 << 6;
    /// Ended before it started: its end was taken to be its start.
    pub const CLAMPED: u16 = 1 << 7;
    /// Has captures (see [`super::Facts::captures`]).
    pub const CAPTURES: u16 = 1 << 8;
    /// Has a trace state: it is read from the body where it is wanted.
    pub const TRACE_STATE: u16 = 1 << 9;
}

/// A range of bytes: start and length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Offset of the first byte.
    pub start: u32,
    /// Length, bytes.
    pub len: u32,
}

impl Range {
    /// The bytes of `text` in this range; empty where it is out of bounds.
    #[must_use]
    pub fn of<'a>(&self, text: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize;
        text.get(start..start + self.len as usize).unwrap_or_default()
    }
}

/// One span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpanFact {
    /// Never zero.
    pub trace_id: TraceId,
    /// Never zero.
    pub span_id: SpanId,
    /// Zero at a root.
    pub parent_id: SpanId,
    /// Unix nanoseconds.
    pub start: u64,
    /// Unix nanoseconds, at least `start`.
    pub end: u64,
    /// The `Span` message's body in the payload (after its tag and length).
    pub body: Range,
    /// Its name in the payload, cut to [`crate::limits::MAX_NAME_BYTES`].
    pub name: Range,
    /// Index in [`Facts::resources`].
    pub resource: u32,
    /// See [`flag`].
    pub flags: u16,
    /// Bits of the plan's matchers that said yes, those of its resource included.
    pub matches: u64,
}

/// One `ResourceSpans` envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResourceFact {
    /// A range of [`Facts::text`] for each of the plan's `resource_keys`, in order; `None` where absent.
    /// `first_value` is the index of the first of them in [`Facts::resource_values`].
    pub first_value: u32,
}

/// The text of one attribute of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capture {
    /// Index in [`Facts::spans`]; captures are in the order of spans.
    pub span: u32,
    /// Index in the plan's `span_keys`.
    pub slot: u16,
    /// Its text in [`Facts::text`]: strings as they are, numbers and booleans as OTLP/JSON would print them; other types are not captured.
    pub text: Range,
}

/// One link of one span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkFact {
    /// Index in [`Facts::spans`]; links are in the order of spans.
    pub span: u32,
    /// The trace linked to.
    pub trace_id: TraceId,
    /// The span linked to; zero where absent.
    pub span_id: SpanId,
}

/// The facts of one record.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Version of the plan under which they were found.
    pub version: u64,
    /// Spans in the order of the payload.
    pub spans: Vec<SpanFact>,
    /// Resources in the order of the payload.
    pub resources: Vec<ResourceFact>,
    /// Values of resources' captured attributes: `plan.resource_keys.len()` for each resource. An absent one has length 0.
    pub resource_values: Vec<Range>,
    /// Captured span attributes, sparse.
    pub captures: Vec<Capture>,
    /// Links, sparse.
    pub links: Vec<LinkFact>,
    /// The text of what was captured.
    pub text: Vec<u8>,
}

impl Facts {
    /// The captured value of a resource, empty where absent.
    #[must_use]
    pub fn resource_text(&self, resource: u32, slot: usize) -> &[u8] {
        let first = self.resources.get(resource as usize).map_or(0, |resource| resource.first_value as usize);
        self.resource_values.get(first + slot).map_or(&[], |range| range.of(&self.text))
    }
}
