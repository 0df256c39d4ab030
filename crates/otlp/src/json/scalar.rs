//! Values that are no objects: JSON's types to protobuf's.

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::de::Unexpected;

use crate::{schema::Kind, wire::put_varint};

/// Padding may be there or not, as protobuf's JSON has it.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A value as JSON has it.
#[derive(Clone, Copy)]
pub(super) enum Scalar<'a> {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Double(f64),
    Text(&'a str),
}

/// A value as protobuf has it, without its tag.
pub(super) enum Encoded<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

/// What a field wants, in words.
pub(super) fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a string",
        Kind::Id => "an id in hex",
        Kind::Bytes => "bytes in base64",
        Kind::Bool => "a boolean",
        Kind::Enum(_) => "an enum as number or name",
        Kind::Uint32 | Kind::Fixed32 => "an unsigned 32-bit integer",
        Kind::Int32 => "a 32-bit integer",
        Kind::Int64 => "a 64-bit integer",
        Kind::Fixed64 => "an unsigned 64-bit integer",
        Kind::Double => "a double",
        Kind::Message(_) => "an object",
    }
}

impl<'a> Scalar<'a> {
    pub(super) fn unexpected(self) -> Unexpected<'a> {
        match self {
            Self::Bool(value) => Unexpected::Bool(value),
            Self::Signed(value) => Unexpected::Signed(value),
            Self::Unsigned(value) => Unexpected::Unsigned(value),
            Self::Double(value) => Unexpected::Float(value),
            Self::Text(value) => Unexpected::Str(value),
        }
    }

    /// Whether JSON has values of this kind in this form; the value may be out of its range all the same.
    pub(super) fn has_form_of(self, kind: Kind) -> bool {
        match kind {
            Kind::Text | Kind::Id | Kind::Bytes => matches!(self, Self::Text(_)),
            Kind::Bool => matches!(self, Self::Bool(_)),
            Kind::Message(_) => false,
            _ => !matches!(self, Self::Bool(_)),
        }
    }

    /// Itself, if it is a number with nothing after its point.
    pub(super) fn whole_number(self) -> Option<Self> {
        match self {
            Self::Signed(_) | Self::Unsigned(_) => Some(self),
            Self::Double(value) => (value.fract() == 0.0).then_some(self),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }

    /// The value for a field; `None` where it is not of its type.
    pub(super) fn encode(self, kind: Kind) -> Option<Encoded<'a>> {
        Some(match kind {
            Kind::Text => Encoded::Borrowed(self.text()?.as_bytes()),
            Kind::Id => Encoded::Owned(unhex(self.text()?.as_bytes())?),
            Kind::Bytes => Encoded::Owned(unbase64(self.text()?)?),
            Kind::Bool => match self {
                Self::Bool(value) => Encoded::Varint(u64::from(value)),
                _ => return None,
            },
            Kind::Enum(names) => Encoded::Varint(self.enumerator(names)?),
            Kind::Uint32 => Encoded::Varint(u64::from(u32::try_from(self.integer()?).ok()?)),
            Kind::Fixed32 => Encoded::Fixed32(u32::try_from(self.integer()?).ok()?),
            // Negative numbers are sign-extended on the wire.
            Kind::Int32 => Encoded::Varint(i64::from(i32::try_from(self.integer()?).ok()?) as u64),
            Kind::Int64 => Encoded::Varint(i64::try_from(self.integer()?).ok()? as u64),
            Kind::Fixed64 => Encoded::Fixed64(u64::try_from(self.integer()?).ok()?),
            Kind::Double => Encoded::Fixed64(self.double()?.to_bits()),
            Kind::Message(_) => return None,
        })
    }

    fn text(self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    fn enumerator(self, names: &[(&str, u32)]) -> Option<u64> {
        if let Self::Text(text) = self
            && let Some((_, number)) = names.iter().find(|(name, _)| *name == text)
        {
            return Some(u64::from(*number));
        }
        Some(i64::from(i32::try_from(self.integer()?).ok()?) as u64)
    }

    /// An integer: as a number, as a number with nothing after its point (`1e3`), or as a string of digits.
    fn integer(self) -> Option<i128> {
        match self {
            Self::Signed(value) => Some(i128::from(value)),
            Self::Unsigned(value) => Some(i128::from(value)),
            // Beyond 2^65 the cast is out of range for every field, so that it need not be exact.
            Self::Double(value) if value.fract() == 0.0 => Some(value as i128),
            Self::Text(text) => text.parse().ok().or_else(|| whole(text)),
            Self::Double(_) | Self::Bool(_) => None,
        }
    }

    fn double(self) -> Option<f64> {
        match self {
            Self::Double(value) => Some(value),
            Self::Signed(value) => Some(value as f64),
            Self::Unsigned(value) => Some(value as f64),
            Self::Text("NaN") => Some(f64::NAN),
            Self::Text("Infinity") => Some(f64::INFINITY),
            Self::Text("-Infinity") => Some(f64::NEG_INFINITY),
            // The standard library also reads "inf" and "nan" in any case, which are not JSON's.
            Self::Text(text) => text.parse().ok().filter(|value: &f64| value.is_finite()),
            Self::Bool(_) => None,
        }
    }
}

impl Encoded<'_> {
    pub(super) fn is_default(&self) -> bool {
        match self {
            Self::Varint(value) | Self::Fixed64(value) => *value == 0,
            Self::Fixed32(value) => *value == 0,
            Self::Borrowed(bytes) => bytes.is_empty(),
            Self::Owned(bytes) => bytes.is_empty(),
        }
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let bytes: &[u8] = match self {
            Self::Varint(value) => return put_varint(out, *value),
            Self::Fixed32(value) => return out.extend_from_slice(&value.to_le_bytes()),
            Self::Fixed64(value) => return out.extend_from_slice(&value.to_le_bytes()),
            Self::Borrowed(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        };
        put_varint(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }
}

/// A whole number in quotes with a point or an exponent, which protobuf's JSON allows too.
fn whole(text: &str) -> Option<i128> {
    let is_number = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let value: f64 = text.parse().ok().filter(|_| is_number)?;
    Scalar::Double(value).integer()
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_chunks::<2>();
    let digit = |digit: u8| char::from(digit).to_digit(16);
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

fn unbase64(text: &str) -> Option<Vec<u8>> {
    let is_url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    if is_url_safe { URL_SAFE.decode(text) } else { STANDARD.decode(text) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_in_any_case_and_of_any_length() {
        assert_eq!(unhex(b"0aFf").unwrap(), [0x0a, 0xff]);
        assert_eq!(unhex(b"").unwrap(), [0u8; 0]);
        assert_eq!(unhex(b"abc"), None);
        assert_eq!(unhex(b"0g"), None);
    }

    #[test]
    fn base64_of_either_alphabet_padded_or_not() {
        for text in ["+/8=", "+/8", "-_8=", "-_8"] {
            assert_eq!(unbase64(text).unwrap(), [0xfb, 0xff], "{text}");
        }
        assert_eq!(unbase64("+-8="), None);
        assert_eq!(unbase64("*"), None);
    }

    #[test]
    fn integers_in_every_form() {
        assert_eq!(Scalar::Text("-9223372036854775808").integer(), Some(i128::from(i64::MIN)));
        assert_eq!(Scalar::Double(1e3).integer(), Some(1000));
        assert_eq!(Scalar::Text("1e3").integer(), Some(1000));
        assert_eq!(Scalar::Text("-2.0").integer(), Some(-2));
        for bad in ["1.5", "", "0x1", "inf", "-inf", "NaN", " 1", "1 "] {
            assert_eq!(Scalar::Text(bad).integer(), None, "{bad}");
        }
        for bad in [Scalar::Double(1.5), Scalar::Bool(true)] {
            assert_eq!(bad.integer(), None);
        }
        assert!(Scalar::Double(1e19).encode(Kind::Int64).is_none());
        assert!(Scalar::Double(1e300).encode(Kind::Fixed64).is_none());
        assert!(Scalar::Signed(-1).encode(Kind::Uint32).is_none());
    }
}
