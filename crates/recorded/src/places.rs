//! Where times and trace ids lie in the bytes of a request.
//!
//! Field numbers: opentelemetry-proto, `trace.proto`.

use std::ops::Range;

use throughline_otlp::wire::{Reader, Value, WireError};

/// Something found in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A span begins; its other places follow.
    Span,
    /// The bytes of its trace id.
    TraceId,
    /// Its start, nanoseconds since 1970: 8 bytes, little-endian.
    Start(u64),
    /// Its end.
    End(u64),
    /// The time of one of its events.
    EventTime(u64),
    /// The bytes of the trace id of one of its links.
    LinkTraceId,
}

/// Calls `visit` with each place, in the order of the bytes.
pub(crate) fn visit(request: &[u8], visit: &mut impl FnMut(What, Range<usize>)) -> Result<(), WireError> {
    each(request, 0, 1, &mut |resource, at| {
        each(resource, at, 2, &mut |scope, at| {
            each(scope, at, 2, &mut |span, at| visit_span(span, at, visit))
        })
    })
}

type OnMessage<'a> = &'a mut dyn FnMut(&[u8], usize) -> Result<(), WireError>;

/// Walks the messages in field `number` of `message`, which lies at `base`.
fn each(message: &[u8], base: usize, number: u32, found: OnMessage<'_>) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    while let Some((field, value)) = reader.next_field()? {
        if field == number {
            let inner = value.bytes(field)?;
            found(inner, base + reader.offset() - inner.len())?;
        }
    }
    Ok(())
}

fn visit_span(span: &[u8], base: usize, visit: &mut impl FnMut(What, Range<usize>)) -> Result<(), WireError> {
    visit(What::Span, base..base + span.len());
    let mut reader = Reader::new(span);
    while let Some((field, value)) = reader.next_field()? {
        let end = base + reader.offset();
        match field {
            1 => visit(What::TraceId, end - value.bytes(field)?.len()..end),
            7 => visit(What::Start(value.fixed64(field)?), end - 8..end),
            8 => visit(What::End(value.fixed64(field)?), end - 8..end),
            11 => visit_inner(value, field, end, &mut |field, value, at| {
                if field == 1 {
                    visit(What::EventTime(value.fixed64(field)?), at - 8..at);
                }
                Ok(())
            })?,
            13 => visit_inner(value, field, end, &mut |field, value, at| {
                if field == 1 {
                    visit(What::LinkTraceId, at - value.bytes(field)?.len()..at);
                }
                Ok(())
            })?,
            _ => {}
        }
    }
    Ok(())
}

/// Fields of a message that ends at `end`, each with where it ends.
fn visit_inner(
    value: Value<'_>,
    field: u32,
    end: usize,
    found: &mut dyn FnMut(u32, Value<'_>, usize) -> Result<(), WireError>,
) -> Result<(), WireError> {
    let inner = value.bytes(field)?;
    let base = end - inner.len();
    let mut reader = Reader::new(inner);
    while let Some((field, value)) = reader.next_field()? {
        found(field, value, base + reader.offset())?;
    }
    Ok(())
}
