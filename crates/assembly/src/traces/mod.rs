//! The first fold: spans to traces, over one partition of the span log.

mod closed;
mod closing;
mod encoding;
mod error_type;
mod intake;
mod key;
mod links;
mod looking;
mod questions;
mod snapshot;
mod store;
mod summary;
mod switch;
mod trace;

use std::sync::Arc;

use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use throughline_otlp::{Facts, Scanner};

use self::{closed::ClosedTraces, key::OpenKey, store::SpanStore, summary::SummaryBuilder, trace::Trace};
pub use self::{
    closed::MAX_CLOSED_TRACES,
    encoding::{decode_summary, encode_summary},
    error_type::KEY as ERROR_TYPE,
    key::TraceKey,
    looking::{Most, Wanted},
    trace::{MAX_KEYS, MAX_LINKS},
};
use crate::{
    chunk::ClosedChunk,
    place::Place,
    records::TraceSummary,
    rules::Rules,
    strings::Strings,
    time::LogClock,
    timers::Timers,
    transactions::{Link, TraceHead},
};

/// What a record of the span log is to this fold.
pub enum SpanEvent<'a> {
    /// An export request, with the facts that travelled with it, if any.
    Spans {
        /// Whose it is.
        tenant: &'a str,
        /// The request.
        payload: &'a [u8],
        /// Used only if of the fold's own rules.
        facts: Option<&'a Facts>,
    },
    /// Time went on.
    Tick,
    /// From here on these rules hold.
    Rules(Arc<Rules>),
}

/// What the fold has written to the summary log because of a record.
#[derive(Clone, Debug)]
pub struct Emit {
    /// Partition of the summary log.
    pub partition: u32,
    /// Which of those the record caused, from 0.
    pub ordinal: u32,
    /// What it is.
    pub body: EmitBody,
}

/// What is written.
#[derive(Clone, Debug)]
pub enum EmitBody {
    /// A trace, or a piece of one: to be encoded, and noted with [`Traces::note_summary`] once it lies somewhere.
    Summary(Arc<TraceSummary>),
    /// This source's time (nanoseconds of its log time), and the oldest position of the span log that its open traces need.
    SourceTime {
        /// Log time of the source.
        now: u64,
        /// Position in the span log.
        oldest: u64,
    },
    /// Names that mean one transaction: keys of one trace, the trace itself, and those that its span links name.
    Links(Vec<Link>),
}

/// Finds the stored summaries of a closed trace.
pub trait StoredSummaries {
    /// The summary that lies at `place`; `None` where it is gone.
    fn summary(&mut self, place: Place) -> Option<Arc<TraceSummary>>;
    /// Where the summaries of a closed trace lie that left the fold in a chunk; none where it did not.
    fn places(&mut self, trace: TraceKey) -> SmallVec<[Place; 2]>;
    /// Summaries of a trace that were emitted and whose place is not known yet.
    fn unplaced(&mut self, trace: TraceKey) -> Vec<Arc<TraceSummary>>;
}

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceCounts {
    /// Spans that came again.
    pub duplicates: u64,
    /// Spans that came after their trace was closed.
    pub late: u64,
    /// Traces closed by size.
    pub closed_by_size: u64,
    /// Strings that found no room in their table.
    pub strings_over_limit: u64,
    /// Keys and links over their limits.
    pub keys_over_limit: u64,
    /// As above, for links.
    pub links_over_limit: u64,
    /// Pieces of closed traces that were not read to tell resends from news, for there are too many.
    pub recalled_over_limit: u64,
}

/// The fold of one partition.
pub struct Traces {
    partition: u32,
    rules: Arc<Rules>,
    scanner: Scanner,
    clock: LogClock,
    strings: Strings,
    /// Resources: five ids of `strings` each.
    resources: Strings,
    open: HashMap<OpenKey, u32, FixedState>,
    slots: Vec<Option<Trace>>,
    free: Vec<u32>,
    generation: u32,
    spans: SpanStore,
    span_count: u64,
    timers: Timers,
    closed: ClosedTraces,
    swept: u64,
    counts: TraceCounts,
    builder: SummaryBuilder,
    /// Scratch: links of the traces that the record at hand closes, by the partition of the greater name.
    links: Vec<(u32, Link)>,
    /// Scratch: the fold's id of each resource of the record at hand.
    resource_ids: Vec<u32>,
}

impl Traces {
    /// An empty fold over `partition`.
    #[must_use]
    pub fn new(partition: u32, rules: Arc<Rules>) -> Self {
        Self {
            partition,
            scanner: Scanner::new(Arc::clone(&rules.plan)),
            rules,
            clock: LogClock::default(),
            strings: Strings::default(),
            resources: Strings::default(),
            open: HashMap::default(),
            slots: Vec::new(),
            free: Vec::new(),
            generation: 0,
            spans: SpanStore::default(),
            span_count: 0,
            timers: Timers::default(),
            closed: ClosedTraces::default(),
            swept: 0,
            counts: TraceCounts::default(),
            builder: SummaryBuilder::default(),
            links: Vec::new(),
            resource_ids: Vec::new(),
        }
    }

    /// Takes the next record of the log: appended at `wall` (Unix nanoseconds), lying at `position`. What it causes is added to `out`.
    pub fn apply(
        &mut self,
        position: u64,
        wall: u64,
        event: SpanEvent<'_>,
        stored: &mut dyn StoredSummaries,
        out: &mut Vec<Emit>,
    ) {
        let now = self.clock.advance(wall);
        self.close_due(now, out);
        match event {
            SpanEvent::Spans { tenant, payload, facts } => {
                self.take_spans(position, now, tenant, payload, facts, stored, out);
            }
            SpanEvent::Tick => self.tick(now, position, out),
            SpanEvent::Rules(rules) => self.switch(rules),
        }
        self.emit_links(out);
        for (ordinal, emit) in out.iter_mut().enumerate() {
            emit.ordinal = ordinal as u32;
        }
    }

    /// Tells where a summary lies that was emitted: late spans of its trace will ask for it.
    pub fn note_summary(&mut self, trace: TraceKey, place: Place) {
        self.closed.note(trace, place);
    }

    /// The next chunk of closed traces to be kept outside, if there is one: to be taken before the next record is applied.
    pub fn take_chunk(&mut self) -> Option<ClosedChunk> {
        self.closed.take_chunk()
    }

    /// Number of the next chunk: those before it left this fold.
    #[must_use]
    pub fn next_chunk(&self) -> u64 {
        self.closed.next_chunk()
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Log time, nanoseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Open traces, their spans, and bytes of memory held for spans.
    #[must_use]
    pub fn sizes(&self) -> (usize, u64, usize) {
        (self.open.len(), self.span_count, self.spans.bytes())
    }

    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> TraceCounts {
        let mut counts = std::mem::take(&mut self.counts);
        counts.strings_over_limit += self.strings.take_overflows() + self.resources.take_overflows();
        counts
    }

    fn tick(&mut self, now: u64, position: u64, out: &mut Vec<Emit>) {
        let first = |trace: &Trace| trace.records.first().copied().unwrap_or(position);
        let oldest = self.slots.iter().flatten().map(first).min().unwrap_or(position);
        for partition in 0..self.rules.settings.partitions {
            out.push(Emit { partition, ordinal: 0, body: EmitBody::SourceTime { now, oldest } });
        }
        // Ids are held by open traces only, for at most their age after the last use; a margin for ticks that come late.
        let keep = self.rules.settings.traces.max_age * 2;
        if now.saturating_sub(self.swept) > keep {
            self.swept = now;
            // A resource keeps its five strings alive for as long as itself, and half as long again.
            self.resources.sweep(now, keep);
            self.strings.sweep(now, keep * 2);
        }
    }

    fn owner(&self, summary: &TraceSummary) -> u32 {
        TraceHead::from(summary).name().partition(self.rules.settings.partitions)
    }
}

/// A source's time as it is written: two little-endian words.
#[must_use]
pub fn encode_source_time(now: u64, oldest: u64) -> Bytes {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend_from_slice(&now.to_le_bytes());
    bytes.extend_from_slice(&oldest.to_le_bytes());
    bytes.into()
}

/// Reads what [`encode_source_time`] wrote.
#[must_use]
pub fn decode_source_time(bytes: &[u8]) -> Option<(u64, u64)> {
    let (now, oldest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*now), u64::from_le_bytes(oldest.try_into().ok()?)))
}
