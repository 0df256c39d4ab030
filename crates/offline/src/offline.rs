//! Both folds, driven by requests that come with their time.

use std::collections::VecDeque;
use std::sync::Arc;

use throughline_assembly::{
    decide::{Decided, Decider, Positioned},
    place::Place,
    records::{Closed, TraceSummary, Transaction},
    rules::{RuleFault, Rules, RulesSettings},
    time::SECOND,
    traces::{Emit, EmitBody, SpanEvent, TraceKey, Traces},
    transactions::{CauseKey, Closing, EmittedBody, Link, SummaryEvent, TraceHead, Transactions},
};
use throughline_otlp::{Malformed, Scanner, TraceId};

use crate::memory::{Held, Memory};

/// A pause longer than this, nanoseconds, passes as so much: whatever waits has closed long before.
pub const MAX_GAP: u64 = 24 * 3600 * SECOND;

/// Seconds of log time between two looks at what can be forgotten.
const FORGET_EVERY: u64 = 60;

/// The only partition.
const PARTITION: u32 = 0;

/// What comes out.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A transaction is decided, or decided again because more of it came (`closed.before` is the row that this one replaces), or its row is taken back, because
    /// it turned out to belong to another (`closed.row` is none).
    Closed {
        /// The decision: row, what of it is kept, and the row before.
        closed: &'a Closed,
        /// Its row; the one that is taken back, where that is so.
        row: &'a Transaction,
        /// Bytes of its spans as protobuf, resends counted.
        bytes: u64,
        /// When, Unix nanoseconds of the requests' time.
        at: u64,
    },
    /// A second has passed, Unix nanoseconds: nothing that comes later closed before.
    Time(u64),
}

/// What became of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Spans that were taken in.
    pub spans: u64,
    /// Spans that a server would have refused.
    pub rejected: u64,
}

/// The folds, and what they would find in their logs.
pub struct Offline {
    rules: Arc<Rules>,
    scanner: Scanner,
    traces: Traces,
    transactions: Transactions,
    decider: Decider,
    memory: Memory,
    /// Position of the next record of the span log.
    position: u64,
    /// Time of the last record; 0 before the first.
    wall: u64,
    next_tick: u64,
    decided: u64,
    settled: u64,
    /// Records that the second fold passed on to itself.
    passed: u64,
    emits: Vec<Emit>,
}

impl Offline {
    /// Folds with nothing in them, under these rules.
    ///
    /// # Errors
    /// Every fault of the rules.
    pub fn new(settings: &RulesSettings) -> Result<Self, Vec<RuleFault>> {
        let rules = Arc::new(Rules::compile(RulesSettings { partitions: 1, ..settings.clone() })?);
        Ok(Self {
            scanner: Scanner::new(Arc::clone(&rules.plan)),
            traces: Traces::new(PARTITION, Arc::clone(&rules)),
            transactions: Transactions::new(PARTITION, Arc::clone(&rules)),
            rules,
            decider: Decider::default(),
            memory: Memory::default(),
            position: 0,
            wall: 0,
            next_tick: 0,
            decided: 0,
            settled: 0,
            passed: 0,
            emits: Vec::new(),
        })
    }

    /// The rules in force, compiled.
    #[must_use]
    pub fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Takes an `ExportTraceServiceRequest` that came at `time` (Unix nanoseconds; one before the last counts as at the last).
    ///
    /// # Errors
    /// [`Malformed`] where it is no valid request: a server would have refused it, and time goes on all the same.
    pub fn take(
        &mut self,
        tenant: &str,
        time: u64,
        request: &[u8],
        see: &mut dyn FnMut(Event<'_>),
    ) -> Result<Taken, Malformed> {
        self.run_until(time, see);
        let scanned = self.scanner.rescan(request)?;
        for span in &scanned.facts.spans {
            self.memory.add_bytes(TraceKey::of(tenant, span.trace_id), u64::from(span.body.len));
        }
        let taken = Taken { spans: scanned.facts.spans.len() as u64, rejected: scanned.rejected.total() };
        let event = SpanEvent::Spans { tenant, payload: request, facts: Some(&scanned.facts) };
        self.apply(self.wall, event, see);
        Ok(taken)
    }

    /// No more requests come: time goes on until all has closed. The least of its time limits closes each.
    pub fn finish(mut self, see: &mut dyn FnMut(Event<'_>)) {
        let settings = &self.rules.settings;
        let types = settings.transactions.types.iter().filter_map(|kind| kind.max_age);
        let longest = types.max().unwrap_or(0).max(settings.transactions.max_age);
        let end = self.wall + settings.traces.max_age + longest + 60 * SECOND;
        while self.next_tick <= end && self.is_open() {
            self.run_until(self.next_tick, see);
        }
    }

    fn is_open(&self) -> bool {
        self.traces.sizes().0 > 0 || self.transactions.sizes().0 > 0
    }

    /// Time goes on to `time`, a tick each second.
    fn run_until(&mut self, time: u64, see: &mut dyn FnMut(Event<'_>)) {
        if self.wall == 0 {
            (self.wall, self.next_tick) = (time, time);
        }
        let time = time.max(self.wall);
        if time - self.wall > MAX_GAP {
            self.next_tick = time - MAX_GAP;
        }
        while self.next_tick <= time {
            self.wall = self.next_tick;
            self.apply(self.wall, SpanEvent::Tick, see);
            see(Event::Time(self.wall));
            self.next_tick += SECOND;
            if (self.next_tick / SECOND).is_multiple_of(FORGET_EVERY) {
                let needed = self.transactions.needed().summaries;
                let needed = needed.first().copied().unwrap_or(u64::MAX);
                self.memory.forget(self.transactions.now(), needed);
            }
        }
        self.wall = time;
    }

    fn apply(&mut self, wall: u64, event: SpanEvent<'_>, see: &mut dyn FnMut(Event<'_>)) {
        let position = self.position;
        self.position += 1;
        let mut emits = std::mem::take(&mut self.emits);
        self.traces.apply(position, wall, event, &mut self.memory, &mut emits);
        while let Some(chunk) = self.traces.take_chunk() {
            self.memory.take_traces(chunk);
        }
        for emit in emits.drain(..) {
            let cause = CauseKey { position: position + 1, ordinal: emit.ordinal };
            match emit.body {
                EmitBody::Summary(summary) => self.summary(cause, &summary),
                EmitBody::SourceTime { now, oldest } => {
                    let event = SummaryEvent::SourceTime { source: PARTITION, cause, now, oldest };
                    self.transactions.apply(self.memory.next(), event, &mut self.memory);
                }
                EmitBody::Links(links) => self.links(PARTITION, cause, links),
            }
            self.pass_on();
        }
        self.emits = emits;
        self.decide(see);
        while let Some(chunk) = self.transactions.take_chunk() {
            self.memory.take_transactions(chunk);
        }
    }

    fn summary(&mut self, cause: CauseKey, summary: &Arc<TraceSummary>) {
        let position = self.memory.next();
        self.memory.push(self.transactions.now(), Held::Summary(Arc::clone(summary)));
        self.traces.note_summary(TraceKey::from(&**summary), Place::new(PARTITION, position));
        let event = SummaryEvent::Summary { source: PARTITION, cause, summary: TraceHead::from(&**summary) };
        self.transactions.apply(position, event, &mut self.memory);
    }

    fn links(&mut self, source: u32, cause: CauseKey, links: Vec<Link>) {
        let position = self.memory.next();
        let event = SummaryEvent::Links { source, cause, links: &links };
        self.transactions.apply(position, event, &mut self.memory);
        self.memory.push(self.transactions.now(), Held::Links(links));
    }

    /// What the second fold passes on comes back to it, as there is only one partition, until nothing is passed on.
    fn pass_on(&mut self) {
        let source = SummaryEvent::source_of_fold(PARTITION, 1);
        let mut emitted: VecDeque<_> = self.transactions.take_emitted().into();
        while let Some(one) = emitted.pop_front() {
            self.passed += 1;
            let cause = CauseKey { position: self.passed, ordinal: 0 };
            match one.body {
                EmittedBody::Links(links) => self.links(source, cause, links.to_vec()),
                EmittedBody::Move(moved) => {
                    let event = SummaryEvent::Move { source, cause, moved: &moved };
                    self.transactions.apply(self.memory.next(), event, &mut self.memory);
                }
            }
            emitted.extend(self.transactions.take_emitted());
        }
    }

    /// Decides all that closes, and cuts where a batch would end.
    fn decide(&mut self, see: &mut dyn FnMut(Event<'_>)) {
        loop {
            let settled: Vec<_> = self.transactions.settled(self.settled).collect();
            self.settled = settled.last().map_or(self.settled, |(number, _)| number + 1);
            let mut closings: Vec<Closing> = settled.into_iter().map(|(_, closing)| closing).collect();
            closings.extend(self.transactions.closing(self.decided));
            self.decided = self.transactions.next_sequence();
            if closings.is_empty() {
                break;
            }
            for closing in &closings {
                match self.decide_one(closing) {
                    Decided::Closed(closed) => self.close(closed.into(), see),
                    Decided::Offer(offer, _) => {
                        let event = SummaryEvent::Offer(&offer);
                        self.transactions.apply(self.memory.next(), event, &mut self.memory);
                    }
                }
            }
        }
        if self.transactions.wants_cut() {
            self.transactions.apply(self.memory.next(), SummaryEvent::Cut, &mut self.memory);
        }
    }

    fn close(&mut self, closed: Arc<Closed>, see: &mut dyn FnMut(Event<'_>)) {
        let position = self.memory.next();
        self.transactions.apply(position, SummaryEvent::Closed(&closed), &mut self.memory);
        if let Some(row) = closed.row.as_ref().or(closed.before.as_ref()) {
            let id = |trace: &[u8]| TraceId(trace.try_into().unwrap_or_default());
            let keys = row.trace_ids.iter().map(|trace| TraceKey::of(&row.tenant, id(trace)));
            let bytes = self.memory.bytes_of(keys);
            see(Event::Closed { closed: &closed, row, bytes, at: self.wall });
        }
        self.memory.push(self.transactions.now(), Held::Closed(closed));
    }

    fn decide_one(&mut self, closing: &Closing) -> Decided {
        let held = |place: Place| Some((place, self.memory.summary_at(place.position())?));
        let places = closing.members.iter().map(|member| member.place());
        let summaries: Vec<Positioned<'_>> = places.filter_map(held).collect();
        let before = closing.previous.and_then(|position| self.memory.closed_at(position));
        let joined = closing.kept_from.and_then(|place| self.memory.closed_at(place.position()));
        let by = (&*self.rules, self.transactions.sampler());
        self.decider.decide(by, closing, &summaries, before.as_deref(), joined.as_deref())
    }
}
