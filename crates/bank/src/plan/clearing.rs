//! The queued part: a transfer to another bank is taken from its queue and handed to a partner.

use opentelemetry::KeyValue;

use super::calls::{Endpoint, Statement};
use super::model::TransferKind;
use super::script::{Message, Played, Stage};
use super::topology::{CLEARING_HOUSE, CORRESPONDENT, INSTANT_PARTNERS, Partner, Queue, Service};
use super::transfer::Order;

const UPDATE_STATUS: Endpoint =
    Endpoint::grpc(Service::PaymentOrchestrator, "bank.payments.v1.Payments", "UpdateStatus");
const RECORD: Endpoint = Endpoint::grpc(Service::Ledger, "bank.core.v1.Ledger", "RecordSubmission");
const ACKNOWLEDGE: Endpoint = Endpoint::http(Service::Settlement, "POST", "/acknowledgements");

const UPDATE_ORDER: Statement = Statement::postgres(
    "payments",
    "UPDATE",
    "payment_orders",
    "UPDATE payment_orders SET state = $2 WHERE uetr = $1",
    1.7,
);
const INSERT_NOSTRO: Statement = Statement::postgres(
    "core",
    "INSERT",
    "nostro_entries",
    "INSERT INTO nostro_entries (uetr, amount, value_date) VALUES ($1, $2, $3)",
    2.1,
);
const INSERT_ACK: Statement = Statement::postgres(
    "payments",
    "INSERT",
    "acknowledgements",
    "INSERT INTO acknowledgements (uetr, reference) VALUES ($1, $2)",
    1.5,
);

/// Takes the message from the clearing queue. On failure a rejection is published.
pub(super) fn play(stage: &mut Stage<'_>, order: &Order, message: &Message) -> (Played, Option<Message>) {
    let wait = wait(stage, order.kind);
    let partner = partner(stage, order.kind);
    let mut rejected = None;
    let played = stage.consume(Queue::Clearing, message, wait, |stage| {
        let played = submit(stage, &partner);
        if played.is_err() {
            rejected = Some(stage.publish(Queue::Rejections));
        }
        stage.work(0.7);
        played
    });
    (played, rejected)
}

fn submit(stage: &mut Stage<'_>, partner: &Partner) -> Played {
    stage.work(0.9);
    stage.internal("pacs.008.build", |stage| {
        stage.work(2.5);
        stage.set(KeyValue::new("iso20022.message", "pacs.008.001.10"));
        Ok(())
    })?;
    stage.partner(partner, "POST", "/iso20022/pacs008", 45.0);
    stage.work(0.6);
    stage.call(&RECORD, |stage| {
        stage.work(0.9);
        stage.query(&INSERT_NOSTRO);
        stage.work(0.3);
        Ok(())
    })?;
    stage.call(&UPDATE_STATUS, |stage| {
        stage.work(0.8);
        stage.query(&UPDATE_ORDER);
        Ok(())
    })
}

/// How long a message lies in the queue when nothing is wrong: batches wait for their window.
fn wait(stage: &mut Stage<'_>, kind: TransferKind) -> u64 {
    match kind {
        TransferKind::SepaBatch => stage.dice.between(1_200.0, 4_000.0),
        TransferKind::StandingOrder => stage.dice.nanos(300.0, 0.3),
        TransferKind::International => stage.dice.nanos(500.0, 0.3),
        TransferKind::Instant | TransferKind::Internal => stage.dice.nanos(35.0, 0.4),
    }
}

fn partner(stage: &mut Stage<'_>, kind: TransferKind) -> Partner {
    match kind {
        TransferKind::International => CORRESPONDENT,
        TransferKind::SepaBatch => CLEARING_HOUSE,
        _ => INSTANT_PARTNERS[stage.dice.index(INSTANT_PARTNERS.len())],
    }
}

/// The correspondent bank says that it has the payment: a trace of its own, some time later.
pub(super) fn acknowledge(stage: &mut Stage<'_>) -> Played {
    stage.now = stage.end() + stage.dice.nanos(900.0, 0.3);
    stage.begin_trace(None);
    stage.receive(&ACKNOWLEDGE, |stage| {
        stage.set_key();
        stage.work(1.2);
        stage.query(&INSERT_ACK);
        stage.work(0.5);
        Ok(())
    })
}
