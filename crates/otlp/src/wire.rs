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
}

/// Walks the fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first field.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte to read, from the start of the message.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The next field, `None` at the end. Groups (wire types 3 and 4) are refused: OTLP has none.
    ///
    /// # Errors
    /// [`WireError`] where the bytes are no message.
    #[inline]
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, WireError> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| WireError::Tag)?;
        if number == 0 || number > 0x1fff_ffff {
            return Err(WireError::Tag);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(WireError::Tag),
        };
        Ok(Some((number, value)))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(WireError::Truncated)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // The tenth byte holds one bit: more does not fit 64.
                return if shift == 63 && byte > 1 { Err(WireError::Varint) } else { Ok(value) };
            }
        }
        Err(WireError::Varint)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], WireError> {
        let end = self.at.checked_add(len).ok_or(WireError::Truncated)?;
        let bytes = self.bytes.get(self.at..end).ok_or(WireError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        self.take(N)?.try_into().map_err(|_| WireError::Truncated)
    }
}

impl<'a> Value<'a> {
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
