//! Writes one record: envelopes around slices of the request, and the facts that go with them.

use bytes::Bytes;

use crate::{
    facts::{Capture, Facts, LinkFact, Range, ResourceFact},
    scan::{
        Part,
        found::{Envelope, Found, Sparse},
    },
    wire::{put_varint, varint_len},
};

const TAG_RESOURCE_SPANS: u8 = 0x0a;
const TAG_SCOPE_SPANS: u8 = 0x12;

/// Neighbouring spans of one scope in one record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    scope: u32,
    spans: u32,
    /// Length of the `ScopeSpans` message.
    body: u32,
}

/// Makes a record of some spans (indices, in the order of the request) of one partition.
pub(super) fn part(
    request: &[u8],
    found: &Found,
    partition: u32,
    spans: &[u32],
    runs: &mut Vec<Run>,
) -> Part {
    find_runs(found, spans, runs);
    let payload_bytes = same_resource(found, runs).map(|runs| with_header(resource_body(found, runs))).sum();
    let mut writer = Writer {
        request,
        found,
        payload: Vec::with_capacity(payload_bytes),
        facts: facts_with_capacity(found, spans, runs),
    };
    let mut rest = spans;
    for runs in same_resource(found, runs) {
        writer.resource(resource_body(found, runs), &found.scopes[runs[0].scope as usize]);
        for run in runs {
            let (of_run, after) = rest.split_at(run.spans as usize);
            rest = after;
            writer.scope(run);
            of_run.iter().for_each(|span| writer.span(*span as usize));
        }
    }
    Part { partition, payload: Bytes::from(writer.payload), facts: writer.facts }
}

fn find_runs(found: &Found, spans: &[u32], runs: &mut Vec<Run>) {
    runs.clear();
    for span in spans {
        let scope = found.places[*span as usize].scope;
        let bytes = super::field_bytes(found, *span) as u32;
        match runs.last_mut() {
            Some(run) if run.scope == scope => {
                run.spans += 1;
                run.body += bytes;
            }
            _ => {
                runs.push(Run { scope, spans: 1, body: bytes + found.scopes[scope as usize].common_bytes });
            }
        }
    }
}

fn same_resource<'a>(found: &'a Found, runs: &'a [Run]) -> impl Iterator<Item = &'a [Run]> {
    let resource = |run: &Run| found.scopes[run.scope as usize].resource;
    runs.chunk_by(move |a, b| resource(a) == resource(b))
}

fn resource_body(found: &Found, runs: &[Run]) -> usize {
    let resource = found.scopes[runs[0].scope as usize].resource;
    let scopes: usize = runs.iter().map(|run| with_header(run.body as usize)).sum();
    found.resources[resource as usize].common_bytes as usize + scopes
}

fn with_header(body: usize) -> usize {
    1 + varint_len(body as u64) + body
}

/// Lists with room for exactly what they will hold: they live as long as the record is in memory.
fn facts_with_capacity(found: &Found, spans: &[u32], runs: &[Run]) -> Facts {
    let mut sparse = Sparse::default();
    for span in spans {
        let (before, after) = (before(found, *span as usize), found.places[*span as usize].after);
        sparse.text += after.text - before.text;
        sparse.captures += after.captures - before.captures;
        sparse.links += after.links - before.links;
    }
    let mut resources = 0;
    for runs in same_resource(found, runs) {
        let (start, end) = found.resources[found.scopes[runs[0].scope as usize].resource as usize].text;
        sparse.text += end - start;
        resources += 1;
    }
    Facts {
        version: found.facts.version,
        spans: Vec::with_capacity(spans.len()),
        resources: Vec::with_capacity(resources),
        resource_values: Vec::with_capacity(resources * resource_slots(found)),
        captures: Vec::with_capacity(sparse.captures as usize),
        links: Vec::with_capacity(sparse.links as usize),
        text: Vec::with_capacity(sparse.text as usize),
    }
}

fn resource_slots(found: &Found) -> usize {
    found.facts.resource_values.len() / found.facts.resources.len().max(1)
}

/// Lengths of the sparse lists before a span.
fn before(found: &Found, span: usize) -> Sparse {
    let resource = found.facts.spans[span].resource;
    let mut sparse = match span.checked_sub(1) {
        Some(previous) if found.facts.spans[previous].resource == resource => {
            return found.places[previous].after;
        }
        Some(previous) => found.places[previous].after,
        None => Sparse::default(),
    };
    // Between the spans of two resources lies the second one's text.
    sparse.text = found.resources[resource as usize].text.1;
    sparse
}

struct Writer<'a> {
    request: &'a [u8],
    found: &'a Found,
    payload: Vec<u8>,
    facts: Facts,
}

impl Writer<'_> {
    fn resource(&mut self, body: usize, first_scope: &Envelope) {
        let resource = first_scope.resource as usize;
        let envelope = self.found.resources[resource];
        self.payload.push(TAG_RESOURCE_SPANS);
        put_varint(&mut self.payload, body as u64);
        self.common(&envelope);

        let all = &self.found.facts;
        let shift = self.facts.text.len() as u32;
        self.facts.resources.push(ResourceFact { first_value: self.facts.resource_values.len() as u32 });
        self.facts.text.extend_from_slice(&all.text[envelope.text.0 as usize..envelope.text.1 as usize]);
        let first = all.resources[resource].first_value as usize;
        let values = &all.resource_values[first..first + resource_slots(self.found)];
        self.facts.resource_values.extend(values.iter().map(|value| moved(*value, envelope.text.0, shift)));
    }

    fn scope(&mut self, run: &Run) {
        self.payload.push(TAG_SCOPE_SPANS);
        put_varint(&mut self.payload, u64::from(run.body));
        self.common(&self.found.scopes[run.scope as usize]);
    }

    fn common(&mut self, envelope: &Envelope) {
        for range in &self.found.common[envelope.common.0 as usize..envelope.common.1 as usize] {
            self.payload.extend_from_slice(range.of(self.request));
        }
    }

    fn span(&mut self, span: usize) {
        let (all, place) = (&self.found.facts, self.found.places[span]);
        let mut fact = all.spans[span];
        let start = self.payload.len() as u32;
        let end = fact.body.start + fact.body.len;
        self.payload.extend_from_slice(&self.request[place.field as usize..end as usize]);
        fact.body = moved(fact.body, place.field, start);
        fact.name = moved(fact.name, place.field, start);
        fact.resource = self.facts.resources.len() as u32 - 1;

        let index = self.facts.spans.len() as u32;
        let (before, after) = (before(self.found, span), place.after);
        let shift = self.facts.text.len() as u32;
        self.facts.text.extend_from_slice(&all.text[before.text as usize..after.text as usize]);
        let captures = &all.captures[before.captures as usize..after.captures as usize];
        self.facts.captures.extend(captures.iter().map(|capture| Capture {
            span: index,
            slot: capture.slot,
            text: Range { start: capture.text.start - before.text + shift, len: capture.text.len },
        }));
        let links = &all.links[before.links as usize..after.links as usize];
        self.facts.links.extend(links.iter().map(|link| LinkFact { span: index, ..*link }));
        self.facts.spans.push(fact);
    }
}

/// A range after what it lies in moved. What is empty stays where nothing lies.
fn moved(range: Range, from: u32, to: u32) -> Range {
    if range.len == 0 { range } else { Range { start: range.start - from + to, len: range.len } }
}
