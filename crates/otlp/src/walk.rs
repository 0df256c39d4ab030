//! Chosen spans of a record with what stands around them: how the bytes of kept spans are read back.

use crate::wire::{Reader, WireError};

const RESOURCE_SPANS: u32 = 1;
const HEAD: u32 = 1;
const ITEM: u32 = 2;
const SCHEMA_URL: u32 = 3;

/// A span's body and what it belongs to, all as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanVisit<'a> {
    /// Which `ResourceSpans` of the record, from 0: spans of one share what was decoded of it.
    pub resource_index: u32,
    /// The `Resource` message; empty where absent.
    pub resource: &'a [u8],
    /// Of the resource, UTF-8.
    pub resource_schema_url: &'a [u8],
    /// Which `ScopeSpans` of its resource, from 0.
    pub scope_index: u32,
    /// The `InstrumentationScope` message; empty where absent.
    pub scope: &'a [u8],
    /// Of the scope, UTF-8.
    pub scope_schema_url: &'a [u8],
    /// Offset of the body in the record, as [`crate::SpanFact::body`] has it.
    pub offset: u32,
    /// The `Span` message.
    pub span: &'a [u8],
}

/// Visits the spans whose bodies start at `bodies` (offsets, ascending), in their order; all else is passed over by length. Tells how many were there:
/// fewer than asked for means that offsets and payload do not belong together.
///
/// # Errors
/// [`WireError`] where a frame on the way is broken; bodies are not looked into.
pub fn walk_spans(
    payload: &[u8],
    bodies: &[u32],
    mut visit: impl FnMut(SpanVisit<'_>),
) -> Result<usize, WireError> {
    let mut wanted = Wanted { bodies, at: 0 };
    let mut heads = Heads::default();
    let mut resource_index = 0;
    let mut reader = Reader::new(payload);
    while let Some((field, value)) = reader.next_field()? {
        if wanted.is_done() {
            break;
        }
        if field != RESOURCE_SPANS {
            continue;
        }
        let body = value.bytes(field)?;
        let start = reader.offset() - body.len();
        if wanted.is_within(start, body.len()) {
            walk_resource((start, body, resource_index), &mut wanted, &mut heads, &mut visit)?;
        }
        resource_index += 1;
    }
    Ok(wanted.at)
}

fn walk_resource(
    (start, body, resource_index): (usize, &[u8], u32),
    wanted: &mut Wanted<'_>,
    heads: &mut Heads,
    visit: &mut impl FnMut(SpanVisit<'_>),
) -> Result<(), WireError> {
    let Heads { resource: resource_buffer, scope: scope_buffer } = heads;
    let (resource, resource_schema_url) = head(body, resource_buffer)?;
    let mut scope_index = 0;
    let mut reader = Reader::new(body);
    while let Some((field, value)) = reader.next_field()? {
        if field != ITEM {
            continue;
        }
        let scope_body = value.bytes(field)?;
        let scope_start = start + reader.offset() - scope_body.len();
        if wanted.is_within(scope_start, scope_body.len()) {
            let (scope, scope_schema_url) = head(scope_body, scope_buffer)?;
            let mut spans = Reader::new(scope_body);
            while let Some((field, value)) = spans.next_field()? {
                if field != ITEM {
                    continue;
                }
                let span = value.bytes(field)?;
                let offset = (scope_start + spans.offset() - span.len()) as u32;
                if wanted.take(offset) {
                    visit(SpanVisit {
                        resource_index,
                        resource,
                        resource_schema_url,
                        scope_index,
                        scope,
                        scope_schema_url,
                        offset,
                        span,
                    });
                }
            }
        }
        scope_index += 1;
    }
    Ok(())
}

/// The offsets still to come.
struct Wanted<'a> {
    bodies: &'a [u32],
    at: usize,
}

impl Wanted<'_> {
    fn is_done(&self) -> bool {
        self.at == self.bodies.len()
    }

    fn is_within(&self, start: usize, len: usize) -> bool {
        self.bodies.get(self.at).is_some_and(|body| (start..start + len).contains(&(*body as usize)))
    }

    fn take(&mut self, offset: u32) -> bool {
        let is_wanted = self.bodies.get(self.at) == Some(&offset);
        self.at += usize::from(is_wanted);
        is_wanted
    }
}

/// Room for messages that were sent in several pieces.
#[derive(Default)]
struct Heads {
    resource: Vec<u8>,
    scope: Vec<u8>,
}

/// The resource or scope of an envelope and its schema URL. Pieces of one message merge by being put one after the other: that is protobuf's rule.
fn head<'a>(envelope: &'a [u8], buffer: &'a mut Vec<u8>) -> Result<(&'a [u8], &'a [u8]), WireError> {
    let (mut first, mut schema_url): (Option<&[u8]>, &[u8]) = (None, &[]);
    buffer.clear();
    let mut reader = Reader::new(envelope);
    while let Some((field, value)) = reader.next_field()? {
        match field {
            HEAD => match first {
                None => first = Some(value.bytes(field)?),
                Some(piece) => {
                    if buffer.is_empty() {
                        buffer.extend_from_slice(piece);
                    }
                    buffer.extend_from_slice(value.bytes(field)?);
                }
            },
            SCHEMA_URL => schema_url = value.bytes(field)?,
            _ => {}
        }
    }
    Ok((if buffer.is_empty() { first.unwrap_or_default() } else { buffer }, schema_url))
}
