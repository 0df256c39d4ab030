//! A small world for the folds: spans in, records kept as a log would, everything by log time.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod traffic;

mod spans;

use std::{collections::HashMap, sync::Arc};

pub use spans::*;

use bytes::Bytes;
use smallvec::SmallVec;
use throughline_assembly::{
    decide::{Decided, Decider},
    names::NameHash,
    place::Place,
    records::{Closed, Moved, Offer, TraceSummary},
    rules::{
        DepartmentRule, Rules, RulesSettings, SamplingSettings, TraceSettings, TransactionSettings,
        TypeSettings,
    },
    time::SECOND,
    traces::{Emit, EmitBody, SpanEvent, StoredSummaries, TraceKey, Traces},
    transactions::{CauseKey, EmittedBody, Found, Link, StoredDecisions, SummaryEvent, Transactions},
};

pub fn settings() -> RulesSettings {
    RulesSettings {
        partitions: 1,
        traces: TraceSettings {
            quiet_time: 5 * SECOND,
            quiet_time_without_root: 30 * SECOND,
            max_age: 600 * SECOND,
            max_spans: 1000,
            max_skew: SECOND,
            error_attributes: None,
        },
        partners: vec!["*.partner.example".into()],
        departments: vec![
            DepartmentRule::Attribute("department".into()),
            DepartmentRule::Services(vec![("core".into(), vec!["ledger*".into()])]),
        ],
        network_department: None,
        database_department: None,
        transactions: TransactionSettings {
            keys: vec!["payment.uetr".into(), "bank.transfer.id".into()],
            links: true,
            quiet_time: 30 * SECOND,
            max_age: 3600 * SECOND,
            max_traces: 100,
            types: vec![TypeSettings {
                name: "transfer".into(),
                matches: r#"root.name == "POST /transfers""#.into(),
                terminal: Some(r#"span.name == "settlement.confirm""#.into()),
                settle: 10 * SECOND,
                max_age: None,
                deadline: Some(300 * SECOND),
            }],
            attributes: vec!["payment.amount".into()],
        },
        policies: serde_json::from_str(
            r#"[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}]"#,
        )
        .unwrap(),
        sampling: SamplingSettings::default(),
        diagnosis: throughline_analysis::diagnosis::DiagnosisSettings::default(),
        change_attributes: Vec::new(),
        batch_rows: 1000,
        batch_delay: 5 * SECOND,
        retention: 7200 * SECOND,
    }
}

pub fn rules() -> Arc<Rules> {
    Arc::new(Rules::compile(settings()).unwrap())
}

/// A record of the summary log of the test world.
#[derive(Clone)]
pub enum Stored {
    Summary(Arc<TraceSummary>),
    SourceTime(u64, u64),
    Offer(Arc<Offer>),
    Closed(Arc<Closed>),
    Links(Vec<Link>),
    Move(Box<Moved>),
    Cut,
    Rules(Arc<Rules>),
}

#[derive(Clone)]
pub struct StoredRecord {
    pub cause: Option<CauseKey>,
    /// 0 for the first fold, 1 for the second.
    pub source: u32,
    pub body: Stored,
}

/// The summary log, seen by the first fold.
#[derive(Default)]
pub struct SummaryLog(pub Vec<StoredRecord>, pub Chunks);

/// What the folds handed out.
#[derive(Default, Clone)]
pub struct Chunks {
    pub traces: HashMap<[u8; 16], Vec<u64>>,
    pub transactions: HashMap<[u8; 16], u64>,
}

impl Chunks {
    pub fn of_traces(&mut self, fold: &mut Traces) {
        while let Some(chunk) = fold.take_chunk() {
            for (key, place) in chunk.entries {
                self.traces.entry(key).or_default().push(place);
            }
        }
    }
}

/// The log's decisions, seen by the second fold.
struct Decisions<'a>(&'a [StoredRecord], &'a HashMap<[u8; 16], u64>);

impl StoredDecisions for Decisions<'_> {
    fn find(&mut self, name: NameHash) -> Option<Found> {
        let position = *self.1.get(&name.0.to_be_bytes())?;
        match &self.0[position as usize].body {
            Stored::Closed(closed) => Some(Found::Closed(position, Arc::clone(closed))),
            Stored::Links(links) => {
                links.iter().find(|(greater, _)| *greater == name).map(|(_, parent)| Found::Parent(*parent))
            }
            _ => None,
        }
    }
}

impl StoredSummaries for SummaryLog {
    fn places(&mut self, trace: TraceKey) -> SmallVec<[Place; 2]> {
        self.1.traces.get(&trace.0).into_iter().flatten().map(|word| Place::unpacked(*word)).collect()
    }

    fn summary(&mut self, place: Place) -> Option<Arc<TraceSummary>> {
        match &self.0.get(place.position() as usize)?.body {
            Stored::Summary(summary) => Some(Arc::clone(summary)),
            _ => None,
        }
    }

    fn unplaced(&mut self, _: TraceKey) -> Vec<Arc<TraceSummary>> {
        Vec::new()
    }
}

/// Rules of these policies, under which traces and transactions close soon.
pub fn quick_rules(policies: serde_json::Value, change: impl FnOnce(&mut RulesSettings)) -> Arc<Rules> {
    let mut quick = settings();
    (quick.traces.quiet_time, quick.transactions.quiet_time) = (2 * SECOND, 2 * SECOND);
    quick.policies = serde_json::from_value(policies).unwrap();
    change(&mut quick);
    Arc::new(Rules::compile(quick).unwrap())
}

/// One partition of each log with its folds, driven as the worker drives them.
pub struct World {
    pub rules: Arc<Rules>,
    first_rules: Arc<Rules>,
    pub traces: Traces,
    pub transactions: Transactions,
    pub log: SummaryLog,
    /// The span log: wall time and payload; `None` is a tick.
    pub spans: Vec<(u64, Option<Bytes>)>,
    /// Whose they are, by position, where it is not the default tenant.
    pub tenants: HashMap<u64, &'static str>,
    pub wall: u64,
    read: usize,
    decided: u64,
    settled: u64,
}

impl World {
    pub fn new(rules: Arc<Rules>) -> Self {
        Self {
            traces: Traces::new(0, Arc::clone(&rules)),
            transactions: Transactions::new(0, Arc::clone(&rules)),
            first_rules: Arc::clone(&rules),
            rules,
            log: SummaryLog::default(),
            spans: Vec::new(),
            tenants: HashMap::new(),
            wall: BASE,
            read: 0,
            decided: 0,
            settled: 0,
        }
    }

    pub fn send(&mut self, spans: &[TestSpan]) {
        self.append(Some(request(spans)));
    }

    pub fn send_as(&mut self, tenant: &'static str, spans: &[TestSpan]) {
        self.tenants.insert(self.spans.len() as u64, tenant);
        self.send(spans);
    }

    pub fn tick(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.wall += SECOND;
            self.append(None);
        }
    }

    pub fn append(&mut self, payload: Option<Bytes>) {
        self.spans.push((self.wall, payload));
        let position = self.spans.len() as u64 - 1;
        self.read_span(position);
    }

    /// Hands the record at `position` of the span log to the first fold, and what it causes to the second.
    pub fn read_span(&mut self, position: u64) {
        let (wall, payload) = self.spans[position as usize].clone();
        let mut out = Vec::new();
        let tenant = self.tenants.get(&position).copied().unwrap_or_default();
        let event = match &payload {
            Some(payload) => SpanEvent::Spans { tenant, payload, facts: None },
            None => SpanEvent::Tick,
        };
        self.traces.apply(position, wall, event, &mut self.log, &mut out);
        self.log.1.of_traces(&mut self.traces);
        for emit in out {
            self.append_summary(position, emit);
        }
        self.read_summaries();
    }

    fn append_summary(&mut self, position: u64, emit: Emit) {
        let cause = Some(CauseKey { position: position + 1, ordinal: emit.ordinal });
        let place = Place::new(0, self.log.0.len() as u64);
        let body = match emit.body {
            EmitBody::Summary(summary) => {
                self.traces.note_summary(TraceKey::from(&*summary), place);
                Stored::Summary(summary)
            }
            EmitBody::SourceTime { now, oldest } => Stored::SourceTime(now, oldest),
            EmitBody::Links(links) => Stored::Links(links),
        };
        self.log.0.push(StoredRecord { cause, source: 0, body });
    }

    pub fn read_summaries(&mut self) {
        loop {
            while let Some(record) = self.log.0.get(self.read).cloned() {
                let chunks = &self.log.1.transactions;
                apply_stored_in(&self.log.0, chunks, &mut self.transactions, self.read as u64, &record);
                while let Some(chunk) = self.transactions.take_chunk() {
                    self.log.1.transactions.extend(chunk.entries);
                }
                self.pass_on();
                self.read += 1;
            }
            let settled: Vec<_> = self.transactions.settled(self.settled).collect();
            self.settled = settled.last().map_or(self.settled, |(number, _)| number + 1);
            let mut closings: Vec<_> = settled.into_iter().map(|(_, closing)| closing).collect();
            closings.extend(self.transactions.closing(self.decided));
            self.decided = self.transactions.next_sequence();
            for closing in &closings {
                let body = decide(&self.transactions, &self.log, closing);
                self.log.0.push(StoredRecord { cause: None, source: 0, body });
            }
            if self.transactions.wants_cut() {
                self.log.0.push(StoredRecord { cause: None, source: 0, body: Stored::Cut });
            } else if closings.is_empty() {
                return;
            }
        }
    }

    /// What the record just read caused comes back through the log, as there is only one partition.
    fn pass_on(&mut self) {
        for emitted in self.transactions.take_emitted() {
            let cause = Some(CauseKey { position: self.read as u64 + 1, ordinal: emitted.ordinal });
            let body = match emitted.body {
                EmittedBody::Links(links) => Stored::Links(links.to_vec()),
                EmittedBody::Move(moved) => Stored::Move(moved),
            };
            self.log.0.push(StoredRecord { cause, source: 1, body });
        }
    }

    /// The second fold is lost and read again, from a snapshot of after `from` records; of the log the last records are gone, from `length` on, but for what the
    /// first fold wrote, which is written again.
    pub fn crash(&mut self, from: usize, length: usize) {
        let (kept, lost) = self.log.0.split_at(length);
        let written_again = lost.iter().filter(|record| record.cause.is_some()).cloned();
        let again: Vec<_> = kept.iter().cloned().chain(written_again).collect();
        let mut fold = Transactions::new(0, Arc::clone(&self.first_rules));
        for (position, record) in again[..from].iter().enumerate() {
            apply_stored(&mut fold, position as u64, record);
        }
        self.transactions = Transactions::restore(0, &fold.snapshot(Vec::new()).unwrap()).unwrap();
        // A driver decides nothing before it has read what the log holds: here up to what was lost.
        let unread = again[length..].to_vec();
        self.log.0 = again[..length].to_vec();
        for position in from..length {
            let record = self.log.0[position].clone();
            apply_stored(&mut self.transactions, position as u64, &record);
        }
        (self.read, self.decided, self.settled) = (length, 0, 0);
        self.read_summaries();
        for record in unread {
            self.log.0.push(record);
            self.read_summaries();
        }
    }

    /// Other rules hold from here on, in both folds.
    pub fn change_rules(&mut self, rules: &Arc<Rules>) {
        let position = self.spans.len() as u64;
        self.spans.push((self.wall, None));
        let mut out = Vec::new();
        self.traces.apply(position, self.wall, SpanEvent::Rules(Arc::clone(rules)), &mut self.log, &mut out);
        for emit in out {
            self.append_summary(position, emit);
        }
        self.log.0.push(StoredRecord { cause: None, source: 0, body: Stored::Rules(Arc::clone(rules)) });
        self.rules = Arc::clone(rules);
        self.read_summaries();
    }

    /// Every decision, in order.
    pub fn closed(&self) -> Vec<Arc<Closed>> {
        let closed = self.log.0.iter().filter_map(|record| match &record.body {
            Stored::Closed(closed) => Some(Arc::clone(closed)),
            _ => None,
        });
        closed.collect()
    }

    /// Every summary, in order.
    pub fn summaries(&self) -> Vec<Arc<TraceSummary>> {
        let summaries = self.log.0.iter().filter_map(|record| match &record.body {
            Stored::Summary(summary) => Some(Arc::clone(summary)),
            _ => None,
        });
        summaries.collect()
    }

    /// The last row of each transaction, by id.
    pub fn rows(&self) -> HashMap<String, Arc<Closed>> {
        self.closed()
            .into_iter()
            .filter_map(|closed| Some((closed.row.as_ref()?.transaction_id.clone(), closed)))
            .collect()
    }
}

pub fn apply_stored(fold: &mut Transactions, position: u64, record: &StoredRecord) -> bool {
    apply_stored_in(&[], &HashMap::new(), fold, position, record)
}

fn apply_stored_in(
    log: &[StoredRecord],
    chunks: &HashMap<[u8; 16], u64>,
    fold: &mut Transactions,
    position: u64,
    record: &StoredRecord,
) -> bool {
    let (source, cause) = (record.source, record.cause.unwrap_or_default());
    let event = match &record.body {
        Stored::Summary(summary) => SummaryEvent::Summary { source, cause, summary: (&**summary).into() },
        Stored::SourceTime(now, oldest) => {
            SummaryEvent::SourceTime { source, cause, now: *now, oldest: *oldest }
        }
        Stored::Links(links) => SummaryEvent::Links { source, cause, links },
        Stored::Move(moved) => SummaryEvent::Move { source, cause, moved },
        Stored::Offer(offer) => SummaryEvent::Offer(offer),
        Stored::Rules(rules) => SummaryEvent::Rules(Arc::clone(rules)),
        Stored::Closed(closed) => SummaryEvent::Closed(closed),
        Stored::Cut => SummaryEvent::Cut,
    };
    fold.apply(position, event, &mut Decisions(log, chunks))
}

pub fn decide(
    fold: &Transactions,
    log: &SummaryLog,
    closing: &throughline_assembly::transactions::Closing,
) -> Stored {
    let summaries: Vec<_> = closing
        .members
        .iter()
        .map(|member| member.place())
        .filter_map(|place| match &log.0[place.position() as usize].body {
            Stored::Summary(summary) => Some((place, &**summary)),
            _ => None,
        })
        .collect();
    let closed = |position: u64| match &log.0[position as usize].body {
        Stored::Closed(closed) => Some(Arc::clone(closed)),
        _ => None,
    };
    let before = closing.previous.and_then(closed);
    let joined = closing.kept_from.and_then(|place| closed(place.position()));
    let by = (&**fold.rules(), fold.sampler());
    match Decider::default().decide(by, closing, &summaries, before.as_deref(), joined.as_deref()) {
        Decided::Closed(closed) => Stored::Closed(closed.into()),
        Decided::Offer(offer, _) => Stored::Offer(offer.into()),
    }
}
