//! One span: every field checked, facts taken.

use super::{
    Pass,
    attributes::{capture, fails, matches},
    value::{Faults, check_attribute, key_value},
};
use crate::{
    facts::{Capture, LinkFact, Range, SpanFact, flag},
    ids::{SpanId, TraceId},
    limits::MAX_NAME_BYTES,
    lookup::Interest,
    refusal::RejectReason,
    text::cut,
    wire::{Reader, WireError},
};

/// Field numbers as tags: `number << 3 | wire type`.
mod tag {
    pub(super) const TRACE_ID: u32 = 0x0a;
    pub(super) const SPAN_ID: u32 = 0x12;
    pub(super) const TRACE_STATE: u32 = 0x1a;
    pub(super) const PARENT_ID: u32 = 0x22;
    pub(super) const NAME: u32 = 0x2a;
    pub(super) const KIND: u32 = 0x30;
    pub(super) const START: u32 = 0x39;
    pub(super) const END: u32 = 0x41;
    pub(super) const ATTRIBUTE: u32 = 0x4a;
    pub(super) const DROPPED_ATTRIBUTES: u32 = 0x50;
    pub(super) const EVENT: u32 = 0x5a;
    pub(super) const DROPPED_EVENTS: u32 = 0x60;
    pub(super) const LINK: u32 = 0x6a;
    pub(super) const DROPPED_LINKS: u32 = 0x70;
    pub(super) const STATUS: u32 = 0x7a;
    pub(super) const FLAGS: u32 = 0x85;
    pub(super) const LAST: u32 = 16;

    pub(super) mod event {
        pub(in super::super) const TIME: u32 = 0x09;
        pub(in super::super) const NAME: u32 = 0x12;
        pub(in super::super) const ATTRIBUTE: u32 = 0x1a;
        pub(in super::super) const DROPPED_ATTRIBUTES: u32 = 0x20;
        pub(in super::super) const LAST: u32 = 4;
    }

    pub(super) mod link {
        pub(in super::super) const TRACE_ID: u32 = 0x0a;
        pub(in super::super) const SPAN_ID: u32 = 0x12;
        pub(in super::super) const TRACE_STATE: u32 = 0x1a;
        pub(in super::super) const ATTRIBUTE: u32 = 0x22;
        pub(in super::super) const DROPPED_ATTRIBUTES: u32 = 0x28;
        pub(in super::super) const FLAGS: u32 = 0x35;
        pub(in super::super) const LAST: u32 = 6;
    }

    pub(super) mod status {
        pub(in super::super) const MESSAGE: u32 = 0x12;
        pub(in super::super) const CODE: u32 = 0x18;
    }
}

/// A span as it is read. Of a field that is repeated the last one counts.
#[derive(Default)]
struct Read<'a> {
    trace_id: &'a [u8],
    span_id: &'a [u8],
    parent_id: &'a [u8],
    name: &'a [u8],
    kind: u64,
    status: u64,
    start: u64,
    end: u64,
    flags: u16,
    matches: u64,
    /// Attributes say that it failed.
    failed: bool,
    faults: Faults,
}

impl<'r> Pass<'r, '_> {
    /// Reads a span's body. What it captured stays in the lists even where the span is then refused: the caller rolls back.
    pub(super) fn span(&mut self, body: &'r [u8]) -> Result<Result<SpanFact, RejectReason>, WireError> {
        self.found.stamp += 1;
        let mut span = Read::default();
        let mut reader = Reader::new(body);
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::ATTRIBUTE => self.attribute(reader.bytes()?, &mut span)?,
                tag::TRACE_ID => span.trace_id = reader.bytes()?,
                tag::SPAN_ID => span.span_id = reader.bytes()?,
                tag::PARENT_ID => span.parent_id = reader.bytes()?,
                tag::NAME => {
                    span.name = reader.bytes()?;
                    span.faults.check_text(span.name);
                }
                tag::KIND => span.kind = reader.varint()?,
                tag::START => span.start = reader.fixed64()?,
                tag::END => span.end = reader.fixed64()?,
                tag::STATUS => status(reader.bytes()?, &mut span)?,
                tag::FLAGS => drop(reader.fixed32()?),
                tag::TRACE_STATE => {
                    let text = reader.bytes()?;
                    span.faults.check_text(text);
                    span.flags |= if text.is_empty() { 0 } else { flag::TRACE_STATE };
                }
                tag::EVENT => event(reader.bytes()?, &mut span.faults)?,
                tag::LINK => self.link(reader.bytes()?, &mut span)?,
                tag::DROPPED_ATTRIBUTES | tag::DROPPED_EVENTS | tag::DROPPED_LINKS => drop(reader.varint()?),
                _ => reader.skip_unknown(tag, tag::LAST)?,
            }
        }
        Ok(self.fact(body, &span))
    }

    #[inline(always)]
    fn attribute(&mut self, bytes: &'r [u8], span: &mut Read<'r>) -> Result<(), WireError> {
        let (key, value) = key_value(bytes, 1, &mut span.faults)?;
        let plan = self.plan;
        if let Some(interest) = plan.span.find(key) {
            span.matches |= matches(plan.span.matchers(interest), value);
            span.flags |= if interest.database { flag::DATABASE } else { 0 };
            span.failed |= interest.failure.is_some_and(|failure| fails(failure, value));
            if !plan.span.slots(interest).is_empty() && self.is_first(interest) {
                let text = capture(&mut self.found.facts.text, value);
                self.fill(interest, text, span);
            }
        }
        Ok(())
    }

    /// Whether this span has not yet had an attribute of this name: names are unique by the data model, and of a repeated one the first counts.
    fn is_first(&mut self, interest: &Interest) -> bool {
        let found = &mut *self.found;
        self.plan.span.slots(interest).iter().fold(false, |first, slot| {
            let filled = &mut found.filled[usize::from(*slot)];
            first | (std::mem::replace(filled, found.stamp) != found.stamp)
        })
    }

    fn fill(&mut self, interest: &Interest, text: Option<Range>, read: &mut Read<'r>) {
        let Some(text) = text else { return };
        let span = self.found.facts.spans.len() as u32;
        for slot in self.plan.span.slots(interest) {
            self.found.facts.captures.push(Capture { span, slot: *slot, text });
        }
        read.flags |= flag::CAPTURES;
    }

    fn link(&mut self, bytes: &'r [u8], span: &mut Read<'r>) -> Result<(), WireError> {
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let mut reader = Reader::new(bytes);
        while let Some(tag) = reader.next_tag()? {
            match tag {
                tag::link::TRACE_ID => trace_id = reader.bytes()?,
                tag::link::SPAN_ID => span_id = reader.bytes()?,
                tag::link::TRACE_STATE => span.faults.check_text(reader.bytes()?),
                tag::link::ATTRIBUTE => check_attribute(reader.bytes()?, &mut span.faults)?,
                tag::link::DROPPED_ATTRIBUTES => drop(reader.varint()?),
                tag::link::FLAGS => drop(reader.fixed32()?),
                _ => reader.skip_unknown(tag, tag::link::LAST)?,
            }
        }
        // A link to nowhere ties nothing: it stays in the bytes and is no fact. The trace is what ties, so the span linked to may be missing.
        if let Some(trace_id) = valid_trace_id(trace_id) {
            let span_id = valid_span_id(span_id).unwrap_or_default();
            let index = self.found.facts.spans.len() as u32;
            self.found.facts.links.push(LinkFact { span: index, trace_id, span_id });
            span.flags |= flag::LINKS;
        }
        Ok(())
    }

    fn fact(&self, body: &'r [u8], span: &Read<'r>) -> Result<SpanFact, RejectReason> {
        let trace_id = valid_trace_id(span.trace_id).ok_or(RejectReason::TraceId)?;
        let span_id = valid_span_id(span.span_id).ok_or(RejectReason::SpanId)?;
        let parent_id = match span.parent_id {
            [] => SpanId::default(),
            bytes => SpanId(u64::from_be_bytes(bytes.try_into().map_err(|_| RejectReason::ParentId)?)),
        };
        if span.faults.any() {
            return Err(if span.faults.utf8 { RejectReason::Utf8 } else { RejectReason::Depth });
        }
        let clamped = span.end < span.start;
        let flags = span.flags
            | if span.kind <= 5 { span.kind as u16 } else { 0 }
            | match span.status {
                1 => flag::OK,
                2 => flag::ERROR,
                0 if span.failed => flag::ERROR,
                _ => 0,
            }
            | if clamped { flag::CLAMPED } else { 0 };
        Ok(SpanFact {
            trace_id,
            span_id,
            parent_id,
            start: span.start,
            end: span.end.max(span.start),
            body: self.range_of(body),
            name: self.range_of(cut(span.name, MAX_NAME_BYTES)),
            resource: self.found.facts.resources.len() as u32,
            flags,
            matches: span.matches | self.resource_matches,
        })
    }
}

fn status(bytes: &[u8], span: &mut Read<'_>) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::status::CODE => span.status = reader.varint()?,
            tag::status::MESSAGE => span.faults.check_text(reader.bytes()?),
            // Field 1 is no longer in the schema: any wire type passes.
            _ if tag >> 3 == 1 => reader.skip(tag)?,
            _ => reader.skip_unknown(tag, 3)?,
        }
    }
    Ok(())
}

fn event(bytes: &[u8], faults: &mut Faults) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::event::TIME => drop(reader.fixed64()?),
            tag::event::NAME => faults.check_text(reader.bytes()?),
            tag::event::ATTRIBUTE => check_attribute(reader.bytes()?, faults)?,
            tag::event::DROPPED_ATTRIBUTES => drop(reader.varint()?),
            _ => reader.skip_unknown(tag, tag::event::LAST)?,
        }
    }
    Ok(())
}

#[inline]
fn valid_trace_id(bytes: &[u8]) -> Option<TraceId> {
    let id: [u8; 16] = bytes.try_into().ok()?;
    (u128::from_ne_bytes(id) != 0).then_some(TraceId(id))
}

#[inline]
fn valid_span_id(bytes: &[u8]) -> Option<SpanId> {
    let id = u64::from_be_bytes(bytes.try_into().ok()?);
    (id != 0).then_some(SpanId(id))
}
