//! What a trace leaves in the summary log: its spans in columns, with the strings they use.

use throughline_otlp::{facts::flag, limits::MAX_RECORD_BYTES};

use super::{
    error_type,
    store::{SpanRecord, SpanStore, WIDE},
    trace::{ERROR_TYPE, Side, Trace},
};
use crate::{
    records::{Attribute, Key, Link, Resource, Root, TraceSummary},
    rules::Rules,
    strings::{EMPTY, Strings},
};

/// What a span takes in a summary at most, bytes: eight columns of varints and two fixed words.
const SPAN_BYTES: usize = 72;

/// Room in a record for what is not spans and strings.
const RECORD_MARGIN: usize = 64 * 1024;

/// Bytes of strings that a builder keeps room for: far more than an ordinary trace has.
const MAX_TEXT_KEPT: usize = 64 * 1024;

/// Ids of the fold to indices of a summary: a table that is cleared by counting up.
#[derive(Default)]
struct Local {
    epoch: u32,
    entries: Vec<(u32, u32)>,
}

impl Local {
    fn begin(&mut self, bound: usize) {
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.entries.clear();
            self.epoch = 1;
        }
        self.entries.resize(bound.max(self.entries.len()), (0, 0));
    }

    /// The index of `id`, and whether it is new (then it is `next`).
    fn of(&mut self, id: u32, next: u32) -> (u32, bool) {
        let entry = &mut self.entries[id as usize];
        let new = entry.0 != self.epoch;
        if new {
            *entry = (self.epoch, next);
        }
        (entry.1, new)
    }
}

/// Builds summaries; holds only scratch.
#[derive(Default)]
pub(super) struct SummaryBuilder {
    strings: Local,
    /// Memory in which a summary's strings grow.
    text: String,
    resources: Local,
}

/// A summary in the making.
struct Piece<'a> {
    summary: TraceSummary,
    bytes: usize,
    /// Number in the chain of its first span.
    first: u32,
    builder: &'a mut SummaryBuilder,
    names: &'a Strings,
    resources: &'a Strings,
}

impl SummaryBuilder {
    /// Gives `emit` one summary, or several pieces where one record cannot hold all.
    pub(super) fn build(
        &mut self,
        trace: &Trace,
        spans: &SpanStore,
        names: &Strings,
        resources: &Strings,
        rules: &Rules,
        mut emit: impl FnMut(TraceSummary),
    ) {
        let mut piece = Piece::begin(self, trace, names, resources, rules, 0);
        let side = trace.side.as_deref();
        for (number, span) in spans.iter(&trace.chain).enumerate() {
            if piece.bytes > MAX_RECORD_BYTES - RECORD_MARGIN {
                let first = number as u32;
                emit(piece.finish(trace, rules));
                piece = Piece::begin(self, trace, names, resources, rules, first);
            }
            let (start, duration) = times(trace, side, number as u32, span);
            piece.push(span, start, duration, rules);
        }
        emit(piece.finish(trace, rules));
    }
}

/// A span's start (Unix nanoseconds) and duration.
fn times(trace: &Trace, side: Option<&Side>, number: u32, span: &SpanRecord) -> (u64, u64) {
    if span.flags & WIDE == 0 {
        return (trace.base + span.start(), span.duration());
    }
    let wide = side.and_then(|side| {
        let at = side.wide.binary_search_by_key(&number, |wide| wide.0).ok()?;
        side.wide.get(at)
    });
    wide.map_or((trace.base, 0), |wide| (wide.1, wide.2))
}

impl<'a> Piece<'a> {
    fn begin(
        builder: &'a mut SummaryBuilder,
        trace: &Trace,
        names: &'a Strings,
        resources: &'a Strings,
        rules: &Rules,
        first: u32,
    ) -> Self {
        builder.strings.begin(names.bound());
        builder.resources.begin(resources.bound());
        builder.strings.of(EMPTY, 0);
        let count = trace.chain.len as usize;
        let summary = TraceSummary {
            trace_id: trace.id.0.to_vec().into(),
            tenant: names.text(trace.tenant).to_owned(),
            // No rules saw all of it.
            rules_version: if trace.mixed { 0 } else { rules.version },
            strings: std::mem::take(&mut builder.text),
            string_ends: vec![0],
            records: trace.records.to_vec(),
            matches: trace.matches,
            bytes: if first == 0 { trace.bytes } else { 0 },
            late: trace.late,
            duplicates: if first == 0 { trace.duplicates } else { 0 },
            clamped: if first == 0 { trace.clamped } else { 0 },
            span_id: Vec::with_capacity(count),
            parent_id: Vec::with_capacity(count),
            start: Vec::with_capacity(count),
            duration: Vec::with_capacity(count),
            flags: Vec::with_capacity(count),
            operation: Vec::with_capacity(count),
            resource: Vec::with_capacity(count),
            peer: Vec::with_capacity(count),
            record: Vec::with_capacity(count),
            offset: Vec::with_capacity(count),
            ..TraceSummary::default()
        };
        let bytes = trace.records.len() * 10;
        Self { summary, bytes, first, builder, names, resources }
    }

    fn string(&mut self, id: u32) -> u32 {
        let (index, new) = self.builder.strings.of(id, self.summary.string_ends.len() as u32);
        if new {
            let text = self.names.text(id);
            self.bytes += text.len() + 4;
            self.summary.push_text(text);
        }
        index
    }

    fn resource(&mut self, id: u32) -> u32 {
        let (index, new) = self.builder.resources.of(id, self.summary.resources.len() as u32);
        if new {
            let [service, version, instance, host, department] =
                self.resources.resource(id).map(|part| self.string(part));
            self.summary.resources.push(Resource { service, version, instance, host, department });
            self.bytes += 24;
        }
        index
    }

    fn push(&mut self, span: &SpanRecord, start: u64, duration: u64, rules: &Rules) {
        let operation = self.string(span.operation());
        let resource = self.resource(span.resource());
        let peer = self.string(span.peer());
        let summary = &mut self.summary;
        summary.span_id.push(span.id());
        summary.parent_id.push(span.parent());
        summary.start.push(start);
        summary.duration.push(duration);
        summary.flags.push(u32::from(span.flags & !WIDE));
        summary.operation.push(operation);
        summary.resource.push(resource);
        summary.peer.push(peer);
        summary.record.push(u32::from(span.record));
        summary.offset.push(span.offset);
        self.bytes += SPAN_BYTES;
        let kind = span.flags & flag::KIND as u8;
        for (bit, predicate) in rules.types.iter().filter_map(|kind_of| kind_of.terminal.as_ref()) {
            let service = summary.text(summary.resources[resource as usize].service);
            if summary.terminals & 1 << bit == 0 && predicate.eval(summary.text(operation), service, kind) {
                summary.terminals |= 1 << bit;
            }
        }
    }

    fn finish(self, trace: &Trace, rules: &Rules) -> TraceSummary {
        let Self { mut summary, first, builder, .. } = self;
        let text = summary.strings.clone();
        builder.text = std::mem::replace(&mut summary.strings, text);
        builder.text.clear();
        builder.text.shrink_to(MAX_TEXT_KEPT);
        let count = summary.span_id.len() as u32;
        summary.base = summary.start.iter().copied().min().unwrap_or(0);
        let base = summary.base;
        summary.start.iter_mut().for_each(|start| *start -= base);
        summary.root = root_of(&summary);
        let Some(side) = trace.side.as_deref() else { return summary };
        let key = |(place, value): &(u32, Box<str>)| Key { place: *place, value: value.to_string() };
        summary.keys = side.keys.iter().map(key).collect();
        let attribute = |captured: &super::trace::Captured| {
            let key = match captured.index {
                // Who asks for an attribute of this name has it of the span that he would have it of.
                ERROR_TYPE if rules.captured.iter().any(|key| **key == *error_type::KEY) => return None,
                ERROR_TYPE => error_type::KEY.to_owned(),
                index => rules.captured.get(index as usize)?.to_string(),
            };
            Some(Attribute { key, value: captured.value.to_string() })
        };
        summary.attributes = side.attributes.iter().filter_map(attribute).collect();
        summary.sampled = side.sampled.as_ref().map(|sampled| sampled.says.to_string()).unwrap_or_default();
        let own = side.links.iter().filter(|link| (first..first + count).contains(&link.span));
        summary.links = own
            .map(|link| Link {
                span: link.span - first,
                trace_id: link.trace_id.to_vec().into(),
                span_id: link.span_id,
            })
            .collect();
        summary
    }
}

/// The first span without a parent, else the first whose parent is not there.
fn root_of(summary: &TraceSummary) -> Option<Root> {
    let order = |index: &usize| (summary.start.get(*index), summary.span_id.get(*index));
    let parents = &summary.parent_id;
    let roots = (0..parents.len()).filter(|index| parents[*index] == 0);
    let index = roots.min_by_key(order).or_else(|| {
        // Late fragments have no root of their own and do not tell a type.
        let orphans = (0..parents.len()).filter(|index| !summary.span_id.contains(&parents[*index]));
        if summary.late { None } else { orphans.min_by_key(order) }
    })?;
    let resource = summary.resources.get(*summary.resource.get(index)? as usize)?;
    Some(Root {
        name: summary.text(*summary.operation.get(index)?).to_owned(),
        service: summary.text(resource.service).to_owned(),
        kind: summary.flags.get(index)? & u32::from(flag::KIND),
    })
}
