//! From a stretch of a segment to a record.

use std::sync::Arc;

use crate::{
    Kind, NewRecord, Position, Record,
    format::{self, HEADER, Header},
    segment::Segment,
};

/// Tenants of the records before: neighbours are mostly of one tenant, so one is shared rather than made anew.
pub(crate) struct LastTenant(Arc<str>);

impl Default for LastTenant {
    fn default() -> Self {
        Self("".into())
    }
}

impl LastTenant {
    pub(crate) fn get(&mut self, bytes: &[u8]) -> Arc<str> {
        if self.0.as_bytes() != bytes {
            self.0 = String::from_utf8_lossy(bytes).into();
        }
        Arc::clone(&self.0)
    }
}

/// A record that this process has just made durable. Its payload is from here on that of the file, in the system's memory, and not
/// verified: so no caller's buffer is held for readers, and they find its pages at hand.
pub(crate) fn just_written(
    segment: &Arc<Segment>,
    position: Position,
    wall_ns: u64,
    new: NewRecord,
) -> Record {
    let next = position.0 + format::size(&new) as u64;
    let NewRecord { kind, tenant, cause, payload, cache } = new;
    Record {
        position,
        next: Position(next),
        wall_ns,
        kind,
        tenant,
        cause,
        payload: segment.bytes(next - payload.len() as u64..next),
        cache,
    }
}

/// The record whose header lies at `position`; the number of its kind if that is unknown.
pub(crate) fn record(
    segment: &Arc<Segment>,
    position: u64,
    header: &Header,
    tenants: &mut LastTenant,
) -> Result<Record, u8> {
    let next = position + header.length as u64;
    let body = position + HEADER as u64;
    let payload = body + header.tenant as u64;
    Ok(Record {
        position: Position(position),
        next: Position(next),
        wall_ns: header.wall_ns,
        kind: Kind::of(header.kind).ok_or(header.kind)?,
        tenant: tenants.get(segment.text(body..payload)),
        cause: header.cause,
        payload: segment.bytes(payload..next),
        cache: None,
    })
}
