//! The first trace: a customer orders a transfer, from the channel down to the ledger and into a queue.

use opentelemetry::KeyValue;

use super::calls::{Endpoint, Statement};
use super::model::TransferKind;
use super::script::{Failure, Message, Played, Stage};
use super::topology::{Queue, Service};
use super::transfer::Order;

const GATEWAY: Endpoint = Endpoint::http(Service::ApiGateway, "POST", "/v1/transfers");
const CREATE: Endpoint =
    Endpoint::grpc(Service::PaymentOrchestrator, "bank.payments.v1.Payments", "CreateTransfer");
const PROFILE: Endpoint = Endpoint::http(Service::CustomerProfile, "GET", "/customers/{id}");
const FRAUD: Endpoint = Endpoint::grpc(Service::FraudCheck, "bank.risk.v1.Fraud", "Score");
const LIMITS: Endpoint = Endpoint::grpc(Service::Limits, "bank.customer.v1.Limits", "Check");
const SCAN: Endpoint = Endpoint::grpc(Service::SecurityScan, "bank.risk.v1.Security", "Scan");
const SANCTIONS: Endpoint = Endpoint::grpc(Service::SanctionsScreening, "bank.risk.v1.Sanctions", "Screen");
const RESERVE: Endpoint = Endpoint::grpc(Service::Accounts, "bank.core.v1.Accounts", "Reserve");
const BOOK: Endpoint = Endpoint::grpc(Service::Ledger, "bank.core.v1.Ledger", "Book");
const ROUTE: Endpoint = Endpoint::grpc(Service::PaymentRouter, "bank.payments.v1.Router", "Route");

const STORE_ORDER: Statement = Statement::postgres(
    "payments",
    "INSERT",
    "payment_orders",
    "INSERT INTO payment_orders (uetr, amount, currency, state) VALUES ($1, $2, $3, $4)",
    1.6,
);
const READ_PROFILE: Statement = Statement::postgres(
    "customers",
    "SELECT",
    "customers",
    "SELECT id, segment, risk_class FROM customers WHERE id = $1",
    1.2,
);
const READ_FEATURES: Statement = Statement {
    system: "redis",
    database: "features",
    operation: "HGETALL",
    table: "customer_features",
    text: "HGETALL ?",
    median_ms: 0.6,
};
const READ_LIMITS: Statement = Statement::postgres(
    "customers",
    "SELECT",
    "daily_limits",
    "SELECT used, allowed FROM daily_limits WHERE customer = $1 AND day = $2",
    1.0,
);
const READ_BALANCE: Statement = Statement::postgres(
    "core",
    "SELECT",
    "accounts",
    "SELECT balance, reserved FROM accounts WHERE id = $1 FOR UPDATE",
    1.8,
);
const RESERVE_AMOUNT: Statement = Statement::postgres(
    "core",
    "UPDATE",
    "accounts",
    "UPDATE accounts SET reserved = reserved + $2 WHERE id = $1",
    2.0,
);
const INSERT_ENTRIES: Statement = Statement::postgres(
    "core",
    "INSERT",
    "entries",
    "INSERT INTO entries (booking, account, amount, side) VALUES ($1, $2, $3, $4), ($1, $5, $3, $6)",
    2.4,
);
const UPDATE_BALANCE: Statement = Statement::postgres(
    "core",
    "UPDATE",
    "balances",
    "UPDATE balances SET booked = booked - $2 WHERE account = $1",
    2.2,
);

/// How often a check of limits fails at first; it is tried again, with success.
const FLAKY_LIMITS: f64 = 0.004;
/// How often a reservation fails although no fault is on.
const FAILED_RESERVATION: f64 = 0.002;

/// What the first trace left behind.
pub(super) struct Requested {
    /// The message for what comes next: of success, or of rejection.
    pub(super) message: Option<Message>,
    pub(super) queue: Queue,
    pub(super) played: Played,
}

/// Plays the first trace.
pub(super) fn play(stage: &mut Stage<'_>, order: &Order) -> Requested {
    let queue = if order.kind == TransferKind::Internal { Queue::Internal } else { Queue::Clearing };
    let mut requested = Requested { message: None, queue, played: Ok(()) };
    stage.begin_trace(None);
    let root = Endpoint::http(order.service, "POST", "/transfers");
    let played = stage.receive(&root, |stage| {
        stage.set(KeyValue::new("bank.channel", order.channel));
        stage.set(KeyValue::new("user_agent.original", order.user_agent));
        stage.work(1.8);
        stage.internal("session.validate", |stage| {
            stage.work(0.9);
            Ok(())
        })?;
        let played = stage.call(&GATEWAY, |stage| gateway(stage, order, &mut requested));
        stage.work(1.1);
        played
    });
    requested.played = played;
    requested
}

fn gateway(stage: &mut Stage<'_>, order: &Order, requested: &mut Requested) -> Played {
    stage.work(0.6);
    stage.internal("token.verify", |stage| {
        stage.work(0.8);
        Ok(())
    })?;
    let played = stage.call(&CREATE, |stage| orchestrate(stage, order, requested));
    stage.work(0.4);
    played
}

fn orchestrate(stage: &mut Stage<'_>, order: &Order, requested: &mut Requested) -> Played {
    stage.set_key();
    order.describe(stage);
    stage.work(1.5);
    stage.query(&STORE_ORDER);
    let played = carry_out(stage, order, requested);
    if let Err(failure) = &played {
        stage.throw(failure);
        stage.work(0.9);
        requested.queue = Queue::Rejections;
        requested.message = Some(stage.publish(Queue::Rejections));
    }
    stage.work(1.0);
    played
}

fn carry_out(stage: &mut Stage<'_>, order: &Order, requested: &mut Requested) -> Played {
    stage.call(&PROFILE, |stage| {
        stage.work(1.4);
        stage.query(&READ_PROFILE);
        stage.work(0.5);
        Ok(())
    })?;
    stage.work(0.4);
    checks(stage, order)?;
    stage.work(0.5);
    stage.call(&RESERVE, reserve)?;
    stage.call(&BOOK, book)?;
    stage.work(0.6);
    stage.call(&ROUTE, |stage| {
        stage.work(2.0);
        requested.message = Some(stage.publish(requested.queue));
        stage.work(0.4);
        Ok(())
    })
}

/// What has to be asked before money moves, all at once. The longest of them counts.
fn checks(stage: &mut Stage<'_>, order: &Order) -> Played {
    let mut fork = stage.fork();
    let mut played = Ok(());
    if order.kind != TransferKind::StandingOrder {
        played = played.and(stage.branch(&mut fork, |stage| stage.call(&FRAUD, fraud)));
    }
    played = played.and(stage.branch(&mut fork, limits));
    if matches!(order.kind, TransferKind::SepaBatch | TransferKind::Instant) {
        played = played.and(stage.branch(&mut fork, |stage| stage.call(&SCAN, scan)));
    }
    if matches!(order.kind, TransferKind::International | TransferKind::SepaBatch) {
        played = played.and(stage.branch(&mut fork, |stage| stage.call(&SANCTIONS, sanctions)));
    }
    stage.join(fork);
    played
}

fn fraud(stage: &mut Stage<'_>) -> Played {
    stage.query(&READ_FEATURES);
    stage.internal("model.score", |stage| {
        stage.work(11.0);
        let score = (stage.dice.unit() * 40.0).round() / 100.0;
        stage.set(KeyValue::new("fraud.score", score));
        Ok(())
    })?;
    stage.work(0.7);
    Ok(())
}

/// Asked again when it fails: a call that was retried with success is no error of the transfer.
fn limits(stage: &mut Stage<'_>) -> Played {
    let flaky = stage.dice.chance(FLAKY_LIMITS);
    let check = |stage: &mut Stage<'_>, fails: bool| {
        stage.call(&LIMITS, |stage| {
            stage.work(1.2);
            if fails {
                let failure =
                    Failure { kind: "java.net.SocketTimeoutException", message: "read timed out".into() };
                stage.throw(&failure);
                return Err(failure);
            }
            stage.query(&READ_LIMITS);
            stage.work(0.6);
            Ok(())
        })
    };
    check(stage, flaky).or_else(|_| check(stage, false))
}

fn scan(stage: &mut Stage<'_>) -> Played {
    stage.work(6.0);
    stage.internal("signature.match", |stage| {
        stage.work(5.0);
        Ok(())
    })
}

fn sanctions(stage: &mut Stage<'_>) -> Played {
    stage.work(3.0);
    stage.internal("names.match", |stage| {
        stage.work(22.0);
        stage.set(KeyValue::new("sanctions.lists", 14));
        Ok(())
    })?;
    stage.work(0.8);
    Ok(())
}

fn reserve(stage: &mut Stage<'_>) -> Played {
    stage.work(1.0);
    stage.query(&READ_BALANCE);
    if stage.dice.chance(FAILED_RESERVATION) {
        let message = "could not serialize access due to concurrent update".into();
        let failure = Failure { kind: "org.postgresql.util.PSQLException", message };
        stage.throw(&failure);
        return Err(failure);
    }
    stage.work(0.3);
    stage.query(&RESERVE_AMOUNT);
    stage.work(0.4);
    Ok(())
}

fn book(stage: &mut Stage<'_>) -> Played {
    stage.set_key();
    stage.work(1.2);
    stage.internal("ledger.post", |stage| {
        stage.work(0.5);
        stage.query(&INSERT_ENTRIES);
        stage.query(&UPDATE_BALANCE);
        stage.work(0.3);
        Ok(())
    })?;
    stage.work(0.6);
    Ok(())
}
