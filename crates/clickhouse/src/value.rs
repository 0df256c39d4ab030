//! `AnyValue` and `KeyValue` read in place, and as the text that the Collector's exporter stores: strings as they are, numbers and booleans as JSON, arrays
//! and lists as JSON (keys sorted), bytes as base64.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use throughline_otlp::limits::MAX_VALUE_DEPTH;
use throughline_otlp::wire::{Reader, WireError};

/// One `AnyValue`; nested ones are left as messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Any<'a> {
    Empty,
    Str(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    Array(&'a [u8]),
    Map(&'a [u8]),
    Bytes(&'a [u8]),
}

/// Reads an `AnyValue`.
pub(crate) fn any(message: &[u8]) -> Result<Any<'_>, WireError> {
    any_onto(Any::Empty, message)
}

/// Reads an `AnyValue` onto what was said before it: the last choice wins, and a message without one leaves what was.
#[inline]
fn any_onto<'a>(mut value: Any<'a>, message: &'a [u8]) -> Result<Any<'a>, WireError> {
    let mut reader = Reader::new(message);
    while let Some((field, raw)) = reader.next_field()? {
        value = match field {
            1 => Any::Str(raw.bytes(field)?),
            2 => Any::Bool(raw.varint(field)? != 0),
            3 => Any::Int(raw.varint(field)?.cast_signed()),
            4 => Any::Double(f64::from_bits(raw.fixed64(field)?)),
            5 => Any::Array(raw.bytes(field)?),
            6 => Any::Map(raw.bytes(field)?),
            7 => Any::Bytes(raw.bytes(field)?),
            _ => value,
        };
    }
    Ok(value)
}

/// Reads a `KeyValue`: its key, and its value unless it has none. A field that is repeated counts as in the scan of a request.
#[inline]
pub(crate) fn key_value(message: &[u8]) -> Result<(&[u8], Option<Any<'_>>), WireError> {
    let mut reader = Reader::new(message);
    let (mut key, mut value) = (&[][..], None);
    while let Some((field, raw)) = reader.next_field()? {
        match field {
            1 => key = raw.bytes(field)?,
            2 => value = Some(any_onto(value.unwrap_or(Any::Empty), raw.bytes(field)?)?),
            _ => {}
        }
    }
    Ok((key, value))
}

/// Types that [`text`] keeps to the bit, by the letter that stands for each; `None` for the others.
pub(crate) fn plain_tag(value: Option<Any<'_>>) -> Option<u8> {
    match value {
        None => Some(b'n'),
        Some(Any::Str(_)) => Some(b's'),
        Some(Any::Bool(_)) => Some(b'b'),
        Some(Any::Int(_)) => Some(b'i'),
        Some(Any::Double(double)) if double.is_finite() => Some(b'd'),
        Some(_) => None,
    }
}

/// Appends the text of a value.
///
/// # Errors
/// [`WireError`] where a nested value is malformed or too deep.
pub(crate) fn text(value: Option<Any<'_>>, out: &mut Vec<u8>) -> Result<(), WireError> {
    match value {
        None | Some(Any::Empty) => {}
        Some(Any::Str(string)) => out.extend_from_slice(string),
        Some(Any::Bytes(bytes)) => out.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
        Some(Any::Double(double)) if !double.is_finite() => {
            out.extend_from_slice(infinite(double).as_bytes());
        }
        Some(other) => json(other, out, MAX_VALUE_DEPTH)?,
    }
    Ok(())
}

fn json(value: Any<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), WireError> {
    let deeper = depth.checked_sub(1).ok_or(WireError::Depth)?;
    match value {
        Any::Empty => out.extend_from_slice(b"null"),
        Any::Str(string) => json_string(string, out),
        Any::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Any::Int(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
        Any::Double(value) if value.is_finite() => json_double(value, out),
        Any::Double(value) => json_string(infinite(value).as_bytes(), out),
        Any::Bytes(bytes) => json_string(STANDARD.encode(bytes).as_bytes(), out),
        Any::Array(message) => json_array(message, out, deeper)?,
        Any::Map(message) => json_map(message, out, deeper)?,
    }
    Ok(())
}

fn json_array(message: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    out.push(b'[');
    let mut first = true;
    while let Some((field, raw)) = reader.next_field()? {
        if field == 1 {
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            json(any(raw.bytes(field)?)?, out, depth)?;
        }
    }
    out.push(b']');
    Ok(())
}

fn json_map(message: &[u8], out: &mut Vec<u8>, depth: usize) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let mut entries = Vec::new();
    while let Some((field, raw)) = reader.next_field()? {
        if field == 1 {
            entries.push(key_value(raw.bytes(field)?)?);
        }
    }
    entries.sort_by_key(|(key, _)| *key);
    out.push(b'{');
    for (place, (key, value)) in entries.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        json_string(key, out);
        out.push(b':');
        json(value.unwrap_or(Any::Empty), out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// Protobuf's JSON words for what JSON has no numbers for.
fn infinite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (_, true) => "Infinity",
        _ => "-Infinity",
    }
}

/// Shortest digits that read back as the same double; an exponent outside of 1e-6 to 1e21, as JSON in Go and JavaScript has it.
fn json_double(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    let written = if size != 0.0 && size < 1e-6 {
        write!(out, "{value:e}")
    } else if size >= 1e21 {
        let start = out.len();
        let written = write!(out, "{value:e}");
        if let Some(at) = out[start..].iter().position(|&byte| byte == b'e') {
            out.insert(start + at + 1, b'+');
        }
        written
    } else {
        write!(out, "{value}")
    };
    debug_assert!(written.is_ok(), "a vector takes all");
}

/// Appends a JSON string. What is no UTF-8 is replaced, as no JSON could hold it.
pub(crate) fn json_string(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in value.utf8_chunks() {
        for &byte in chunk.valid().as_bytes() {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                b'\t' => out.extend_from_slice(b"\\t"),
                b'\r' => out.extend_from_slice(b"\\r"),
                0x20.. => out.push(byte),
                _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
    out.push(b'"');
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_value_that_is_repeated_the_last_choice_wins() {
        let read = |message: &[u8]| {
            let (key, value) = key_value(message).unwrap();
            let mut out = Vec::new();
            text(value, &mut out).unwrap();
            (key.to_vec(), out)
        };
        assert_eq!(read(b"\x0a\x01k\x12\x03\x0a\x01a\x12\x02\x18\x07"), (b"k".to_vec(), b"7".to_vec()));
        assert_eq!(read(b"\x12\x03\x0a\x01a\x12\x00\x0a\x01k"), (b"k".to_vec(), b"a".to_vec()));
        assert_eq!(read(b"\x0a\x01k\x12\x00"), (b"k".to_vec(), b"".to_vec()));
        assert!(matches!(key_value(b"\x0a\x01k"), Ok((b"k", None))));
    }
}
