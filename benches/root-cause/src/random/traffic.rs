//! Transactions of a made-up system, as OTLP.

mod naming;
mod sample;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message;

use super::dice::Dice;
use super::fault::{CHANNELS, DAY, Fault, Kind};
use super::system::System;

pub(crate) use naming::Naming;
pub(super) use sample::Sample;

/// When all of it begins: a Monday, midnight.
pub(super) const START: u64 = 1_767_571_200_000_000_000;
/// How often the wander of a service's times takes a step, seconds, and what is left of it then.
const STEP: f64 = 10.0;
const STAYS: f64 = 0.92;
/// How often calls are slow that rarely are.
const RARE: f64 = 0.05;

const SERVER: i32 = 2;
const CLIENT: i32 = 3;

/// A span before it is encoded. Times in seconds.
struct Piece {
    service: usize,
    instance: usize,
    parent: Option<usize>,
    kind: i32,
    name: String,
    start: f64,
    end: f64,
    failed: bool,
    is_database: bool,
}

/// Transactions as requests, each with the time at which it comes, until the time is over.
pub(crate) struct Traffic<'a> {
    system: &'a System,
    /// No two at one time.
    faults: &'a [Fault],
    dice: Dice,
    at: f64,
    /// When transactions that begin are seen, from and to, in their order.
    seen: Vec<(f64, f64)>,
    wander: Vec<f64>,
    stepped: f64,
    pieces: Vec<Piece>,
    /// Whether the transaction that is played feels a fault.
    feels: bool,
    /// How many transactions felt each fault.
    felt: Vec<usize>,
    pub(super) naming: Naming,
    /// Nothing comes but from and to these seconds of each day.
    pub(super) open: Option<(f64, f64)>,
    /// Chance of what changes no times: channels and ids.
    labels: Dice,
    channel: usize,
    /// Made, but others that end earlier may come.
    waiting: std::collections::BTreeSet<(u64, Vec<u8>)>,
}

impl<'a> Traffic<'a> {
    pub(super) fn new(system: &'a System, fault: Option<&'a Fault>, seed: u64, until: f64) -> Self {
        let faults = fault.map_or(&[] as &[Fault], std::slice::from_ref);
        Self::recorded(system, faults, seed, vec![(0.0, until)])
    }

    /// Only what begins in these times, each from and to, in their order.
    pub(super) fn recorded(
        system: &'a System,
        faults: &'a [Fault],
        seed: u64,
        mut seen: Vec<(f64, f64)>,
    ) -> Self {
        let mut dice = Dice::new(seed);
        seen.reverse();
        let wander = system.services.iter().map(|_| dice.normal() * system.wander).collect();
        Self {
            system,
            faults,
            dice,
            at: seen.last().map_or(0.0, |first| first.0),
            seen,
            wander,
            stepped: 0.0,
            pieces: Vec::new(),
            feels: false,
            felt: vec![0; faults.len()],
            naming: Naming::Plain,
            open: None,
            labels: Dice::new(!seed),
            channel: 0,
            waiting: std::collections::BTreeSet::new(),
        }
    }

    /// How many transactions felt each fault so far.
    pub(super) fn felt(&self) -> &[usize] {
        &self.felt
    }

    pub(super) fn start(&self) -> u64 {
        START
    }

    /// Goes on to the next arrival that is seen; past the last of these times, where there is none.
    fn arrive(&mut self) {
        loop {
            self.pass();
            while self.seen.last().is_some_and(|piece| piece.1 <= self.at) {
                self.seen.pop();
            }
            match self.seen.last() {
                // Arrivals know nothing of those before: a later piece begins anew.
                Some(piece) if piece.0 > self.at => self.at = piece.0,
                _ => break,
            }
        }
        if let Some((from, to)) = self.open {
            let of_day = self.at % DAY;
            self.at += if of_day < from { from - of_day } else { 0.0 };
            self.at += if of_day >= to { DAY - of_day + from } else { 0.0 };
        }
        while self.stepped + STEP < self.at {
            self.stepped += STEP;
            let step = self.system.wander * (1.0 - STAYS * STAYS).sqrt();
            for wander in &mut self.wander {
                *wander = *wander * STAYS + step * self.dice.normal();
            }
        }
    }

    /// Goes on to the next arrival: a Poisson process that follows the load.
    fn pass(&mut self) {
        let greatest = self.system.rate * (1.0 + self.system.swing);
        loop {
            self.at += -(1.0 - self.dice.unit()).ln() / greatest;
            if self.dice.chance(self.system.load(self.at) * self.system.rate / greatest) {
                break;
            }
        }
    }

    /// Plays one transaction from its entry.
    fn play(&mut self) -> f64 {
        self.pieces.clear();
        self.channel = self.labels.below(CHANNELS);
        let entries = &self.system.entries;
        let mut left = self.dice.unit() * entries.iter().map(|entry| entry.1).sum::<f64>();
        let entry = entries.iter().find(|entry| {
            left -= entry.1;
            left < 0.0
        });
        let entry = entry.unwrap_or(&entries[0]).0;
        self.feels = false;
        let end = self.serve(entry, None, self.at).0;
        let on = self.faults.iter().position(|fault| fault.is_on(self.at));
        if let Some(felt) = on.filter(|_| self.feels).and_then(|at| self.felt.get_mut(at)) {
            *felt += 1;
        }
        end
    }

    /// One call of an operation from `start` on: when it ends, and whether it fails.
    fn serve(&mut self, operation: usize, parent: Option<usize>, start: f64) -> (f64, bool) {
        let system = self.system;
        let what = &system.operations[operation];
        let instance = self.dice.below(system.services[what.service].instances);
        let index = self.pieces.len();
        self.pieces.push(Piece {
            service: what.service,
            instance,
            parent,
            kind: SERVER,
            name: what.name.clone(),
            start,
            end: start,
            failed: false,
            is_database: false,
        });
        let on = self.faults.iter().find(|fault| fault.is_on(self.at));
        let here = on.filter(|fault| fault.is_at(operation, instance));
        let own = self.own(operation, instance, on);
        let fails = here
            .filter(|fault| matches!(fault.kind, Kind::Errors | Kind::Silent))
            .map_or(what.fails, |fault| fault.amount);
        let mut failed = self.dice.chance(fails);
        let throws = here.is_some_and(|fault| fault.kind == Kind::Exception);
        self.feels |= here.is_some_and(|fault| matches!(fault.kind, Kind::Return | Kind::Exception));
        let mut now = start + own * 0.5;
        if !failed {
            if let Some(database) = what.database {
                now = self.database(what.service, instance, index, now, database);
            }
            failed = self.calls(operation, index, &mut now, on) || throws;
        }
        let end = now + own * 0.5;
        self.pieces[index].end = end;
        self.pieces[index].failed = failed;
        (end, failed)
    }

    /// How long its own work takes.
    fn own(&mut self, operation: usize, instance: usize, on: Option<&Fault>) -> f64 {
        let (system, what) = (self.system, &self.system.operations[operation]);
        let strain = 1.0 + system.strain * (system.load(self.at) - 1.0);
        let mut own =
            what.own * strain * (what.spread * self.dice.normal() + self.wander[what.service]).exp();
        if self.dice.chance(system.outliers) {
            own *= self.dice.magnitude(3.0, 30.0);
        }
        let Some(fault) = on else { return own };
        if fault.kind == Kind::Latency && fault.operation == operation {
            own += fault.amount * self.dice.between(0.7, 1.3);
        }
        let is_hit = fault.operation == operation
            && match fault.kind {
                Kind::Channel => fault.instance == Some(self.channel),
                Kind::Rare => self.dice.chance(RARE),
                _ => false,
            };
        if is_hit {
            own += fault.amount * self.dice.between(0.7, 1.3);
        }
        if fault.kind == Kind::Machine && fault.instance == Some(system.host_of(what.service, instance)) {
            own *= fault.amount * self.dice.between(0.5, 1.5);
        }
        let same = system.operations[fault.operation].service == what.service;
        if matches!(fault.kind, Kind::Cpu | Kind::Slight)
            && same
            && fault.instance.is_none_or(|one| one == instance)
        {
            own *= fault.amount * self.dice.between(0.5, 1.5);
            self.feels = true;
        }
        own
    }

    fn database(&mut self, service: usize, instance: usize, parent: usize, now: f64, median: f64) -> f64 {
        let end = now + median * (0.4 * self.dice.normal()).exp();
        self.pieces.push(Piece {
            service,
            instance,
            parent: Some(parent),
            kind: CLIENT,
            name: "SELECT".to_owned(),
            start: now,
            end,
            failed: false,
            is_database: true,
        });
        end
    }

    /// Its calls, one after the other or side by side; whether one of them fails it.
    fn calls(&mut self, operation: usize, parent: usize, now: &mut f64, on: Option<&Fault>) -> bool {
        let system = self.system;
        let what = &system.operations[operation];
        let instance = self.pieces[parent].instance;
        let here = on.filter(|fault| fault.is_at(operation, instance));
        let late = |service, instance| on.map_or(0.0, |fault| fault.delay(system, service, instance));
        let (began, mut failed) = (*now, false);
        for (number, call) in what.calls.iter().enumerate() {
            let here = here.filter(|fault| fault.call == number);
            if here.is_some_and(|fault| matches!(fault.kind, Kind::Return | Kind::Exception)) {
                break;
            }
            let is_gone =
                here.is_some_and(|fault| fault.kind == Kind::MissingCall && self.dice.chance(fault.amount));
            if self.pieces.len() >= system.max_spans || !self.dice.chance(call.chance) || is_gone {
                continue;
            }
            if self.is_unanswered(call.to) {
                if system.has_clients {
                    let client = self.client(operation, call.to, parent, *now);
                    *now += call.way;
                    (self.pieces[client].end, self.pieces[client].failed) = (*now, true);
                }
                failed |= !what.is_tolerant;
                if failed && !what.is_parallel {
                    break;
                }
                continue;
            }
            let mut way = call.way * (0.3 * self.dice.normal()).exp();
            let slow = here.filter(|fault| fault.kind == Kind::Network);
            if let Some(fault) = slow.or_else(|| self.slow_way(operation, call.to)) {
                way += fault.amount * self.dice.between(0.8, 1.2);
            }
            let from = if what.is_parallel { began } else { *now };
            let client = system.has_clients.then(|| self.client(operation, call.to, parent, from));
            let asked = from + way / 2.0 + late(what.service, instance) * self.dice_of_delay(on);
            let index = self.pieces.len();
            let (end, callee_failed) = self.serve(call.to, client.or(Some(parent)), asked);
            let answers = late(system.operations[call.to].service, self.pieces[index].instance);
            let end = end + way / 2.0 + answers * self.dice_of_delay(on);
            self.feels |= answers + late(what.service, instance) > 0.0;
            if let Some(client) = client {
                self.pieces[client].end = end;
                self.pieces[client].failed = callee_failed;
            }
            *now = now.max(end);
            failed |= callee_failed && !what.is_tolerant;
            if failed && !what.is_parallel {
                break;
            }
        }
        failed
    }

    /// How much of a delay comes to pass this time; no number is drawn where there is none.
    fn dice_of_delay(&mut self, on: Option<&Fault>) -> f64 {
        if on.is_some_and(|fault| fault.kind == Kind::Delay) { self.dice.between(0.8, 1.2) } else { 0.0 }
    }

    /// Whether a call of this operation finds nobody.
    fn is_unanswered(&mut self, to: usize) -> bool {
        let on = self.faults.iter().find(|fault| fault.kind == Kind::Gone && fault.is_on(self.at));
        let service = |operation: usize| self.system.operations[operation].service;
        let gone = on.filter(|fault| service(fault.operation) == service(to));
        gone.is_some_and(|fault| self.dice.chance(fault.amount))
    }

    /// The fault that makes all ways of a service slow, where this is one.
    fn slow_way(&self, from: usize, to: usize) -> Option<&'a Fault> {
        let service = |operation: usize| self.system.operations[operation].service;
        let on = self.faults.iter().find(|fault| fault.kind == Kind::Ways && fault.is_on(self.at));
        on.filter(|fault| [from, to].map(service).contains(&service(fault.operation)))
    }

    fn client(&mut self, operation: usize, to: usize, parent: usize, start: f64) -> usize {
        let instance = self.pieces[parent].instance;
        self.pieces.push(Piece {
            service: self.system.operations[operation].service,
            instance,
            parent: Some(parent),
            kind: CLIENT,
            name: self.system.operations[to].name.clone(),
            start,
            end: start,
            failed: false,
            is_database: false,
        });
        self.pieces.len() - 1
    }

    fn encode(&mut self) -> Vec<u8> {
        let trace: Vec<u8> =
            [self.dice.next(), self.dice.next()].iter().flat_map(|n| n.to_be_bytes()).collect();
        let base = self.dice.next() | 1;
        let id = |index: usize| base.wrapping_add(index as u64 * 0x1_0001).max(1).to_be_bytes().to_vec();
        let names: Vec<String> = (0..self.pieces.len()).map(|index| self.name(index)).collect();
        let channel = format!("channel-{}", self.channel);
        let resource_spans = self.pieces.iter().zip(names).enumerate().map(|(index, (piece, name))| {
            let span = Span {
                trace_id: trace.clone(),
                span_id: id(index),
                parent_span_id: piece.parent.map(id).unwrap_or_default(),
                name,
                kind: piece.kind,
                start_time_unix_nano: at(piece.start),
                end_time_unix_nano: at(piece.end),
                attributes: if piece.is_database {
                    vec![text("db.system", "postgresql")]
                } else if index == 0 {
                    vec![text("channel", &channel)]
                } else {
                    Vec::new()
                },
                status: (piece.failed && self.system.has_status)
                    .then(|| Status { code: 2, message: "failed".to_owned() }),
                ..Span::default()
            };
            let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
            ResourceSpans {
                resource: Some(self.resource(piece)),
                scope_spans: vec![scope],
                ..ResourceSpans::default()
            }
        });
        ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec()
    }

    fn resource(&self, piece: &Piece) -> Resource {
        let service = &self.system.services[piece.service];
        let host = self.system.host_of(piece.service, piece.instance);
        let attributes = vec![
            text("service.name", &service.name),
            text("service.instance.id", &service.pod(piece.instance)),
            text("service.version", "1.0.0"),
            text("host.name", &format!("host-{host}")),
        ];
        Resource { attributes, ..Resource::default() }
    }
}

/// Nanoseconds since 1970 of so many seconds after the beginning.
pub(super) fn at(seconds: f64) -> u64 {
    START + (seconds * 1e9) as u64
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.to_owned())) }),
        ..KeyValue::default()
    }
}

impl Iterator for Traffic<'_> {
    type Item = (u64, Vec<u8>);

    fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        // What starts later ends later.
        while !self.seen.is_empty() && self.waiting.first().is_none_or(|first| first.0 >= at(self.at)) {
            self.arrive();
            let end = self.play();
            let request = self.encode();
            self.waiting.insert((at(end), request));
        }
        self.waiting.pop_first()
    }
}
