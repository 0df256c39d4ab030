//! Cuts a scanned request into requests by partition, each small enough for a log's record.
//!
//! Nothing is encoded anew but tags and lengths of envelopes: spans, resources and scopes are copied as slices.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    limits::{MAX_IDLE_SPANS, MAX_RECORD_BYTES, MAX_SPLIT_GROWTH, MIN_SPLIT_BYTES},
    refusal::{Fault, RejectReason, SpanPath},
    scan::{
        Part, Scanned,
        found::{Envelope, Found},
    },
    wire::{Reader, varint_len},
};

mod write;

/// Most that the tag and the length of an envelope in a record take: 3 bytes of length tell up to 2 MiB.
const HEADER_BYTES: usize = 4;
const _: () = assert!(MAX_RECORD_BYTES < 1 << 21);

/// Buffers that are used again.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    /// Indices of spans by partition, those of one partition in the order of the request.
    order: Vec<u32>,
    /// For each partition the place in `order` that is filled next.
    next: Vec<u32>,
    cuts: Vec<Cut>,
    runs: Vec<write::Run>,
}

/// A part to be.
#[derive(Clone, Debug)]
struct Cut {
    partition: u32,
    /// Range of [`Splitter::order`].
    spans: Range<usize>,
}

impl Splitter {
    pub(crate) fn split(&mut self, request: Bytes, found: &mut Found) -> Result<Scanned, Fault> {
        let parts = match only_partition(found) {
            Some(partition) if found.rejected.is_empty() && request.len() <= MAX_RECORD_BYTES => {
                vec![Part { partition, payload: request, facts: found.facts.clone() }]
            }
            _ => self.cut_and_write(&request, found)?,
        };
        let accepted = parts.iter().map(|part| part.facts.spans.len() as u64).sum();
        Ok(Scanned { parts, accepted, rejected: std::mem::take(&mut found.rejected), clamped: found.clamped })
    }

    pub(crate) fn shrink(&mut self) {
        self.order.shrink_to(MAX_IDLE_SPANS);
        self.cuts.shrink_to(MAX_IDLE_SPANS);
        self.runs.shrink_to(MAX_IDLE_SPANS);
    }

    fn cut_and_write(&mut self, request: &[u8], found: &mut Found) -> Result<Vec<Part>, Fault> {
        self.sort(found);
        let bytes = self.cut(request, found);
        if bytes > MIN_SPLIT_BYTES.max(request.len().saturating_mul(MAX_SPLIT_GROWTH)) as u64 {
            return Err(Fault::Growth(bytes));
        }
        let (order, runs) = (&self.order, &mut self.runs);
        Ok(self
            .cuts
            .iter()
            .map(|cut| write::part(request, found, cut.partition, &order[cut.spans.clone()], runs))
            .collect())
    }

    /// Sorts spans by partition: counts, then places.
    fn sort(&mut self, found: &Found) {
        let partitions = found.places.iter().map(|place| place.partition as usize + 1).max().unwrap_or(0);
        self.next.clear();
        self.next.resize(partitions + 1, 0);
        for place in &found.places {
            self.next[place.partition as usize + 1] += 1;
        }
        for partition in 1..=partitions {
            self.next[partition] += self.next[partition - 1];
        }
        self.order.clear();
        self.order.resize(found.places.len(), 0);
        for (span, place) in (0u32..).zip(&found.places) {
            let next = &mut self.next[place.partition as usize];
            self.order[*next as usize] = span;
            *next += 1;
        }
    }

    /// Finds where records end, leaves out what fits none, and tells how many bytes all will take at most.
    fn cut(&mut self, request: &[u8], found: &mut Found) -> u64 {
        self.cuts.clear();
        let mut total = 0;
        let mut size = 0;
        let mut previous: Option<u32> = None;
        let mut kept = 0;
        for at in 0..self.order.len() {
            let span = self.order[at];
            let place = found.places[span as usize];
            let same_partition = self.cuts.last().is_some_and(|cut| cut.partition == place.partition);
            let mut added = added_bytes(found, previous.filter(|_| same_partition), span);
            if !same_partition || size + added > MAX_RECORD_BYTES {
                added = added_bytes(found, None, span);
                if added > MAX_RECORD_BYTES && alone_bytes(found, span) > MAX_RECORD_BYTES {
                    reject(request, found, span);
                    continue;
                }
                self.cuts.push(Cut { partition: place.partition, spans: kept..kept });
                size = 0;
            }
            size += added;
            total += added as u64;
            previous = Some(span);
            self.order[kept] = span;
            kept += 1;
            if let Some(cut) = self.cuts.last_mut() {
                cut.spans.end = kept;
            }
        }
        self.order.truncate(kept);
        total
    }
}

/// The partition of all spans, where it is one.
fn only_partition(found: &Found) -> Option<u32> {
    let first = found.places.first()?.partition;
    found.places.iter().all(|place| place.partition == first).then_some(first)
}

fn envelopes(found: &Found, span: u32) -> (Envelope, Envelope) {
    let scope = found.scopes[found.places[span as usize].scope as usize];
    (found.resources[scope.resource as usize], scope)
}

/// Bytes of a span's field, tag and length included.
fn field_bytes(found: &Found, span: u32) -> usize {
    let body = found.facts.spans[span as usize].body;
    (body.start + body.len - found.places[span as usize].field) as usize
}

/// Most that a span adds to a record whose last span is `previous`.
fn added_bytes(found: &Found, previous: Option<u32>, span: u32) -> usize {
    let scope_of = |span: u32| found.places[span as usize].scope;
    let mut bytes = field_bytes(found, span);
    if previous.is_none_or(|previous| scope_of(previous) != scope_of(span)) {
        let (resource, scope) = envelopes(found, span);
        bytes += HEADER_BYTES + scope.common_bytes as usize;
        let resource_of = |span: u32| found.scopes[scope_of(span) as usize].resource;
        if previous.is_none_or(|previous| resource_of(previous) != scope.resource) {
            bytes += HEADER_BYTES + resource.common_bytes as usize;
        }
    }
    bytes
}

/// Exactly what a record of only this span takes.
fn alone_bytes(found: &Found, span: u32) -> usize {
    let (resource, scope) = envelopes(found, span);
    let with_header = |bytes: usize| 1 + varint_len(bytes as u64) + bytes;
    let scope = with_header(scope.common_bytes as usize + field_bytes(found, span));
    with_header(resource.common_bytes as usize + scope)
}

#[cold]
fn reject(request: &[u8], found: &mut Found, span: u32) {
    let fact = &found.facts.spans[span as usize];
    found.clamped -= u64::from(fact.flags & crate::facts::flag::CLAMPED != 0);
    let body = fact.body.start as usize;
    found.rejected.add_with(RejectReason::TooLarge, || locate(request, body));
}

/// The path of the span whose body starts at an offset.
fn locate(request: &[u8], body: usize) -> SpanPath {
    let (resource, resource_start) = enclosing(request, 0, 1, body);
    let (scope, scope_start) = enclosing(request, resource_start, 2, body);
    let (span, _) = enclosing(request, scope_start, 2, body);
    SpanPath { resource, scope, span }
}

/// Which of the fields `number` of the message that starts at `start` encloses an offset, and where its body starts. The request was scanned: reads succeed.
fn enclosing(request: &[u8], start: usize, number: u32, offset: usize) -> (u32, usize) {
    let mut reader = Reader::new(request.get(start..).unwrap_or_default());
    let mut index = 0;
    while let Ok(Some((found, value))) = reader.next_field() {
        if found == number {
            let end = start + reader.offset();
            let len = value.bytes(number).map_or(0, <[u8]>::len);
            if (end - len..=end).contains(&offset) {
                return (index, end - len);
            }
            index += 1;
        }
    }
    (index, start)
}
