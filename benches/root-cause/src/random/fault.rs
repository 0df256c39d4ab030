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
    /// A service does not answer.
    Gone,
    /// All ways from and to a service are slow.
    Ways,
    /// All that runs on one host takes several times as long.
    Machine,
    /// An operation takes longer, for one channel only.
    Channel,
    /// All work of a service takes a little longer.
    Slight,
    /// Part of the calls of an operation end early, and nothing says that they failed.
    Silent,
    /// One call of an operation in twenty takes many times as long as a whole transaction.
    Rare,
}

/// Those that the made-up systems' own table is of.
pub(crate) const KINDS: [Kind; 5] =
    [Kind::Latency, Kind::Cpu, Kind::Errors, Kind::Network, Kind::MissingCall];

/// Channels that transactions come by.
pub(super) const CHANNELS: usize = 4;

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
            Self::Gone => "a service that does not answer",
            Self::Ways => "all ways of a service slow",
            Self::Machine => "a slow host",
            Self::Channel => "slow for one channel",
            Self::Slight => "a little slow",
            Self::Silent => "errors that nobody tells",
            Self::Rare => "one call in twenty slow",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) operation: usize,
    /// Place of a call among the operation's.
    pub(super) call: usize,
    /// One instance of the service only; which host, or which channel, where the kind says so.
    pub(super) instance: Option<usize>,
    /// Seconds, a factor, or a share.
    pub(super) amount: f64,
    pub(super) from: f64,
    pub(super) to: f64,
    /// It comes each day, from and to these seconds of it.
    pub(super) is_daily: bool,
}

/// An operation is worth a fault where so many of a transaction's kind meet it, on average.
const MET: f64 = 0.15;
/// And its service's slow work is worth one where it makes up so much of the time.
const SHARE: f64 = 0.03;
/// A day, seconds.
pub(super) const DAY: f64 = 86_400.0;

/// Operations that a fault of this kind can be at.
fn candidates(kind: Kind, system: &System, sample: &Sample) -> Vec<usize> {
    let met = || (0..system.operations.len()).filter(|operation| sample.met[*operation] >= MET);
    let works = |operation: &usize| {
        let service = system.operations[*operation].service;
        sample.own[service] / sample.own.iter().sum::<f64>() >= SHARE
    };
    let calls = |operation: &usize| system.operations[*operation].calls.iter().any(|call| call.chance >= 0.5);
    let spreads = |operation: &usize| system.hosts_of(*operation) > 1;
    match kind {
        Kind::Cpu | Kind::Slight => met().filter(works).collect(),
        Kind::Network | Kind::MissingCall => met().filter(calls).collect(),
        Kind::Latency
        | Kind::Errors
        | Kind::Channel
        | Kind::Rare
        | Kind::Return
        | Kind::Exception
        | Kind::Delay => met().collect(),
        Kind::Gone => met().filter(|operation| !system.is_entry(*operation)).collect(),
        Kind::Machine => met().filter(works).filter(spreads).collect(),
        Kind::Ways if system.has_clients => {
            met().filter(|operation| system.ways_of(*operation) > 1).collect()
        }
        Kind::Silent if !system.has_status => {
            met().filter(|operation| system.callers_of(*operation) > 1).collect()
        }
        Kind::Ways | Kind::Silent => Vec::new(),
    }
}

/// How bad it is: seconds, a factor, or a share.
fn amount(kind: Kind, sample: &Sample, dice: &mut Dice) -> f64 {
    match kind {
        Kind::Latency | Kind::Network | Kind::Channel | Kind::Ways => {
            (sample.duration * dice.between(0.3, 2.0)).max(0.005)
        }
        Kind::Rare => (sample.duration * dice.between(3.0, 10.0)).max(0.05),
        Kind::Cpu | Kind::Machine => dice.between(4.0, 10.0),
        Kind::Errors | Kind::Silent => dice.between(0.2, 0.9),
        Kind::Slight => dice.between(1.3, 2.0),
        Kind::MissingCall | Kind::Gone | Kind::Return | Kind::Exception | Kind::Delay => {
            dice.between(0.5, 1.0)
        }
    }
}

impl Fault {
    /// One that transactions feel: at an operation that they meet. `None` where the system has none for this kind.
    pub(super) fn random(kind: Kind, system: &System, dice: &mut Dice, from: f64, to: f64) -> Option<Self> {
        let sample = Sample::of(system, dice.next());
        let candidates = candidates(kind, system, &sample);
        let operation = candidates.get(dice.below(candidates.len())).copied()?;
        let often: Vec<usize> = (0..system.operations[operation].calls.len())
            .filter(|call| system.operations[operation].calls[*call].chance >= 0.5)
            .collect();
        let call = often.get(dice.below(often.len())).copied().unwrap_or(0);
        let instances = system.service_of(operation).instances;
        let one = kind == Kind::Cpu && instances > 1 && dice.chance(0.5);
        let amount = amount(kind, &sample, dice);
        let instance = match kind {
            Kind::Machine => {
                let service = system.operations[operation].service;
                let host = system.host_of(service, dice.below(instances));
                // One service alone says nothing of its host.
                let is_other = |other: &usize| {
                    system.operations[*other].service != service && system.runs_on(*other, host)
                };
                Some(candidates.iter().any(is_other).then_some(host)?)
            }
            Kind::Channel => Some(dice.below(CHANNELS)),
            _ => one.then(|| dice.below(instances)),
        };
        Some(Self { kind, operation, call, instance, amount, from, to, is_daily: false })
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
        (self.from..self.to).contains(&if self.is_daily { at % DAY } else { at })
    }

    /// Whether blaming this service is right: of a slow way, either end.
    pub(super) fn blames(&self, system: &System, service: &str) -> bool {
        let own = &system.service_of(self.operation).name;
        let callee = system.operations[self.operation].calls.get(self.call);
        own == service
            || self.kind == Kind::Machine
                && self.instance.is_some_and(|host| {
                    (0..system.operations.len()).any(|operation| {
                        system.service_of(operation).name == service && system.runs_on(operation, host)
                    })
                })
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
