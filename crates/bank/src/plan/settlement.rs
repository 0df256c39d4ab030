//! The end: a confirmation, a return or a rejection is booked, the customer is told, and `settlement.confirm` closes the transfer.

use opentelemetry::KeyValue;

use super::calls::{Endpoint, Statement};
use super::model::TransferKind;
use super::script::{Message, Played, Stage};
use super::topology::{PUSH_PROVIDER, Queue, Service};

const CONFIRMATION: Endpoint = Endpoint::http(Service::Settlement, "POST", "/confirmations");
const RETURN: Endpoint = Endpoint::http(Service::Settlement, "POST", "/returns");
const SETTLE: Endpoint = Endpoint::grpc(Service::Ledger, "bank.core.v1.Ledger", "Settle");
const REVERSE: Endpoint = Endpoint::grpc(Service::Ledger, "bank.core.v1.Ledger", "Reverse");
const NOTIFY: Endpoint = Endpoint::http(Service::NotificationHub, "POST", "/messages");

/// Name of the terminal span.
pub const TERMINAL: &str = "settlement.confirm";

const RELEASE: Statement = Statement::postgres(
    "core",
    "UPDATE",
    "reservations",
    "UPDATE reservations SET released_at = now() WHERE uetr = $1",
    1.9,
);
const FINAL_ENTRY: Statement = Statement::postgres(
    "core",
    "INSERT",
    "entries",
    "INSERT INTO entries (booking, account, amount, side) VALUES ($1, $2, $3, $4)",
    2.3,
);
const CLOSE_ORDER: Statement = Statement::postgres(
    "payments",
    "UPDATE",
    "settlements",
    "UPDATE settlements SET status = $2, settled_at = now() WHERE uetr = $1",
    1.6,
);

/// How often a payment comes back although the partner took it.
const RETURNED: f64 = 0.012;

/// The partner's answer comes, some time after the payment was handed over: a confirmation, or now and then the money itself.
pub(super) fn answer(stage: &mut Stage<'_>, kind: TransferKind) -> Played {
    stage.now = stage.end() + delay(stage, kind);
    if !stage.dice.chance(RETURNED) {
        stage.begin_trace(None);
        return stage.receive(&CONFIRMATION, |stage| finish(stage, "settled"));
    }
    let mut message = None;
    stage.begin_trace(None);
    let played = stage.receive(&RETURN, |stage| {
        stage.set_key();
        stage.work(2.0);
        stage.set(KeyValue::new("iso20022.message", "pacs.004.001.11"));
        message = Some(stage.publish(Queue::Returns));
        stage.work(0.5);
        Ok(())
    });
    match message {
        Some(message) => reverse(stage, &message),
        None => played,
    }
}

fn delay(stage: &mut Stage<'_>, kind: TransferKind) -> u64 {
    match kind {
        TransferKind::SepaBatch => stage.dice.between(1_500.0, 4_000.0),
        TransferKind::International => stage.dice.nanos(2_000.0, 0.3),
        TransferKind::StandingOrder => stage.dice.nanos(600.0, 0.3),
        TransferKind::Instant | TransferKind::Internal => stage.dice.nanos(180.0, 0.3),
    }
}

fn reverse(stage: &mut Stage<'_>, message: &Message) -> Played {
    let wait = stage.dice.nanos(120.0, 0.4);
    stage.consume(Queue::Returns, message, wait, |stage| finish(stage, "returned"))
}

/// A transfer between two accounts of this bank needs no partner.
pub(super) fn internal(stage: &mut Stage<'_>, message: &Message) -> Played {
    let wait = stage.dice.nanos(25.0, 0.4);
    stage.consume(Queue::Internal, message, wait, |stage| finish(stage, "settled"))
}

/// What failed is undone.
pub(super) fn reject(stage: &mut Stage<'_>, message: &Message) -> Played {
    let wait = stage.dice.nanos(40.0, 0.4);
    stage.consume(Queue::Rejections, message, wait, |stage| finish(stage, "rejected"))
}

/// Books, tells the customer, and confirms. If booking fails, the confirmation says so: the transfer ends either way.
fn finish(stage: &mut Stage<'_>, status: &'static str) -> Played {
    stage.set_key();
    stage.work(1.0);
    stage.internal("signature.verify", |stage| {
        stage.work(1.4);
        Ok(())
    })?;
    let endpoint = if status == "settled" { &SETTLE } else { &REVERSE };
    let booked = stage.call(endpoint, |stage| {
        stage.set_key();
        stage.work(1.0);
        stage.query(&FINAL_ENTRY);
        stage.query(&RELEASE);
        stage.work(0.5);
        Ok(())
    });
    // A customer who is not told is no reason to undo a payment.
    let _told = stage.call(&NOTIFY, |stage| {
        stage.work(1.5);
        stage.partner(&PUSH_PROVIDER, "POST", "/v1/push", 24.0);
        Ok(())
    });
    stage.internal(TERMINAL, |stage| {
        stage.set_key();
        stage.set(KeyValue::new("settlement.status", status));
        stage.work(0.7);
        stage.query(&CLOSE_ORDER);
        booked
    })?;
    stage.work(0.4);
    Ok(())
}
