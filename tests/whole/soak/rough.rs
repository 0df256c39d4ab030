//! A rough way from the bank to the server: what is sent is cut anew, held back, shuffled, and sent twice.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use throughline_bank::{
    Fault,
    plan::{Plan, PlanOptions, Span, Transfer, encoded_request},
};
use throughline_harness::Sender;
use tokio::{sync::Semaphore, task::JoinSet};

/// What is due is sent so often.
const TICK: Duration = Duration::from_millis(20);

/// Requests that are on their way at one time; more wait for them.
const AT_ONCE: usize = 64;

/// Spans of one request, at most.
const MOST_SPANS: usize = 200;

/// Of requests, those that are sent a second time though they were taken.
const SENT_TWICE: f64 = 0.1;

/// How long one request is sent again and again: several kills in a row.
const PATIENCE: Duration = Duration::from_secs(120);

/// A load, and how rough its way is.
#[derive(Clone, Debug)]
pub(crate) struct Rough {
    pub(crate) seed: u64,
    pub(crate) transfers_per_second: f64,
    /// Transfers start for so long.
    pub(crate) lasts: Duration,
    /// Each span comes up to so long after its end.
    pub(crate) shuffle: Duration,
    /// Some traces come so long after the others.
    pub(crate) late: Duration,
    /// The part of traces that do.
    pub(crate) late_share: f64,
    pub(crate) faults: Vec<Fault>,
}

/// What is known of one transfer.
pub(crate) struct Told {
    pub(crate) uetr: String,
    pub(crate) outcome: &'static str,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) errors: u64,
    /// By trace id, in hex.
    pub(crate) traces: BTreeMap<String, TraceOf>,
}

/// The spans of one trace: how many, and the sum of their ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceOf {
    pub(crate) spans: u64,
    pub(crate) ids: u64,
}

/// All that was sent, every request of it acknowledged.
pub(crate) struct Sent {
    pub(crate) transfers: Vec<Told>,
    pub(crate) spans: u64,
    pub(crate) requests: u64,
    /// Requests that had to be sent again before they were taken.
    pub(crate) refused: u64,
}

enum Due {
    Span(Box<Span>),
    Request(Bytes),
}

struct Way {
    rough: Rough,
    dice: StdRng,
    /// By the time they are due, and a number of their own.
    due: BTreeMap<(u64, u64), Due>,
    numbers: u64,
    sender: Sender,
    /// Requests that may be on their way.
    room: Arc<Semaphore>,
    sending: JoinSet<u64>,
    sent: Sent,
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

fn now() -> u64 {
    nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

impl Rough {
    /// Sends the bank's transfers as they happen, each request until it is taken; returns when all are.
    pub(crate) async fn send(self, port: u16) -> Sent {
        let start = now();
        let mut plan = Plan::new(&PlanOptions {
            seed: self.seed,
            transfers_per_second: self.transfers_per_second,
            speed: 0.0,
            faults: self.faults.clone(),
            start_unix_nano: start,
            ..PlanOptions::default()
        });
        let closes = start + nanos(self.lasts);
        let mut way = Way {
            dice: StdRng::seed_from_u64(self.seed),
            rough: self,
            due: BTreeMap::new(),
            numbers: 0,
            sender: Sender::new(port),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            sending: JoinSet::new(),
            sent: Sent { transfers: Vec::new(), spans: 0, requests: 0, refused: 0 },
        };
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while plan.next_start() < closes || !way.due.is_empty() {
            tick.tick().await;
            let now = now();
            while plan.next_start() < closes.min(now) {
                way.plan(plan.next_transfer());
            }
            way.send_due(now);
            while let Some(refused) = way.sending.try_join_next() {
                way.sent.refused += refused.unwrap();
            }
        }
        way.sent.refused += way.sending.join_all().await.iter().sum::<u64>();
        way.sent
    }
}

impl Way {
    /// Says of each span of a transfer when it is to be sent.
    fn plan(&mut self, transfer: Transfer) {
        self.sent.transfers.push(Told::new(&transfer));
        self.sent.spans += transfer.spans.len() as u64;
        let delays: HashMap<[u8; 16], u64> = transfer
            .trace_ids
            .iter()
            .map(|id| {
                let is_late = self.dice.random_bool(self.rough.late_share);
                (*id, if is_late { nanos(self.rough.late) } else { 0 })
            })
            .collect();
        for span in transfer.spans {
            let shuffled = self.dice.random_range(0..=nanos(self.rough.shuffle));
            self.add(span.end + delays[&span.trace_id] + shuffled, Due::Span(Box::new(span)));
        }
    }

    fn add(&mut self, time: u64, due: Due) {
        self.numbers += 1;
        self.due.insert((time, self.numbers), due);
    }

    fn send_due(&mut self, now: u64) {
        let (mut spans, mut requests) = (Vec::new(), Vec::new());
        while let Some(first) = self.due.first_entry().filter(|first| first.key().0 <= now) {
            match first.remove() {
                Due::Span(span) => spans.push(span),
                Due::Request(request) => requests.push(request),
            }
        }
        spans.shuffle(&mut self.dice);
        while !spans.is_empty() {
            let part = self.dice.random_range(1..=MOST_SPANS).min(spans.len());
            let part: Vec<Box<Span>> = spans.split_off(spans.len() - part);
            let part: Vec<&Span> = part.iter().map(|span| &**span).collect();
            let request = Bytes::from(encoded_request(&part));
            if self.dice.random_bool(SENT_TWICE) {
                // At once, so that it may overtake itself; or long after it was taken, as late as anything.
                let most = if self.dice.random_bool(0.5) { 0 } else { nanos(self.rough.late) };
                let again = self.dice.random_range(0..=most);
                self.add(now + again, Due::Request(request.clone()));
            }
            requests.push(request);
        }
        for request in requests {
            self.sent.requests += 1;
            let (sender, room) = (self.sender.clone(), Arc::clone(&self.room));
            self.sending.spawn(async move {
                let _room = room.acquire().await.unwrap();
                sender.send_until_taken(&request, PATIENCE).await
            });
        }
    }
}

impl Told {
    fn new(transfer: &Transfer) -> Self {
        let mut traces = BTreeMap::new();
        for span in &transfer.spans {
            let trace: &mut TraceOf = traces.entry(hex(&span.trace_id)).or_default();
            trace.spans += 1;
            trace.ids = trace.ids.wrapping_add(u64::from_be_bytes(span.span_id));
        }
        Self {
            uetr: transfer.uetr.clone(),
            outcome: transfer.outcome.name(),
            start: transfer.start,
            duration: transfer.end - transfer.start,
            errors: transfer.spans.iter().filter(|span| span.error.is_some()).count() as u64,
            traces,
        }
    }
}

fn hex(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}
