//! Resource and scope: read once for each distinct pair.

use throughline_otlp::wire::{Reader, WireError};

use super::SpanSource;
use crate::native::{Dictionary, put_string};
use crate::value::{self, json_string};

/// The sources of a batch.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// As received; what the others are found by.
    pub(super) wire: Dictionary,
    /// As JSON.
    pub(super) json: Dictionary,
    pub(super) services: Dictionary,
    /// JSON and service of each wire entry.
    pub(super) of: Vec<(u32, u32)>,
    scratch: Vec<u8>,
}

impl Sources {
    /// The number of a source in `wire`.
    pub(super) fn push(&mut self, source: &SpanSource<'_>) -> Result<u32, WireError> {
        self.scratch.clear();
        for part in [
            source.resource,
            source.resource_schema_url.as_bytes(),
            source.scope,
            source.scope_schema_url.as_bytes(),
        ] {
            put_string(&mut self.scratch, part);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let number = self.wire.intern(&scratch);
        let read = if number as usize == self.of.len() { self.read(source, &mut scratch) } else { Ok(()) };
        self.scratch = scratch;
        read.map(|()| number)
    }

    fn read(&mut self, source: &SpanSource<'_>, json: &mut Vec<u8>) -> Result<(), WireError> {
        json.clear();
        json.extend_from_slice(b"{\"r\":{");
        let read = resource(source.resource, json).and_then(|service| {
            json.push(b'}');
            scope(source.scope, json).map(|()| service)
        });
        // A source that cannot be read holds its place, so that those after it keep theirs.
        let service = *read.as_ref().unwrap_or(&&[][..]);
        self.of.push((self.json.intern(json), self.services.intern(service)));
        read.map(drop)
    }
}

fn resource<'a>(message: &'a [u8], json: &mut Vec<u8>) -> Result<&'a [u8], WireError> {
    let mut reader = Reader::new(message);
    let (mut service, mut first) = (&[][..], true);
    while let Some((field, raw)) = reader.next_field()? {
        if field != 1 {
            continue;
        }
        let (key, value) = value::key_value(raw.bytes(field)?)?;
        if !std::mem::take(&mut first) {
            json.push(b',');
        }
        json_string(key, json);
        json.push(b':');
        let mut text = Vec::new();
        value::text(value, &mut text)?;
        json_string(&text, json);
        if let (b"service.name", Some(value::Any::Str(name))) = (key, value) {
            service = name;
        }
    }
    Ok(service)
}

fn scope(message: &[u8], json: &mut Vec<u8>) -> Result<(), WireError> {
    let mut reader = Reader::new(message);
    let (mut name, mut version) = (&[][..], &[][..]);
    while let Some((field, raw)) = reader.next_field()? {
        match field {
            1 => name = raw.bytes(field)?,
            2 => version = raw.bytes(field)?,
            _ => {}
        }
    }
    json.extend_from_slice(b",\"n\":");
    json_string(name, json);
    json.extend_from_slice(b",\"v\":");
    json_string(version, json);
    json.push(b'}');
    Ok(())
}
