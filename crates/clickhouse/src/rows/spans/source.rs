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
    /// JSON and service of each wire entry, or why it cannot be read.
    of: Vec<Result<(u32, u32), WireError>>,
    scratch: Vec<u8>,
}

impl Sources {
    /// The number of a source in `wire`.
    pub(super) fn push(&mut self, source: &SpanSource<'_>) -> Result<u32, WireError> {
        let Self { wire, json, services, of, scratch } = self;
        scratch.clear();
        for part in [
            source.resource,
            source.resource_schema_url.as_bytes(),
            source.scope,
            source.scope_schema_url.as_bytes(),
        ] {
            put_string(scratch, part);
        }
        let number = wire.intern(scratch);
        if number as usize == of.len() {
            // One that cannot be read holds its place, so that those after it keep theirs.
            of.push(read(source, scratch).map(|service| (json.intern(scratch), services.intern(service))));
        }
        of[number as usize].map(|_| number)
    }

    /// Number of the JSON of a source that was taken.
    pub(super) fn json_of(&self, source: u32) -> u32 {
        self.of[source as usize].map_or(0, |(json, _)| json)
    }

    /// Number of the service of a source that was taken.
    pub(super) fn service_of(&self, source: u32) -> u32 {
        self.of[source as usize].map_or(0, |(_, service)| service)
    }
}

/// Writes a source as JSON over what is there; its service.
fn read<'a>(source: &SpanSource<'a>, json: &mut Vec<u8>) -> Result<&'a [u8], WireError> {
    json.clear();
    json.extend_from_slice(b"{\"r\":{");
    let service = resource(source.resource, json)?;
    json.push(b'}');
    scope(source.scope, json)?;
    Ok(service)
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
