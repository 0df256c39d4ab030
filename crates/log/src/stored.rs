//! From a stretch of a segment to a record.

use std::sync::Arc;

use crate::{
    Kind, Position, Record,
    format::{HEADER, Header},
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
    fn get(&mut self, bytes: &[u8]) -> Arc<str> {
        if self.0.as_bytes() != bytes {
            self.0 = String::from_utf8_lossy(bytes).into();
        }
        Arc::clone(&self.0)
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
