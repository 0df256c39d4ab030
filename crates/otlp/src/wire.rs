//! Protobuf's wire format, read in place.
//!
//! A reader walks the fields of one message; nothing is copied and every length is checked before it is used.
//! Source: <https://protobuf.dev/programming-guides/encoding/>.

use thiserror::Error;

/// Why bytes are no protobuf.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum WireError {
    /// Bytes end within a field.
    #[error("truncated protobuf message")]
    Truncated,
    /// A varint of more than 10 bytes, or one that does not fit 64 bits.
    #[error("varint longer than 10 bytes")]
    Varint,
    /// A tag with field number 0 or a wire type that does not exist.
    #[error("invalid protobuf tag")]
    Tag,
    /// A known field with another wire type than its schema says.
    #[error("field {0} has the wrong wire type")]
    WireType(u32),
    /// Nested deeper than a limit.
    #[error("value nested too deeply")]
    Depth,
}

/// The value of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
    /// Wire types 3 and 4, passed over: OTLP has none, so that it can only be a field which we do not know.
    Group,
}

/// Deepest groups that are passed over. No encoder of today writes any.
const MAX_GROUP_DEPTH: usize = 16;

/// Walks the fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

/// The wire type in a tag.
pub(crate) mod wire_type {
    pub(crate) const VARINT: u32 = 0;
    pub(crate) const FIXED64: u32 = 1;
    pub(crate) const BYTES: u32 = 2;
    pub(crate) const GROUP: u32 = 3;
    pub(crate) const END_GROUP: u32 = 4;
    pub(crate) const FIXED32: u32 = 5;
}

impl<'a> Reader<'a> {
    /// Starts at the first field.
    #[inline]
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }

    /// Offset of the next byte to read, from the start of the message.
    #[inline]
    #[must_use]
    pub fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// The next field, `None` at the end.
    ///
    /// # Errors
    /// [`WireError`] where the bytes are no message.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        let Some(tag) = self.next_tag()? else { return Ok(None) };
        let value = match tag & 7 {
            wire_type::VARINT => Value::Varint(self.varint()?),
            wire_type::FIXED64 => Value::Fixed64(self.fixed64()?),
            wire_type::BYTES => Value::Bytes(self.bytes()?),
            wire_type::FIXED32 => Value::Fixed32(self.fixed32()?),
            wire_type::GROUP => {
                self.group(tag >> 3, 1)?;
                Value::Group
            }
            _ => return Err(WireError::Tag),
        };
        Ok(Some((tag >> 3, value)))
    }

    /// The next tag (field number and wire type), `None` at the end. Its value is to be read next, or skipped.
    #[inline(always)]
    pub(crate) fn next_tag(&mut self) -> Result<Option<u32>, WireError> {
        match *self.rest {
            [] => Ok(None),
            [first @ 8..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(Some(u32::from(first)))
            }
            _ => self.long_tag().map(Some),
        }
    }

    #[inline(never)]
    fn long_tag(&mut self) -> Result<u32, WireError> {
        let tag = u32::try_from(self.varint()?).map_err(|_| WireError::Tag)?;
        if tag >> 3 == 0 { Err(WireError::Tag) } else { Ok(tag) }
    }

    /// Passes over the value of a field that is not in the schema. A field that is (numbers up to `known`) came with a wrong wire type.
    #[cold]
    pub(crate) fn skip_unknown(&mut self, tag: u32, known: u32) -> Result<(), WireError> {
        let number = tag >> 3;
        if number <= known { Err(WireError::WireType(number)) } else { self.skip(tag) }
    }

    /// Passes over the value of a field.
    pub(crate) fn skip(&mut self, tag: u32) -> Result<(), WireError> {
        self.skip_at(tag, 0)
    }

    fn skip_at(&mut self, tag: u32, depth: usize) -> Result<(), WireError> {
        match tag & 7 {
            wire_type::VARINT => self.varint().map(drop),
            wire_type::FIXED64 => self.fixed64().map(drop),
            wire_type::BYTES => self.bytes().map(drop),
            wire_type::FIXED32 => self.fixed32().map(drop),
            wire_type::GROUP => self.group(tag >> 3, depth + 1),
            _ => Err(WireError::Tag),
        }
    }

    /// Passes over what is left of a group, its end included.
    #[cold]
    fn group(&mut self, number: u32, depth: usize) -> Result<(), WireError> {
        if depth > MAX_GROUP_DEPTH {
            return Err(WireError::Depth);
        }
        loop {
            let tag = self.next_tag()?.ok_or(WireError::Truncated)?;
            if tag & 7 == wire_type::END_GROUP {
                return if tag >> 3 == number { Ok(()) } else { Err(WireError::Tag) };
            }
            self.skip_at(tag, depth)?;
        }
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, WireError> {
        match *self.rest {
            [first @ ..0x80, ref rest @ ..] => {
                self.rest = rest;
                Ok(u64::from(first))
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(WireError::Truncated)?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                // The tenth byte holds one bit: more does not fit 64.
                return if shift == 63 && *byte > 1 { Err(WireError::Varint) } else { Ok(value) };
            }
        }
        Err(WireError::Varint)
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline(always)]
    pub(crate) fn fixed64(&mut self) -> Result<u64, WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    #[inline(always)]
    pub(crate) fn fixed32(&mut self) -> Result<u32, WireError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }
}

/// Bytes that a varint takes.
#[inline]
pub(crate) fn varint_len(value: u64) -> usize {
    // 7 bits a byte; zero takes one.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends a varint.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl<'a> Value<'a> {
    pub(crate) fn wire_type(self) -> u32 {
        match self {
            Value::Varint(_) => wire_type::VARINT,
            Value::Fixed64(_) => wire_type::FIXED64,
            Value::Bytes(_) => wire_type::BYTES,
            Value::Fixed32(_) => wire_type::FIXED32,
            Value::Group => wire_type::GROUP,
        }
    }

    /// The bytes of a length-delimited field.
    ///
    /// # Errors
    /// [`WireError::WireType`] for another wire type; `field` is named in it.
    pub fn bytes(self, field: u32) -> Result<&'a [u8], WireError> {
        if let Value::Bytes(bytes) = self { Ok(bytes) } else { Err(WireError::WireType(field)) }
    }

    /// The value of a varint field.
    ///
    /// # Errors
    /// [`WireError::WireType`] for another wire type; `field` is named in it.
    pub fn varint(self, field: u32) -> Result<u64, WireError> {
        if let Value::Varint(value) = self { Ok(value) } else { Err(WireError::WireType(field)) }
    }

    /// The value of a 64-bit fixed field.
    ///
    /// # Errors
    /// [`WireError::WireType`] for another wire type; `field` is named in it.
    pub fn fixed64(self, field: u32) -> Result<u64, WireError> {
        if let Value::Fixed64(value) = self { Ok(value) } else { Err(WireError::WireType(field)) }
    }

    /// The value of a 32-bit fixed field.
    ///
    /// # Errors
    /// [`WireError::WireType`] for another wire type; `field` is named in it.
    pub fn fixed32(self, field: u32) -> Result<u32, WireError> {
        if let Value::Fixed32(value) = self { Ok(value) } else { Err(WireError::WireType(field)) }
    }
}
