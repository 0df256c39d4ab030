//! Which field is at fault: a slow second walk over a request that the scan has refused.

use std::fmt::Write as _;

use super::Stop;
use crate::{
    limits::MAX_VALUE_DEPTH,
    refusal::{Fault, Malformed},
    schema::{Field, Kind, Message, REQUEST, SPAN},
    text::is_utf8,
    wire::{Reader, Value},
};

/// The first fault of the request, with its path.
pub(super) fn diagnose(request: &[u8], stop: Stop) -> Malformed {
    let mut walk = Walk { path: Vec::new(), in_span: false };
    let found = walk.message(&REQUEST, request, 1).err();
    debug_assert!(found.is_some(), "both walks must refuse the same requests");
    let fault = found.unwrap_or(match stop {
        Stop::Wire(error) => Fault::Wire(error),
        Stop::Content => Fault::Utf8,
    });
    Malformed { path: walk.path(), fault }
}

struct Walk {
    /// Fields entered, each with its index where it is repeated.
    path: Vec<(&'static Field, u32)>,
    /// Content is no fault there: it refuses the span only.
    in_span: bool,
}

impl Walk {
    fn message(&mut self, message: &'static Message, bytes: &[u8], depth: usize) -> Result<(), Fault> {
        let depth = depth + usize::from(message.is_nesting);
        let mut counts = [0u32; 17];
        let mut reader = Reader::new(bytes);
        loop {
            // A field that cannot even be read is named as the message around it.
            let Some((number, value)) = reader.next_field()? else { return Ok(()) };
            let Some((index, field)) =
                message.fields.iter().enumerate().find(|(_, field)| field.number == number)
            else {
                continue;
            };
            self.path.push((field, counts[index]));
            counts[index] += 1;
            self.field(field, value, depth, message.is_nesting)?;
            self.path.pop();
        }
    }

    fn field(
        &mut self,
        field: &'static Field,
        value: Value<'_>,
        depth: usize,
        nested: bool,
    ) -> Result<(), Fault> {
        if value.wire_type() != field.kind.wire_type() {
            return Err(crate::wire::WireError::WireType(field.number).into());
        }
        let Value::Bytes(bytes) = value else { return Ok(()) };
        match field.kind {
            Kind::Text if !self.in_span && !is_utf8(bytes) => Err(Fault::Utf8),
            Kind::Message(_) if nested && depth > MAX_VALUE_DEPTH => {
                if self.in_span {
                    Ok(())
                } else {
                    Err(Fault::Depth)
                }
            }
            Kind::Message(message) => {
                let was_in_span = self.in_span;
                self.in_span |= std::ptr::eq(message, &raw const SPAN);
                self.message(message, bytes, depth)?;
                self.in_span = was_in_span;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for (field, index) in &self.path {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(field.name);
            if field.repeated {
                // Writing to a string cannot fail.
                let _ = write!(path, "[{index}]");
            }
        }
        if path.is_empty() { "request".into() } else { path }
    }
}
