//! What goes wrong in a made-up system.

use super::dice::Dice;
use super::system::System;
use super::traffic::Sample;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An operation takes longer, by a fixed time and some.
    Latency,
    /// All work of a service, or of one instance of it, takes several times as long.
    Cpu,
    /// Part of the calls of an operation fail and return early.
    Errors,
    /// The way between two services is slow.
    Network,
    /// An operation no longer makes one of its calls.
    MissingCall,
    /// An operation returns too early: it leaves out one of its calls and all that come after.
    Return,
    /// An operation fails, before one of its calls or after all of them.
    Exception,
    /// All that an instance sends is late: what it asks and what it answers.
    Delay,
}

pub(crate) const KINDS: [Kind; 5] =
    [Kind::Latency, Kind::Cpu, Kind::Errors, Kind::Network, Kind::MissingCall];

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Latency => "added latency",
            Self::Cpu => "cpu slowdown",
            Self::Errors => "errors",
            Self::Network => "network delay",
            Self::MissingCall => "missing call",
            Self::Return => "return",
            Self::Exception => "exception",
            Self::Delay => "network_delay",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) operation: usize,
    /// Place of a call among the operation's.
    pub(super) call: usize,
    /// One instance of the service only.
    pub(super) instance: Option<usize>,
    /// Seconds, a factor, or a share.
    pub(super) amount: f64,
    pub(super) from: f64,
    pub(super) to: f64,
}

/// An operation is worth a fault where so many of a transaction's kind meet it, on average.
const MET: f64 = 0.15;
/// And its service's slow work is worth one where it makes up so much of the time.
const SHARE: f64 = 0.03;

impl Fault {
    /// One that transactions feel: at an operation that they meet. `None` where the system has none for this kind.
    pub(super) fn random(kind: Kind, system: &System, dice: &mut Dice, from: f64, to: f64) -> Option<Self> {
        let sample = Sample::of(system, dice.next());
        let is_met = |operation: &usize| sample.met[*operation] >= MET;
        let met: Vec<usize> = (0..system.operations.len()).filter(is_met).collect();
        let works = |operation: &&usize| {
            let service = system.operations[**operation].service;
            sample.own[service] / sample.own.iter().sum::<f64>() >= SHARE
        };
        let calls =
            |operation: &&usize| system.operations[**operation].calls.iter().any(|call| call.chance >= 0.5);
        let candidates: Vec<usize> = match kind {
            Kind::Cpu => met.iter().filter(works).copied().collect(),
            Kind::Network | Kind::MissingCall => met.iter().filter(calls).copied().collect(),
            Kind::Latency | Kind::Errors | Kind::Return | Kind::Exception | Kind::Delay => met.clone(),
        };
        let operation = candidates.get(dice.below(candidates.len())).copied()?;
        let often: Vec<usize> = (0..system.operations[operation].calls.len())
            .filter(|call| system.operations[operation].calls[*call].chance >= 0.5)
            .collect();
        let call = often.get(dice.below(often.len())).copied().unwrap_or(0);
        let instances = system.service_of(operation).instances;
        let one = kind == Kind::Cpu && instances > 1 && dice.chance(0.5);
        let amount = match kind {
            Kind::Latency | Kind::Network => (sample.duration * dice.between(0.3, 2.0)).max(0.005),
            Kind::Cpu => dice.between(4.0, 10.0),
            Kind::Errors => dice.between(0.2, 0.9),
            Kind::MissingCall | Kind::Return | Kind::Exception | Kind::Delay => dice.between(0.5, 1.0),
        };
        let instance = one.then(|| dice.below(instances));
        Some(Self { kind, operation, call, instance, amount, from, to })
    }

    /// Whether it is at this operation of this instance.
    pub(super) fn is_at(&self, operation: usize, instance: usize) -> bool {
        self.operation == operation && self.instance.is_none_or(|one| one == instance)
    }

    /// How much later comes what an instance of a service sends, seconds.
    pub(super) fn delay(&self, system: &System, service: usize, instance: usize) -> f64 {
        let is_here = self.kind == Kind::Delay
            && system.operations[self.operation].service == service
            && self.instance == Some(instance);
        if is_here { self.amount } else { 0.0 }
    }

    pub(super) fn is_on(&self, at: f64) -> bool {
        (self.from..self.to).contains(&at)
    }

    /// Whether blaming this service is right: of a slow way, either end.
    pub(super) fn blames(&self, system: &System, service: &str) -> bool {
        let own = &system.service_of(self.operation).name;
        let callee = system.operations[self.operation].calls.get(self.call);
        own == service
            || self.kind == Kind::Network
                && callee.is_some_and(|call| system.service_of(call.to).name == service)
    }

    pub(super) fn outline(&self, system: &System) -> String {
        let operation = &system.operations[self.operation];
        let callee = operation.calls.get(self.call).map_or("-", |call| &system.operations[call.to].name);
        format!(
            "{} {} {:.3} at {} (instance {:?}, to {callee}); clients {} status {}",
            self.kind.name(),
            system.service_of(self.operation).name,
            self.amount,
            operation.name,
            self.instance,
            system.has_clients,
            system.has_status
        )
    }
}
