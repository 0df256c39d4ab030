//! Protobuf, written.

use crate::native::put_varint;

/// A varint field; zero is the default and left out.
pub(super) fn varint(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(field) << 3);
        put_varint(out, value);
    }
}

/// A 64-bit fixed field; zero is the default and left out.
pub(super) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_varint(out, u64::from(field) << 3 | 1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A 32-bit fixed field; zero is the default and left out.
pub(super) fn fixed32(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        put_varint(out, u64::from(field) << 3 | 5);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// A field of bytes; empty is the default and left out.
pub(super) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        message(out, field, value);
    }
}

/// A field of bytes that is there even if empty.
pub(super) fn message(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_varint(out, u64::from(field) << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A `KeyValue` in this field. The letter is one of the encoder's plain types; `None` where the text does not fit it.
pub(super) fn key_value(out: &mut Vec<u8>, field: u32, key: &[u8], tag: u8, text: &[u8]) -> Option<()> {
    let mut value = Vec::new();
    let parse = || std::str::from_utf8(text).ok();
    match tag {
        b's' => message(&mut value, 1, text),
        b'b' => value.extend_from_slice(&[2 << 3, u8::from(text == b"true")]),
        b'i' => {
            value.push(3 << 3);
            put_varint(&mut value, parse()?.parse::<i64>().ok()?.cast_unsigned());
        }
        b'd' => {
            value.push(4 << 3 | 1);
            value.extend_from_slice(&parse()?.parse::<f64>().ok()?.to_bits().to_le_bytes());
        }
        b'n' => {}
        _ => return None,
    }
    let mut pair = Vec::new();
    bytes(&mut pair, 1, key);
    if tag != b'n' {
        message(&mut pair, 2, &value);
    }
    message(out, field, &pair);
    Some(())
}
