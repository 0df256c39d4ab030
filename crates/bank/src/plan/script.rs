//! The stage on which a transfer is played: a clock that steps, spans that open and close, hops that remember how their time was spent.
//!
//! Everything that a hop's time is made of is recorded as it happens ([`Step`]), so the critical path is known by construction and is not
//! computed from the spans.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::dice::Dice;
use super::effects::Effects;
use super::model::{FaultMark, Hop, HopKind, Span, SpanEvent, SpanLink};
use super::topology::{Instance, Service, Topology};

/// Why a call failed; travels up to the root.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: &'static str,
    pub(super) message: Cow<'static, str>,
}

pub(super) type Played = Result<(), Failure>;

/// What a hop did with its time, in order.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Own(u64),
    Child(usize),
    Parallel(Vec<Branch>),
}

/// What was done beside other things: calls one after the other.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) steps: Vec<Step>,
}

/// The time around a hop and the steps within it.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    pub(super) before: u64,
    pub(super) steps: Vec<Step>,
    pub(super) after: u64,
}

/// A trace within a transfer: how the path comes to it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) root: usize,
    /// Producer hop that it follows; without one, what came before.
    pub(super) follows: Option<usize>,
}

/// A message in a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) hop: usize,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) end: u64,
}

/// All that is played so far of one transfer.
pub(super) struct Stage<'a> {
    pub(super) topology: &'a Topology,
    pub(super) effects: &'a Effects,
    pub(super) dice: Dice,
    pub(super) now: u64,
    pub(super) uetr: String,
    pub(super) trace_ids: Vec<[u8; 16]>,
    pub(super) spans: Vec<Span>,
    pub(super) hops: Vec<Hop>,
    pub(super) courses: Vec<Course>,
    pub(super) entries: Vec<Entry>,
    pub(super) marks: Vec<FaultMark>,
    /// Open spans, innermost last, with the hop that each belongs to.
    open: Vec<(usize, usize)>,
}

/// Branches that run at the same time.
pub(super) struct Fork {
    start: u64,
    branches: Vec<Branch>,
}

/// Branches start so long after one another; far less than a call takes, so that all of them overlap.
const FORK_STAGGER: u64 = 15_000;

impl<'a> Stage<'a> {
    pub(super) fn new(topology: &'a Topology, effects: &'a Effects, mut dice: Dice, start: u64) -> Self {
        let uetr = dice.uuid();
        Self {
            topology,
            effects,
            dice,
            now: start,
            uetr,
            trace_ids: Vec::new(),
            spans: Vec::new(),
            hops: Vec::new(),
            courses: Vec::new(),
            entries: Vec::new(),
            marks: Vec::new(),
            open: Vec::new(),
        }
    }

    /// A pod of a service as it is now.
    pub(super) fn pick(&mut self, service: Service) -> Arc<Instance> {
        let rollout = self.effects.rollout(service, self.now);
        self.topology.pick(service, rollout, &mut self.dice)
    }

    /// End of all that was played.
    pub(super) fn end(&self) -> u64 {
        self.spans.iter().map(|span| span.end).max().unwrap_or(self.now)
    }

    /// Starts a trace: the next span opened is its root.
    pub(super) fn begin_trace(&mut self, follows: Option<&Message>) {
        let id = self.dice.trace_id();
        self.trace_ids.push(id);
        self.entries.push(Entry { root: self.hops.len(), follows: follows.map(|message| message.hop) });
    }

    /// Opens a span and a hop of its own.
    pub(super) fn open(&mut self, kind: SpanKind, name: impl Into<Cow<'static, str>>, by: &Arc<Instance>) {
        let name = name.into();
        let hop = self.hops.len();
        let parent = self.open.last().map(|(_, hop)| *hop);
        self.hops.push(Hop {
            parent,
            trace: self.trace_ids.len() - 1,
            spans: Vec::new(),
            kind: HopKind::Own,
            instance: Arc::clone(by),
            operation: name.clone(),
            start: self.now,
            end: self.now,
            own: 0,
            network: 0,
            queue: 0,
            critical: 0,
            critical_network: 0,
            critical_queue: 0,
            error: false,
        });
        self.courses.push(Course::default());
        if let Some(parent) = parent {
            self.courses[parent].steps.push(Step::Child(hop));
        }
        self.push_span(kind, name, by, hop);
    }

    /// Opens the server's span of the hop whose client span is open: from here on the hop is the server's.
    pub(super) fn open_server(&mut self, name: impl Into<Cow<'static, str>>, by: &Arc<Instance>) {
        let name = name.into();
        let hop = self.hop();
        self.hops[hop].instance = Arc::clone(by);
        self.hops[hop].operation = name.clone();
        self.push_span(SpanKind::Server, name, by, hop);
    }

    fn push_span(&mut self, kind: SpanKind, name: Cow<'static, str>, by: &Arc<Instance>, hop: usize) {
        let parent = self.open.last().map(|(span, _)| &self.spans[*span]);
        let parent_is_remote = parent.is_some_and(|parent| parent.instance.index != by.index);
        let parent = parent.map(|parent| parent.span_id);
        let index = self.spans.len();
        self.spans.push(Span {
            trace_id: self.trace_ids[self.trace_ids.len() - 1],
            span_id: self.dice.span_id(),
            parent,
            parent_is_remote,
            kind,
            name,
            instance: Arc::clone(by),
            start: self.now,
            end: self.now,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            error: None,
        });
        self.hops[hop].spans.push(index);
        self.open.push((index, hop));
    }

    /// Closes the innermost span.
    pub(super) fn close(&mut self) {
        if let Some((span, hop)) = self.open.pop() {
            self.spans[span].end = self.now;
            self.hops[hop].end = self.now;
        }
    }

    fn hop(&self) -> usize {
        self.open.last().map_or(0, |(_, hop)| *hop)
    }

    /// Its own work for so many nanoseconds.
    pub(super) fn spend(&mut self, nanos: u64) {
        let hop = self.hop();
        self.now += nanos;
        self.hops[hop].own += nanos;
        self.courses[hop].steps.push(Step::Own(nanos));
    }

    /// Its own work, around a median in milliseconds.
    pub(super) fn work(&mut self, median_ms: f64) {
        let nanos = self.dice.nanos(median_ms, 0.25);
        self.spend(nanos);
    }

    /// Time on the wire, from client to server or back.
    pub(super) fn travel(&mut self, nanos: u64, back: bool) {
        let hop = self.hop();
        self.now += nanos;
        self.hops[hop].network += nanos;
        let course = &mut self.courses[hop];
        if back {
            course.after += nanos;
        } else {
            course.before += nanos;
        }
    }

    pub(super) fn hop_kind(&mut self, kind: HopKind) {
        let hop = self.hop();
        self.hops[hop].kind = kind;
    }

    pub(super) fn queued(&mut self, nanos: u64) {
        let hop = self.hop();
        self.hops[hop].queue = nanos;
    }

    pub(super) fn instance(&self) -> Arc<Instance> {
        let span = self.open.last().map_or(0, |(span, _)| *span);
        Arc::clone(&self.spans[span].instance)
    }

    pub(super) fn set(&mut self, attribute: KeyValue) {
        if let Some((span, _)) = self.open.last() {
            self.spans[*span].attributes.push(attribute);
        }
    }

    /// Puts the business key on the innermost span.
    pub(super) fn set_key(&mut self) {
        let uetr = self.uetr.clone();
        self.set(KeyValue::new("payment.uetr", uetr));
    }

    pub(super) fn event(&mut self, name: &'static str, attributes: Vec<KeyValue>) {
        let time = self.now;
        if let Some((span, _)) = self.open.last() {
            self.spans[*span].events.push(SpanEvent { time, name, attributes });
        }
    }

    pub(super) fn link(&mut self, to: &Message, attributes: Vec<KeyValue>) {
        if let Some((span, _)) = self.open.last() {
            let link = SpanLink { trace_id: to.trace_id, span_id: to.span_id, attributes };
            self.spans[*span].links.push(link);
        }
    }

    /// The innermost span has failed.
    pub(super) fn fail(&mut self, failure: &Failure) {
        if let Some((span, hop)) = self.open.last().copied() {
            self.spans[span].error = Some(failure.message.clone());
            self.spans[span].attributes.push(KeyValue::new("error.type", failure.kind));
            self.hops[hop].error = true;
        }
    }

    /// The innermost span threw it: its exception event says so.
    pub(super) fn throw(&mut self, failure: &Failure) {
        let at = self.instance().service.name();
        let trace =
            format!("{}: {}\n\tat {at}.Handler.handle(Handler.java:118)", failure.kind, failure.message);
        let attributes = vec![
            KeyValue::new("exception.type", failure.kind),
            KeyValue::new("exception.message", failure.message.clone()),
            KeyValue::new("exception.stacktrace", trace),
            KeyValue::new("exception.escaped", true),
        ];
        self.event("exception", attributes);
    }

    /// The message that the innermost span, a producer's, has sent when it closes.
    pub(super) fn close_message(&mut self) -> Message {
        let (span, hop) = self.open.last().copied().unwrap_or_default();
        self.close();
        let span = &self.spans[span];
        Message { hop, trace_id: span.trace_id, span_id: span.span_id, end: span.end }
    }

    pub(super) fn fork(&self) -> Fork {
        Fork { start: self.now, branches: Vec::new() }
    }

    /// One call, or some one after the other, beside the others of its fork.
    pub(super) fn branch(&mut self, fork: &mut Fork, play: impl FnOnce(&mut Self) -> Played) -> Played {
        let hop = self.hop();
        let steps_before = self.courses[hop].steps.len();
        let start = fork.start + fork.branches.len() as u64 * FORK_STAGGER;
        self.now = start;
        let played = play(self);
        let steps = self.courses[hop].steps.split_off(steps_before);
        // No two branches end at the same instant: which of them was waited for must be clear.
        fork.branches.push(Branch { start, end: self.now, steps });
        played
    }

    /// Waits for all branches.
    pub(super) fn join(&mut self, fork: Fork) {
        let hop = self.hop();
        self.now = fork.branches.iter().map(|branch| branch.end).fold(fork.start, u64::max);
        self.courses[hop].steps.push(Step::Parallel(fork.branches));
    }
}
