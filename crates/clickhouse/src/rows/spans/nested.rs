//! Events and links as JSON, one array a span.

use throughline_otlp::wire::{Reader, WireError};

use super::scan::hex_into;
use crate::value::{self, json_string};

/// Appends an event to a JSON array that is not closed yet. Says whether it can be read back to the bit.
pub(super) fn put_event(message: &[u8], out: &mut Vec<u8>) -> Result<bool, WireError> {
    let mut reader = Reader::new(message);
    let (mut time, mut name, mut exact) = (0, &[][..], true);
    let mut attributes = Pairs::default();
    while let Some((field, raw)) = reader.next_field()? {
        match field {
            1 => time = raw.fixed64(field)?,
            2 => name = raw.bytes(field)?,
            3 => attributes.push(raw.bytes(field)?)?,
            4 => exact &= raw.varint(field)? == 0,
            _ => {}
        }
    }
    open(out);
    out.extend_from_slice(b"\"t\":");
    out.extend_from_slice(itoa::Buffer::new().format(crate::rows::stored_time(time)).as_bytes());
    out.extend_from_slice(b",\"n\":");
    json_string(name, out);
    attributes.finish(out);
    out.push(b'}');
    Ok(exact && time == crate::rows::stored_time(time) && str::from_utf8(name).is_ok() && attributes.exact)
}

/// Appends a link to a JSON array that is not closed yet. Says whether it can be read back to the bit.
pub(super) fn put_link(message: &[u8], out: &mut Vec<u8>) -> Result<bool, WireError> {
    let mut reader = Reader::new(message);
    let (mut trace, mut span, mut state, mut flags, mut exact) = (&[][..], &[][..], &[][..], 0, true);
    let mut attributes = Pairs::default();
    while let Some((field, raw)) = reader.next_field()? {
        match field {
            1 => trace = raw.bytes(field)?,
            2 => span = raw.bytes(field)?,
            3 => state = raw.bytes(field)?,
            4 => attributes.push(raw.bytes(field)?)?,
            5 => exact &= raw.varint(field)? == 0,
            6 => flags = raw.fixed32(field)?,
            _ => {}
        }
    }
    open(out);
    out.extend_from_slice(b"\"t\":\"");
    hex_into(trace, out);
    out.extend_from_slice(b"\",\"s\":\"");
    hex_into(span, out);
    out.extend_from_slice(b"\",\"w\":");
    json_string(state, out);
    attributes.finish(out);
    if flags != 0 {
        out.extend_from_slice(b",\"f\":");
        out.extend_from_slice(itoa::Buffer::new().format(flags).as_bytes());
    }
    out.push(b'}');
    Ok(exact && str::from_utf8(state).is_ok() && attributes.exact)
}

fn open(out: &mut Vec<u8>) {
    out.extend_from_slice(if out.is_empty() { b"[{" } else { b",{" });
}

/// Attributes as a JSON object, their types beside.
struct Pairs {
    object: Vec<u8>,
    types: Vec<u8>,
    exact: bool,
}

impl Default for Pairs {
    fn default() -> Self {
        Self { object: Vec::new(), types: Vec::new(), exact: true }
    }
}

impl Pairs {
    fn push(&mut self, message: &[u8]) -> Result<(), WireError> {
        let (key, value) = value::key_value(message)?;
        if !self.object.is_empty() {
            self.object.push(b',');
        }
        json_string(key, &mut self.object);
        self.object.push(b':');
        let mut text = Vec::new();
        value::text(value, &mut text)?;
        json_string(&text, &mut self.object);
        let tag = value::plain_tag(value);
        self.exact &= tag.is_some() && str::from_utf8(key).is_ok() && str::from_utf8(&text).is_ok();
        self.types.push(tag.unwrap_or(b'x'));
        Ok(())
    }

    fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"a\":{");
        out.extend_from_slice(&self.object);
        out.extend_from_slice(b"},\"y\":\"");
        out.extend_from_slice(&self.types);
        out.push(b'"');
    }
}
