//! One pass over a span's wire bytes.

use throughline_otlp::wire::{Reader, WireError};

use super::attributes::Attributes;
use super::nested;

/// Flags up to here are told apart in dictionary entries: 8 bits of the W3C's, 2 of OTLP's. Others go to `Extra`.
const MAX_FLAGS: u32 = 0x3FF;

/// Beside them: a status was sent that says nothing, as some SDKs do for every span.
pub(crate) const EMPTY_STATUS: u32 = 1 << 10;

/// Beside them: the parent's id was sent as zeros.
pub(crate) const ZERO_PARENT: u32 = 1 << 11;

/// What a span says, its attributes left with [`Attributes`].
pub(super) struct Scanned<'a> {
    pub(super) trace: [u8; 16],
    /// Span id, parent's id.
    pub(super) ids: [u8; 16],
    pub(super) state: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) kind: u8,
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) status: u8,
    pub(super) message: &'a [u8],
    pub(super) flags: u32,
    /// Bits of `EMPTY_STATUS` and `ZERO_PARENT`.
    marks: u32,
    /// All of this, with attributes, events and links, gives the span back to the bit.
    pub(super) exact: bool,
}

/// Reads a span. Events and links are appended to `events` and `links` as JSON.
pub(super) fn scan<'a>(
    body: &'a [u8],
    transaction: &[u8],
    attributes: &mut Attributes,
    events: &mut Vec<u8>,
    links: &mut Vec<u8>,
) -> Result<Scanned<'a>, WireError> {
    let mut span = Scanned {
        trace: [0; 16],
        ids: [0; 16],
        state: &[],
        name: &[],
        kind: 0,
        start: 0,
        duration: 0,
        status: 0,
        message: &[],
        flags: 0,
        marks: 0,
        exact: true,
    };
    let mut end = 0;
    let mut reader = Reader::new(body);
    while let Some((field, raw)) = reader.next_field()? {
        match field {
            1 => span.exact &= fill(&mut span.trace, raw.bytes(field)?),
            2 => span.exact &= fill(&mut span.ids[..8], raw.bytes(field)?),
            3 => span.state = raw.bytes(field)?,
            4 => span.parent(raw.bytes(field)?),
            5 => span.name = raw.bytes(field)?,
            6 => span.kind = span.small(raw.varint(field)?, 5),
            7 => span.start = raw.fixed64(field)?,
            8 => end = raw.fixed64(field)?,
            9 => span.exact &= attributes.push(raw.bytes(field)?, transaction)?,
            10 | 12 | 14 => span.exact &= raw.varint(field)? == 0,
            11 => span.exact &= nested::put_event(raw.bytes(field)?, events)?,
            13 => span.exact &= nested::put_link(raw.bytes(field)?, links)?,
            15 => span.read_status(raw.bytes(field)?)?,
            16 => span.flags = raw.fixed32(field)?,
            _ => {}
        }
    }
    span.finish(end, events, links);
    Ok(span)
}

impl<'a> Scanned<'a> {
    fn parent(&mut self, id: &[u8]) {
        if !id.is_empty() {
            self.exact &= fill(&mut self.ids[8..], id);
            self.marks |= if id == [0; 8] { ZERO_PARENT } else { 0 };
        }
    }

    fn small(&mut self, value: u64, most: u8) -> u8 {
        match u8::try_from(value) {
            Ok(value) if value <= most => value,
            _ => {
                self.exact = false;
                0
            }
        }
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), WireError> {
        let mut reader = Reader::new(message);
        while let Some((field, raw)) = reader.next_field()? {
            match field {
                2 => self.message = raw.bytes(field)?,
                3 => self.status = self.small(raw.varint(field)?, 2),
                _ => {}
            }
        }
        self.marks |= if self.status == 0 && self.message.is_empty() { EMPTY_STATUS } else { 0 };
        Ok(())
    }

    fn finish(&mut self, end: u64, events: &mut Vec<u8>, links: &mut Vec<u8>) {
        let start = crate::rows::stored_time(self.start);
        self.exact &= start == self.start && end >= start;
        self.start = start;
        self.duration = end.saturating_sub(start);
        if self.flags > MAX_FLAGS {
            self.flags = 0;
            self.exact = false;
        }
        self.flags |= self.marks;
        for list in [events, links] {
            if !list.is_empty() {
                list.push(b']');
            }
        }
    }
}

/// Copies an id; says whether it has the right length.
fn fill(into: &mut [u8], id: &[u8]) -> bool {
    let len = into.len().min(id.len());
    into[..len].copy_from_slice(&id[..len]);
    id.len() == into.len()
}

/// Appends lower-case hex.
pub(super) fn hex_into(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for &byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}
