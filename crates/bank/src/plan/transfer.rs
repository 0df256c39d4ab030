//! One transfer: who orders it, which traces it takes, how it ends.

use opentelemetry::KeyValue;

use super::clearing;
use super::critical;
use super::dice::Dice;
use super::effects::Effects;
use super::model::{Outcome, Transfer, TransferKind};
use super::request::{self, Requested};
use super::script::{Message, Stage};
use super::settlement;
use super::topology::{Queue, Service, Topology};

/// What a customer orders.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) kind: TransferKind,
    pub(super) service: Service,
    pub(super) channel: &'static str,
    pub(super) user_agent: &'static str,
    pub(super) amount: f64,
    pub(super) currency: &'static str,
}

const KINDS: [(TransferKind, f64); 5] = [
    (TransferKind::Instant, 0.45),
    (TransferKind::Internal, 0.25),
    (TransferKind::SepaBatch, 0.12),
    (TransferKind::StandingOrder, 0.10),
    (TransferKind::International, 0.08),
];

type Channel = (Service, &'static str, &'static str);
const MOBILE: Channel = (Service::MobileBff, "mobile", "BankApp/7.14 (iPhone; iOS 19.1)");
const WEB: Channel = (Service::WebBff, "web", "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/146.0");
const BRANCH: Channel = (Service::BranchDesk, "branch", "BranchDesk/3.2");
const FILE: Channel = (Service::FileUpload, "file", "EBICS/3.0");
const STANDING: Channel = (Service::StandingOrders, "standing-order", "scheduler/4.0");

impl Order {
    fn draw(dice: &mut Dice) -> Self {
        let (kind, _) = KINDS[dice.weighted(&KINDS.map(|(_, weight)| weight))];
        let (service, channel, user_agent) = match kind {
            TransferKind::SepaBatch => FILE,
            TransferKind::StandingOrder => STANDING,
            _ => [MOBILE, WEB, BRANCH][dice.weighted(&[0.65, 0.27, 0.08])],
        };
        let currency = match kind {
            TransferKind::International => {
                ["USD", "GBP", "CHF", "JPY"][dice.weighted(&[0.5, 0.25, 0.2, 0.05])]
            }
            _ => "EUR",
        };
        let median = if kind == TransferKind::International { 900.0 } else { 120.0 };
        let amount = (dice.around(median, 1.1) * 100.0).round() / 100.0;
        Self { kind, service, channel, user_agent, amount, currency }
    }

    /// Puts what is ordered on the innermost span.
    pub(super) fn describe(&self, stage: &mut Stage<'_>) {
        stage.set(KeyValue::new("payment.kind", self.kind.name()));
        stage.set(KeyValue::new("payment.amount", self.amount));
        stage.set(KeyValue::new("payment.currency", self.currency));
    }
}

/// Plays the transfer `number` that starts at `start`.
pub(super) fn play(
    topology: &Topology,
    effects: &Effects,
    mut dice: Dice,
    number: u64,
    start: u64,
) -> Transfer {
    let order = Order::draw(&mut dice);
    let mut stage = Stage::new(topology, effects, dice, start);
    let outcome = play_traces(&mut stage, &order);
    critical::mark(&mut stage);
    let end = stage.end();
    Transfer {
        number,
        uetr: stage.uetr,
        kind: order.kind,
        channel: order.channel,
        amount: order.amount,
        currency: order.currency,
        start,
        end,
        outcome,
        trace_ids: stage.trace_ids,
        spans: stage.spans,
        hops: stage.hops,
        faults: stage.marks,
    }
}

fn play_traces(stage: &mut Stage<'_>, order: &Order) -> Outcome {
    let Requested { message, queue, played } = request::play(stage, order);
    let Some(message) = message else { return outcome(played.is_err(), false) };
    match queue {
        Queue::Rejections => reject(stage, &message),
        Queue::Internal => outcome(played.and(settlement::internal(stage, &message)).is_err(), false),
        Queue::Clearing | Queue::Returns => clear(stage, order, played.is_err(), &message),
    }
}

fn reject(stage: &mut Stage<'_>, message: &Message) -> Outcome {
    // Whether undoing succeeds or not, the order itself has failed.
    let _undone = settlement::reject(stage, message);
    Outcome::Error
}

fn clear(stage: &mut Stage<'_>, order: &Order, failed: bool, message: &Message) -> Outcome {
    let (submitted, rejected) = clearing::play(stage, order, message);
    if let Some(rejected) = rejected {
        return reject(stage, &rejected);
    }
    let mut played = submitted;
    if order.kind == TransferKind::International {
        played = played.and(clearing::acknowledge(stage));
    }
    let failed = failed || played.is_err();
    if let Some(extra) = stage.effects.missing(Service::Settlement, stage.end(), &mut stage.dice) {
        stage.blame(&extra, Service::Settlement, None);
        return outcome(failed, true);
    }
    outcome(settlement::answer(stage, order.kind).is_err() || failed, false)
}

fn outcome(failed: bool, missing: bool) -> Outcome {
    match (failed, missing) {
        (true, _) => Outcome::Error,
        (false, true) => Outcome::Incomplete,
        (false, false) => Outcome::Ok,
    }
}
