//! Facts of spans into open traces.

use std::{borrow::Cow, sync::Arc};

use smallvec::SmallVec;
use throughline_otlp::{Capture, Facts, LinkFact, SpanFact, TraceId, facts::flag, plan::slot};

use super::{
    Emit, EmitBody, StoredSummaries, TraceKey, Traces, error_type,
    key::OpenKey,
    questions,
    store::{Chain, NewSpan, SpanRecord, WIDE},
    trace::{BASE_MARGIN, Identities, Linked, SCAN_SPANS, Trace, TraceIdBytes},
};
use crate::{
    records::ClosedBy,
    strings::{EMPTY, OVERFLOW, Strings},
    timers::Due,
};

/// `SpanKind` CLIENT as OTLP numbers it.
const CLIENT: u16 = 3;

/// Summaries of a closed trace that are read to tell resends of late spans from news, the newest: some 700,000 spans. Of a trace whose id everything has, each
/// piece would else cost more than the one before.
const MAX_RECALLED: usize = 64;

/// What belongs to one record while its spans are taken in.
struct Context<'a> {
    position: u64,
    now: u64,
    tenant: u32,
    payload: &'a [u8],
    facts: &'a Facts,
}

impl Traces {
    /// Takes the spans of one request in.
    #[expect(clippy::too_many_arguments, reason = "what a record is, and where its effects go")]
    pub(super) fn take_spans(
        &mut self,
        position: u64,
        now: u64,
        tenant: &str,
        payload: &[u8],
        facts: Option<&Facts>,
        stored: &mut dyn StoredSummaries,
        out: &mut Vec<Emit>,
    ) {
        let facts = match facts.filter(|facts| facts.version == self.rules.version) {
            Some(facts) => Cow::Borrowed(facts),
            // What the receiver let in scans again; what another producer wrote to the log and is malformed has no facts.
            None => Cow::Owned(self.scanner.rescan(payload).unwrap_or_default().facts),
        };
        let tenant = self.strings.intern_reserved(tenant.as_bytes(), now);
        let context = Context { position, now, tenant, payload, facts: &facts };
        self.intern_resources(&context);
        let (mut captures, mut links) = (&facts.captures[..], &facts.links[..]);
        let mut last: Option<(TraceId, u32)> = None;
        for (index, span) in facts.spans.iter().enumerate() {
            let own_captures = take_while(&mut captures, |capture| capture.span as usize == index);
            let own_links = take_while(&mut links, |link| link.span as usize == index);
            let slot = match last {
                Some((id, slot)) if id == span.trace_id => slot,
                _ => self.slot_of(span, &context, stored, out),
            };
            self.take_span(slot, span, own_captures, own_links, &context);
            last = self.close_if_full(slot, now, out).then_some((span.trace_id, slot));
        }
    }

    fn intern_resources(&mut self, context: &Context<'_>) {
        self.resource_ids.clear();
        let (facts, now) = (context.facts, context.now);
        for resource in 0..facts.resources.len() as u32 {
            let text = |slot| facts.resource_text(resource, slot);
            let first = |slots: &[usize]| {
                slots.iter().map(|slot| text(*slot)).find(|text| !text.is_empty()).unwrap_or(b"")
            };
            // Containers often call themselves a host by the name of their pod: then the node says where they run.
            let is_pod = text(slot::HOST) == text(slot::POD);
            let host = if is_pod { slot::NODE } else { slot::HOST };
            let host = first(&[host, slot::HOST, slot::POD, slot::INSTANCE, slot::SERVICE]);
            let instance = first(&[slot::INSTANCE, slot::POD]);
            let version = self.rules.configurations.version(facts, resource);
            let parts =
                [text(slot::SERVICE), &version, instance, host, self.rules.departments.of(facts, resource)];
            let mut key = [0; 20];
            for (part, bytes) in parts.iter().zip(key.chunks_exact_mut(4)) {
                bytes.copy_from_slice(&self.strings.intern(part, now).to_le_bytes());
            }
            self.resource_ids.push(self.resources.intern(&key, now));
        }
    }

    /// The slot of a span's trace, opened if it is not.
    fn slot_of(
        &mut self,
        span: &SpanFact,
        context: &Context<'_>,
        stored: &mut dyn StoredSummaries,
        out: &[Emit],
    ) -> u32 {
        let key = OpenKey { id: span.trace_id, tenant: context.tenant };
        if let Some(slot) = self.open.get(&key) {
            return *slot;
        }
        self.generation = self.generation.wrapping_add(1);
        let mut trace = Trace {
            id: TraceIdBytes(span.trace_id.0),
            tenant: context.tenant,
            generation: self.generation,
            chain: Chain::default(),
            base: span.start.saturating_sub(BASE_MARGIN),
            opened: context.now,
            last: context.now,
            timer: u64::MAX,
            matches: 0,
            bytes: 0,
            records: SmallVec::new(),
            duplicates: 0,
            clamped: 0,
            root: false,
            late: false,
            mixed: false,
            side: None,
        };
        if !self.closed.is_empty() {
            self.recall(&mut trace, span.trace_id, stored, out);
        }
        self.open(trace)
    }

    /// Late spans of a closed trace: what was seen of it tells resends from news, and its keys lead to its transaction.
    fn recall(&mut self, trace: &mut Trace, id: TraceId, stored: &mut dyn StoredSummaries, out: &[Emit]) {
        let tenant = self.strings.text(trace.tenant);
        let key = TraceKey::of(tenant, id);
        let held = self.closed.get(key);
        let mut places = stored.places(key);
        if held.is_none() && places.is_empty() {
            return;
        }
        places.extend(held.into_iter().flatten().copied());
        places.sort_unstable();
        places.dedup();
        // A trace's pieces have one owner, so that these are the oldest.
        let over = places.len().saturating_sub(MAX_RECALLED);
        places.drain(..over);
        self.counts.recalled_over_limit += over as u64;
        let mut summaries: SmallVec<[_; 2]> =
            places.iter().filter_map(|place| stored.summary(*place)).collect();
        let gone = summaries.len() < places.len();
        summaries.extend(stored.unplaced(key));
        // A key is only a hash: what it finds may be another's.
        let found = summaries.len();
        summaries.retain(|summary| summary.is_of(tenant, id));
        if summaries.is_empty() && found > 0 && !gone {
            return;
        }
        trace.late = true;
        // It may be this very record that closed it.
        summaries.extend(out.iter().filter_map(|emit| match &emit.body {
            EmitBody::Summary(summary) if summary.is_of(tenant, id) => Some(Arc::clone(summary)),
            _ => None,
        }));
        let mut seen = Identities::default();
        for summary in &summaries {
            let kinds = summary.flags.iter().map(|flags| (flags & u32::from(flag::KIND)) as u8);
            seen.extend(summary.span_id.iter().copied().zip(kinds));
            for key in &summary.keys {
                trace.side().add_key(key.place, &key.value);
            }
        }
        trace.side().seen = Some(Box::new(seen));
    }

    fn take_span(
        &mut self,
        slot: u32,
        span: &SpanFact,
        captures: &[Capture],
        links: &[LinkFact],
        context: &Context<'_>,
    ) {
        let Some(Some(trace)) = self.slots.get_mut(slot as usize) else { return };
        let identity = (span.span_id.0, (span.flags & flag::KIND) as u8);
        if is_known(trace, &self.spans, identity) {
            trace.duplicates = trace.duplicates.saturating_add(1);
            self.counts.duplicates += 1;
            // Nothing but resends may come of a closed trace: it closes again all the same.
            if trace.timer == u64::MAX {
                self.watch(slot);
            }
            return;
        }
        if trace.late {
            self.counts.late += 1;
        }
        let facts = context.facts;
        let mut peer = EMPTY;
        for capture in captures {
            let text = capture.text.of(&facts.text);
            match usize::from(capture.slot) {
                _ if text.is_empty() => {}
                slot::PEER_SERVICE if span.flags & flag::KIND == CLIENT => {
                    peer = self.strings.intern(text, context.now);
                }
                slot::SERVER_ADDRESS if span.flags & flag::KIND == CLIENT && peer == EMPTY => {
                    let is_partner =
                        std::str::from_utf8(text).is_ok_and(|text| self.rules.departments.is_partner(text));
                    peer = if is_partner { self.strings.intern(text, context.now) } else { EMPTY };
                }
                _ => {}
            }
            self.counts.keys_over_limit += u64::from(!keep_capture(trace, &self.rules, capture, text, span));
        }
        if span.flags & flag::ERROR != 0
            && let Some(says) = error_type::of(span, context.payload)
        {
            trace.side().add_error_type(span.start, span.span_id.0, &says);
        }
        let number = trace.chain.len;
        for link in links {
            let linked = Linked { span: number, trace_id: link.trace_id.0, span_id: link.span_id.0 };
            self.counts.links_over_limit += u64::from(!trace.side().add_link(linked));
        }
        let resource = self.resource_ids.get(span.resource as usize).copied().unwrap_or(EMPTY);
        let operation = self.strings.intern_name(span.name.of(context.payload), context.now);
        let new = NewSpan {
            id: span.span_id.0,
            parent: span.parent_id.0,
            start: span.start.checked_sub(trace.base).unwrap_or(u64::MAX),
            duration: span.end - span.start,
            offset: span.body.start,
            record: record_index(trace, context.position),
            resource,
            operation,
            peer,
            flags: span.flags as u8,
        };
        let packed = SpanRecord::new(&new);
        if packed.flags & WIDE != 0 {
            trace.side().wide.push((number, span.start, new.duration));
        }
        self.spans.push(&mut trace.chain, packed);
        self.span_count += 1;
        trace.matches |= self.rules.matches_of(span, context.payload);
        if span.flags & flag::TRACE_STATE != 0 {
            let says = || questions::sampled(span, context.payload);
            trace.side().add_sampled(span.start, span.span_id.0, says);
        }
        trace.bytes += u64::from(span.body.len);
        trace.last = context.now;
        trace.root |= span.parent_id.0 == 0;
        trace.clamped += u32::from(span.flags & flag::CLAMPED != 0);
        self.watch(slot);
    }

    /// Makes sure that a timer looks at a trace no later than its deadline.
    pub(super) fn watch(&mut self, slot: u32) {
        let Some(Some(trace)) = self.slots.get_mut(slot as usize) else { return };
        let deadline = trace.deadline(&self.rules.settings.traces);
        if trace.timer == u64::MAX || deadline < trace.timer {
            trace.timer = deadline;
            self.timers.add(deadline, Due { slot, generation: trace.generation });
        }
    }

    /// Whether the trace stays open.
    fn close_if_full(&mut self, slot: u32, now: u64, out: &mut Vec<Emit>) -> bool {
        let Some(Some(trace)) = self.slots.get(slot as usize) else { return false };
        let full = trace.chain.len >= self.rules.settings.traces.max_spans
            || trace.records.len() >= usize::from(u16::MAX);
        if full {
            self.counts.closed_by_size += 1;
            self.close(slot, ClosedBy::Size, now, out);
        }
        !full
    }
}

fn take_while<'a, T>(list: &mut &'a [T], belongs: impl Fn(&T) -> bool) -> &'a [T] {
    let count = list.iter().take_while(|item| belongs(item)).count();
    let (taken, rest) = list.split_at(count);
    *list = rest;
    taken
}

/// Whether a span of this identity is there already; if not, it is from now on.
fn is_known(trace: &mut Trace, spans: &super::store::SpanStore, identity: (u64, u8)) -> bool {
    let of = |span: &SpanRecord| (span.id(), span.flags & flag::KIND as u8);
    if let Some(seen) = trace.side.as_mut().and_then(|side| side.seen.as_mut()) {
        return !seen.insert(identity);
    }
    if trace.chain.len < SCAN_SPANS {
        return spans.iter(&trace.chain).any(|span| of(span) == identity);
    }
    let mut seen: Identities = spans.iter(&trace.chain).map(of).collect();
    let known = !seen.insert(identity);
    trace.side().seen = Some(Box::new(seen));
    known
}

/// Keeps a captured attribute that is a key or wanted for the transaction; `false` where a limit was hit.
fn keep_capture(
    trace: &mut Trace,
    rules: &crate::rules::Rules,
    capture: &Capture,
    text: &[u8],
    span: &SpanFact,
) -> bool {
    let slot = usize::from(capture.slot);
    let (place, index) =
        (rules.key_slots.get(slot).copied().flatten(), rules.attribute_slots.get(slot).copied().flatten());
    let Ok(text) = std::str::from_utf8(text) else { return true };
    if let Some(index) = index {
        trace.side().add_attribute(index, span.start, span.span_id.0, text);
    }
    match place {
        Some(place) if !text.is_empty() => trace.side().add_key(place, text),
        _ => true,
    }
}

/// The number of the record at `position` in the trace's list.
fn record_index(trace: &mut Trace, position: u64) -> u16 {
    if trace.records.last() != Some(&position) {
        trace.records.push(position);
    }
    (trace.records.len() - 1) as u16
}

impl Strings {
    /// The five strings of a resource.
    pub(super) fn resource(&self, id: u32) -> [u32; 5] {
        // What stands there is a text, not ids.
        if id == OVERFLOW {
            return [OVERFLOW; 5];
        }
        let bytes = self.bytes(id);
        std::array::from_fn(|part| {
            bytes
                .get(part * 4..part * 4 + 4)
                .and_then(|word| word.try_into().ok())
                .map_or(EMPTY, u32::from_le_bytes)
        })
    }
}
