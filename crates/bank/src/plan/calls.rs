//! How services reach each other, databases, queues and partners, and what their spans say of it.
//!
//! Attribute names: OpenTelemetry's semantic conventions for HTTP, RPC, databases and messaging.

use std::borrow::Cow;

use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;

use super::effects::Extra;
use super::model::{FaultMark, HopKind};
use super::script::{Failure, Message, Played, Stage};
use super::topology::{Partner, Queue, Service};
use crate::fault::FaultKind;

/// How an endpoint is spoken to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Protocol {
    Http { method: &'static str, route: &'static str },
    Grpc { service: &'static str, method: &'static str },
}

/// Something that a service offers to others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) service: Service,
    pub(super) protocol: Protocol,
}

impl Endpoint {
    pub(super) const fn http(service: Service, method: &'static str, route: &'static str) -> Self {
        Self { service, protocol: Protocol::Http { method, route } }
    }

    pub(super) const fn grpc(service: Service, name: &'static str, method: &'static str) -> Self {
        Self { service, protocol: Protocol::Grpc { service: name, method } }
    }

    fn server_name(&self) -> Cow<'static, str> {
        match self.protocol {
            Protocol::Http { method, route } => format!("{method} {route}").into(),
            Protocol::Grpc { service, method } => format!("{service}/{method}").into(),
        }
    }

    fn client_name(&self) -> Cow<'static, str> {
        match self.protocol {
            Protocol::Http { method, .. } => method.into(),
            Protocol::Grpc { .. } => self.server_name(),
        }
    }
}

/// One statement of a database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) system: &'static str,
    pub(super) database: &'static str,
    pub(super) operation: &'static str,
    pub(super) table: &'static str,
    pub(super) text: &'static str,
    pub(super) median_ms: f64,
}

impl Statement {
    pub(super) const fn postgres(
        database: &'static str,
        operation: &'static str,
        table: &'static str,
        text: &'static str,
        median_ms: f64,
    ) -> Self {
        Self { system: "postgresql", database, operation, table, text, median_ms }
    }

    /// Only what writes waits for locks.
    fn writes(&self) -> bool {
        matches!(self.operation, "UPDATE" | "INSERT")
    }
}

/// One way between two pods, in milliseconds, and how much it varies.
const WIRE: (f64, f64) = (0.35, 0.4);

impl Stage<'_> {
    /// Opens the span of a request that comes from outside: a trace's root.
    pub(super) fn receive(&mut self, endpoint: &Endpoint, play: impl FnOnce(&mut Self) -> Played) -> Played {
        let by = self.pick(endpoint.service);
        self.open(SpanKind::Server, endpoint.server_name(), &by);
        self.describe(endpoint, true);
        let played = self.handle(play);
        self.answer(endpoint, &played);
        self.close();
        played
    }

    /// A call from the service whose span is open to another one: a client span, a server span, and the wire between.
    pub(super) fn call(&mut self, to: &Endpoint, play: impl FnOnce(&mut Self) -> Played) -> Played {
        let (caller, callee) = (self.instance(), self.pick(to.service));
        self.open(SpanKind::Client, to.client_name(), &caller);
        self.describe(to, false);
        self.wire(caller.service, to.service, false);
        self.open_server(to.server_name(), &callee);
        self.describe(to, true);
        let played = self.handle(play);
        self.answer(to, &played);
        self.close();
        self.wire(caller.service, to.service, true);
        self.answer(to, &played);
        self.close();
        played
    }

    /// Work within a service that has a span of its own.
    pub(super) fn internal(&mut self, name: &'static str, play: impl FnOnce(&mut Self) -> Played) -> Played {
        let by = self.instance();
        self.open(SpanKind::Internal, name, &by);
        let played = play(self);
        if let Err(failure) = &played {
            self.fail(failure);
        }
        self.close();
        played
    }

    /// A statement in the service's database.
    pub(super) fn query(&mut self, statement: &Statement) {
        let by = self.instance();
        let summary = format!("{} {}", statement.operation, statement.table);
        self.open(SpanKind::Client, summary.clone(), &by);
        self.hop_kind(HopKind::Database);
        self.set(KeyValue::new("db.system.name", statement.system));
        self.set(KeyValue::new("db.namespace", statement.database));
        self.set(KeyValue::new("db.operation.name", statement.operation));
        self.set(KeyValue::new("db.collection.name", statement.table));
        self.set(KeyValue::new("db.query.summary", summary));
        self.set(KeyValue::new("db.query.text", statement.text));
        self.set(KeyValue::new("server.address", format!("{}-db.core.bank.example", statement.database)));
        self.set(KeyValue::new("server.port", if statement.system == "redis" { 6379 } else { 5432 }));
        let nanos = self.dice.nanos(statement.median_ms, 0.35);
        self.spend(nanos);
        if statement.writes()
            && let Some(extra) = self.effects.lock(by.service, self.now, &mut self.dice)
        {
            self.event("lock.wait", vec![KeyValue::new("db.lock.mode", "ExclusiveLock")]);
            self.suffer(&extra, by.service, None);
        }
        self.close();
    }

    /// A call to another company, which sends no spans.
    pub(super) fn partner(
        &mut self,
        partner: &Partner,
        method: &'static str,
        path: &'static str,
        median_ms: f64,
    ) {
        let by = self.instance();
        self.open(SpanKind::Client, method, &by);
        self.hop_kind(HopKind::Partner);
        self.set(KeyValue::new("http.request.method", method));
        self.set(KeyValue::new("url.full", format!("https://{}{path}", partner.address)));
        self.set(KeyValue::new("server.address", partner.address));
        self.set(KeyValue::new("server.port", 443));
        self.set(KeyValue::new("peer.service", partner.name));
        let nanos = self.dice.nanos(median_ms, 0.3);
        self.spend(nanos);
        if let Some(extra) = self.effects.partner(by.service, self.now, &mut self.dice) {
            self.suffer(&extra, by.service, Some(partner.name));
        }
        self.set(KeyValue::new("http.response.status_code", 202));
        self.close();
    }

    /// Puts a message into a queue.
    pub(super) fn publish(&mut self, queue: Queue) -> Message {
        let by = self.instance();
        self.open(SpanKind::Producer, format!("send {}", queue.name()), &by);
        self.describe_queue(queue, "send");
        self.set_key();
        self.work(0.8);
        self.close_message()
    }

    /// Takes a message out of its queue: the root of a trace that links to the producer. Starts `wait` after the message was sent, and not much before
    /// all that was played so far has ended, so that this trace ends last.
    pub(super) fn consume(
        &mut self,
        queue: Queue,
        message: &Message,
        wait: u64,
        play: impl FnOnce(&mut Self) -> Played,
    ) -> Played {
        let consumer = queue.consumer();
        let extra = self.effects.backlog(consumer, message.end, &mut self.dice);
        let wait = wait + extra.map_or(0, |extra| extra.nanos);
        self.now = (message.end + wait).max(self.end().saturating_sub(OVERLAP));
        if let Some(extra) = &extra {
            self.blame(extra, consumer, None);
        }
        self.begin_trace(Some(message));
        let by = self.pick(consumer);
        self.open(SpanKind::Consumer, format!("process {}", queue.name()), &by);
        self.queued(self.now - message.end);
        self.link(message, vec![KeyValue::new("messaging.operation.type", "send")]);
        self.describe_queue(queue, "process");
        self.set_key();
        let played = self.handle(play);
        if let Err(failure) = &played {
            self.fail(failure);
        }
        self.close();
        played
    }

    fn describe_queue(&mut self, queue: Queue, operation: &'static str) {
        let partition = self.dice.below(12).to_string();
        self.set(KeyValue::new("messaging.system", "kafka"));
        self.set(KeyValue::new("messaging.destination.name", queue.name()));
        self.set(KeyValue::new("messaging.destination.partition.id", partition));
        self.set(KeyValue::new("messaging.operation.name", operation));
        self.set(KeyValue::new("messaging.operation.type", operation));
        if operation == "process" {
            self.set(KeyValue::new("messaging.consumer.group.name", queue.consumer().name()));
        }
    }

    /// Runs a handler after what hinders its pod now.
    fn handle(&mut self, play: impl FnOnce(&mut Self) -> Played) -> Played {
        match self.hinder() {
            Ok(()) => play(self),
            Err(failure) => {
                self.throw(&failure);
                Err(failure)
            }
        }
    }

    fn hinder(&mut self) -> Played {
        let by = self.instance();
        let (effects, now) = (self.effects, self.now);
        if let Some(extra) = effects.pod(by.service, by.ordinal, now, &mut self.dice) {
            self.suffer(&extra, by.service, None);
        }
        if let Some(extra) = effects.scan(by.service, now, &mut self.dice) {
            self.suffer(&extra, by.service, None);
        }
        if let Some((extra, fails)) = effects.version(by.rolled_out_by, &mut self.dice) {
            self.suffer(&extra, by.service, None);
            if fails {
                let message = "cannot read field `riskModel`".into();
                return Err(Failure { kind: "java.lang.IllegalStateException", message });
            }
        }
        if let Some(extra) = effects.error(by.service, now, &mut self.dice) {
            self.work(1.5);
            self.blame(&extra, by.service, None);
            let message = "connection pool exhausted: 0 of 50 idle".into();
            return Err(Failure { kind: "java.sql.SQLTransientConnectionException", message });
        }
        Ok(())
    }

    /// Spends a fault's extra time here and now.
    fn suffer(&mut self, extra: &Extra, service: Service, partner: Option<&'static str>) {
        self.spend(extra.nanos);
        self.blame(extra, service, partner);
    }

    /// Notes what a fault did.
    pub(super) fn blame(&mut self, extra: &Extra, service: Service, partner: Option<&'static str>) {
        if let Some(mark) = self.marks.iter_mut().find(|mark| mark.fault == extra.fault) {
            mark.excess += extra.nanos;
            return;
        }
        let names_pod = matches!(extra.kind, FaultKind::BadPod | FaultKind::BadVersion);
        let on_network = extra.kind == FaultKind::NetworkDelay;
        let instance = names_pod.then(|| self.instance().pod.clone());
        self.marks.push(FaultMark {
            fault: extra.fault,
            kind: extra.kind,
            department: if on_network { "network" } else { service.department().name() },
            service,
            instance,
            partner,
            excess: extra.nanos,
        });
    }

    fn wire(&mut self, caller: Service, callee: Service, back: bool) {
        let nanos = self.dice.nanos(WIRE.0, WIRE.1);
        self.travel(nanos, back);
        let (a, b) = (caller.department(), callee.department());
        if let Some(extra) = self.effects.wire(a, b, self.now, &mut self.dice) {
            self.travel(extra.nanos, back);
            self.blame(&extra, callee, None);
        }
    }

    fn describe(&mut self, endpoint: &Endpoint, serves: bool) {
        match endpoint.protocol {
            Protocol::Http { method, route } => {
                self.set(KeyValue::new("http.request.method", method));
                if serves {
                    self.set(KeyValue::new("http.route", route));
                    self.set(KeyValue::new("url.scheme", "https"));
                    let path = self.path(route);
                    self.set(KeyValue::new("url.path", path));
                } else {
                    let path = self.path(route);
                    self.set(KeyValue::new("url.full", format!("https://{}{path}", endpoint.service.name())));
                }
            }
            Protocol::Grpc { service, method } => {
                self.set(KeyValue::new("rpc.system", "grpc"));
                self.set(KeyValue::new("rpc.service", service));
                self.set(KeyValue::new("rpc.method", method));
            }
        }
        self.set(KeyValue::new("server.address", endpoint.service.name()));
        self.set(KeyValue::new("server.port", endpoint.service.port()));
    }

    fn path(&mut self, route: &'static str) -> Cow<'static, str> {
        match route.split_once('{') {
            Some((before, _)) => format!("{before}{}", self.dice.hex(8)).into(),
            None => route.into(),
        }
    }

    fn answer(&mut self, endpoint: &Endpoint, played: &Played) {
        match endpoint.protocol {
            Protocol::Http { .. } => {
                let code = if played.is_ok() { 200 } else { 500 };
                self.set(KeyValue::new("http.response.status_code", code));
            }
            Protocol::Grpc { .. } => {
                let code = if played.is_ok() { 0 } else { 13 };
                self.set(KeyValue::new("rpc.grpc.status_code", code));
            }
        }
        if let Err(failure) = played {
            self.fail(failure);
        }
    }
}

/// A consumer may start so much before the producer's trace has ended. Less than any consumer's own trace takes.
const OVERLAP: u64 = 8_000_000;
