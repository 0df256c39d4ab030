//! Attributes and their values: checked to the last byte, read where they are simple.

use crate::{
    limits::MAX_VALUE_DEPTH,
    text::is_utf8,
    wire::{Reader, WireError},
};

/// Faults that do not break the wire format: in a span they refuse the span, elsewhere the request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    pub(super) utf8: bool,
    pub(super) depth: bool,
}

impl Faults {
    #[inline(always)]
    pub(super) fn check_text(&mut self, text: &[u8]) {
        self.utf8 |= !is_utf8(text);
    }

    pub(super) fn any(self) -> bool {
        self.utf8 | self.depth
    }
}

/// A value as far as rules can ask for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    /// No value.
    Absent,
    Text(&'a [u8]),
    Bool(bool),
    Int(i64),
    Double(f64),
    /// An array, a list of pairs, bytes.
    Other,
}

/// Field numbers as tags: `number << 3 | wire type`.
mod tag {
    pub(super) const KEY: u32 = 0x0a;
    pub(super) const VALUE: u32 = 0x12;
    pub(super) const KEY_INDEX: u32 = 0x18;

    pub(super) const STRING: u32 = 0x0a;
    pub(super) const BOOL: u32 = 0x10;
    pub(super) const INT: u32 = 0x18;
    pub(super) const DOUBLE: u32 = 0x21;
    pub(super) const ARRAY: u32 = 0x2a;
    pub(super) const PAIRS: u32 = 0x32;
    pub(super) const BYTES: u32 = 0x3a;
    pub(super) const STRING_INDEX: u32 = 0x40;

    pub(super) const VALUES: u32 = 0x0a;
}

/// Reads a `KeyValue`. Fields may be repeated: the last name wins, and values merge, which for a choice of one means that the last choice wins.
#[inline(always)]
pub(super) fn key_value<'a>(
    bytes: &'a [u8],
    depth: usize,
    faults: &mut Faults,
) -> Result<(&'a [u8], Scalar<'a>), WireError> {
    let mut reader = Reader::new(bytes);
    let mut key: &[u8] = &[];
    let mut scalar = Scalar::Absent;
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::KEY => {
                key = reader.bytes()?;
                faults.check_text(key);
            }
            tag::VALUE => any_value(reader.bytes()?, depth, faults, &mut scalar)?,
            tag::KEY_INDEX => drop(reader.varint()?),
            _ => reader.skip_unknown(tag, 3)?,
        }
    }
    Ok((key, scalar))
}

/// Reads an `AnyValue` that stands at `depth`, from 1.
#[inline(always)]
fn any_value<'a>(
    bytes: &'a [u8],
    depth: usize,
    faults: &mut Faults,
    scalar: &mut Scalar<'a>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        *scalar = match tag {
            tag::STRING => {
                let text = reader.bytes()?;
                faults.check_text(text);
                Scalar::Text(text)
            }
            tag::INT => Scalar::Int(reader.varint()? as i64),
            tag::BOOL => Scalar::Bool(reader.varint()? != 0),
            tag::DOUBLE => Scalar::Double(f64::from_bits(reader.fixed64()?)),
            _ => match rare_value(tag, &mut reader, depth, faults)? {
                Some(other) => other,
                None => continue,
            },
        };
    }
    Ok(())
}

#[inline(never)]
fn rare_value<'a>(
    tag: u32,
    reader: &mut Reader<'a>,
    depth: usize,
    faults: &mut Faults,
) -> Result<Option<Scalar<'a>>, WireError> {
    match tag {
        tag::ARRAY => array(reader.bytes()?, depth + 1, faults)?,
        tag::PAIRS => pairs(reader.bytes()?, depth + 1, faults)?,
        tag::BYTES => drop(reader.bytes()?),
        tag::STRING_INDEX => drop(reader.varint()?),
        _ => {
            reader.skip_unknown(tag, 8)?;
            return Ok(None);
        }
    }
    Ok(Some(Scalar::Other))
}

fn array(bytes: &[u8], depth: usize, faults: &mut Faults) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::VALUES if depth > MAX_VALUE_DEPTH => {
                // What lies deeper is not looked at: the span that holds it is refused.
                reader.bytes()?;
                faults.depth = true;
            }
            tag::VALUES => any_value(reader.bytes()?, depth, faults, &mut Scalar::Absent)?,
            _ => reader.skip_unknown(tag, 1)?,
        }
    }
    Ok(())
}

fn pairs(bytes: &[u8], depth: usize, faults: &mut Faults) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while let Some(tag) = reader.next_tag()? {
        match tag {
            tag::VALUES if depth > MAX_VALUE_DEPTH => {
                reader.bytes()?;
                faults.depth = true;
            }
            tag::VALUES => drop(key_value(reader.bytes()?, depth, faults)?),
            _ => reader.skip_unknown(tag, 1)?,
        }
    }
    Ok(())
}

/// Checks a `KeyValue` that nothing is asked of.
#[inline]
pub(super) fn check_attribute(bytes: &[u8], faults: &mut Faults) -> Result<(), WireError> {
    key_value(bytes, 1, faults).map(drop)
}
