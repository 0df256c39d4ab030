//! Objects and lists: messages of the schema.

use std::{fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{output::Output, scalar};
use crate::{
    limits::MAX_VALUE_DEPTH,
    schema::{Field, Kind, Message},
    wire::{put_varint, varint_len, wire_type},
};

/// Most fields that a message of the schema has.
const MAX_FIELDS: usize = 16;

/// Reads a whole message.
pub(super) fn read<'de, D: Deserializer<'de>>(
    json: D,
    message: &'static Message,
    to: &mut Output,
) -> Result<(), D::Error> {
    json.deserialize_map(Object { message, to, depth: 1 })
}

/// An object: writes the fields of its message.
struct Object<'o> {
    message: &'static Message,
    to: &'o mut Output,
    /// Level of values, from 1.
    depth: usize,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object for {}", self.message.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = self.depth + usize::from(self.message.is_nesting);
        let mut written: [Range<usize>; MAX_FIELDS] = Default::default();
        while let Some(index) = map.next_key_seed(Key(self.message))? {
            let Some(field) = index.and_then(|index| self.message.fields.get(index)) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let start = self.to.bytes.len();
            let (message, to) = (self.message, &mut *self.to);
            map.next_value_seed(Slot { message, field, to, depth, is_element: false })?;
            let range = start..self.to.bytes.len();
            if let Some(index) = index {
                let previous = std::mem::replace(&mut written[index], range);
                remove(&mut self.to.bytes, previous, &mut written);
            }
        }
        Ok(())
    }
}

/// Takes out what an earlier field of the same name wrote.
fn remove(out: &mut Vec<u8>, range: Range<usize>, written: &mut [Range<usize>]) {
    if range.is_empty() {
        return;
    }
    for later in written.iter_mut().filter(|later| later.start >= range.end) {
        later.start -= range.len();
        later.end -= range.len();
    }
    out.drain(range);
}

/// A key: the index of its field, `None` where the schema has none.
struct Key(&'static Message);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a field of {}", self.0.name)
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.fields.iter().position(|field| field.json == key || field.name == key))
    }
}

/// The value of one field, or one element of it.
struct Slot<'o> {
    message: &'static Message,
    field: &'static Field,
    to: &'o mut Output,
    depth: usize,
    is_element: bool,
}

impl<'de> DeserializeSeed<'de> for Slot<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        if self.is_element && self.message.is_nesting && self.depth > MAX_VALUE_DEPTH {
            // An empty element one level too deep: the scan refuses the span for it.
            self.begin(self.field);
            self.to.bytes.push(0);
            return json.deserialize_ignored_any(IgnoredAny).map(drop);
        }
        json.deserialize_any(self)
    }
}

impl Slot<'_> {
    fn begin(&mut self, field: &Field) {
        put_varint(&mut self.to.bytes, u64::from(field.number << 3 | field.kind.wire_type()));
    }

    /// Whether a value that is its type's default is written all the same.
    fn has_presence(&self) -> bool {
        self.is_element || self.message.is_choice
    }

    fn scalar<E: Error>(mut self, value: scalar::Scalar<'_>) -> Result<(), E> {
        if (self.field.repeated && !self.is_element) || !value.has_form_of(self.field.kind) {
            return Err(E::invalid_type(value.unexpected(), &self));
        }
        let Some((field, encoded)) = self.encode(value) else {
            let fault = E::invalid_value(value.unexpected(), &self);
            if !self.to.is_in_span() {
                return Err(fault);
            }
            self.to.refuse_span(|| fault.to_string());
            return Ok(());
        };
        if encoded.is_default() && !self.has_presence() {
            return Ok(());
        }
        self.begin(field);
        encoded.put(&mut self.to.bytes);
        Ok(())
    }

    /// The value, and the field that it is for.
    ///
    /// JavaScript has one type of numbers: its SDK writes every whole one as `intValue` in JSON, however large, where in protobuf it writes those
    /// that are no 64-bit integers as doubles. So it is done here.
    fn encode<'v>(&self, value: scalar::Scalar<'v>) -> Option<(&'static Field, scalar::Encoded<'v>)> {
        if let Some(encoded) = value.encode(self.field.kind) {
            return Some((self.field, encoded));
        }
        if !matches!(self.field.kind, Kind::Int64) {
            return None;
        }
        let double = self.message.fields.iter().find(|field| matches!(field.kind, Kind::Double))?;
        Some((double, value.whole_number()?.encode(Kind::Double)?))
    }
}

impl<'de> Visitor<'de> for Slot<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = if self.field.repeated && !self.is_element { "a list for " } else { "" };
        write!(f, "{list}{} in {}.{}", scalar::expected(self.field.kind), self.message.name, self.field.json)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(scalar::Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(scalar::Scalar::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(scalar::Scalar::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(scalar::Scalar::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(scalar::Scalar::Text(value))
    }

    /// `null`: absent; as an element it holds its place.
    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        if self.is_element && self.field.kind.wire_type() == wire_type::BYTES {
            self.begin(self.field);
            self.to.bytes.push(0);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let Kind::Message(message) = self.field.kind else {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        };
        if self.field.repeated && !self.is_element {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        }
        let element = self.to.bytes.len();
        self.begin(self.field);
        let start = self.to.bytes.len();
        self.to.bytes.push(0);
        self.to.enter(message);
        Object { message, to: &mut *self.to, depth: self.depth }.visit_map(map)?;
        set_length(&mut self.to.bytes, start);
        self.to.leave(message, element);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if !self.field.repeated || self.is_element {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let Slot { message, field, to, depth, .. } = self;
        to.begin_list(field.kind);
        while list
            .next_element_seed(Slot { message, field, to: &mut *to, depth, is_element: true })?
            .is_some()
        {
            to.next_element(field.kind);
        }
        Ok(())
    }
}

/// Writes the length of what follows the byte at `start` there, making room where one byte is too small.
fn set_length(out: &mut Vec<u8>, start: usize) {
    let len = out.len() - start - 1;
    let extra = varint_len(len as u64) - 1;
    if extra > 0 {
        out.resize(out.len() + extra, 0);
        out.copy_within(start + 1..start + 1 + len, start + 1 + extra);
    }
    let mut rest = len;
    for byte in &mut out[start..=start + extra] {
        *byte = rest as u8 & 0x7f | 0x80;
        rest >>= 7;
    }
    out[start + extra] &= 0x7f;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema;

    #[test]
    fn every_message_has_room_for_its_fields() {
        fn check(message: &'static Message, seen: &mut Vec<&'static str>) {
            if seen.contains(&message.name) {
                return;
            }
            seen.push(message.name);
            assert!(message.fields.len() <= MAX_FIELDS, "{}", message.name);
            for field in message.fields {
                if let Kind::Message(inner) = field.kind {
                    check(inner, seen);
                }
            }
        }
        let mut seen = Vec::new();
        check(&schema::REQUEST, &mut seen);
        assert_eq!(seen.len(), 14, "{seen:?}");
    }

    #[test]
    fn lengths_are_varints_of_the_least_size() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_152] {
            let mut out = vec![7, 0];
            out.extend((0..len).map(|n| n as u8));
            set_length(&mut out, 1);
            let mut expected = vec![7];
            put_varint(&mut expected, len as u64);
            expected.extend((0..len).map(|n| n as u8));
            assert!(out == expected, "{len}");
        }
    }
}
