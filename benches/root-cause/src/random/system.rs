//! A system: who calls whom, how long it takes, and how often it is asked.

use std::collections::BTreeSet;

use super::dice::Dice;

#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) instances: usize,
}

/// A call to another operation.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) to: usize,
    /// How often it is made.
    pub(super) chance: f64,
    /// Time on the way, there and back, seconds.
    pub(super) way: f64,
}

#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) service: usize,
    pub(super) name: String,
    /// Median of its own time, seconds, and the deviation of its logarithm.
    pub(super) own: f64,
    pub(super) spread: f64,
    pub(super) database: Option<f64>,
    pub(super) calls: Vec<Call>,
    /// Its calls run side by side.
    pub(super) is_parallel: bool,
    /// Share of its calls that fail in health.
    pub(super) fails: f64,
    /// It does not mind where a callee fails.
    pub(super) is_tolerant: bool,
}

/// Which rates a system may have.
pub(super) enum Rate {
    /// From one transaction in two seconds to 200 a second.
    Any,
    /// What can be played for hours.
    Slow,
    /// What can be looked at many times over: up to 10 a second.
    Few,
}

#[derive(Clone, Debug)]
pub(super) struct System {
    pub(super) services: Vec<Service>,
    /// Each calls only later ones.
    pub(super) operations: Vec<Operation>,
    /// Operations that transactions begin with, and their share.
    pub(super) entries: Vec<(usize, f64)>,
    /// Transactions a second, on average.
    pub(super) rate: f64,
    pub(super) hosts: usize,
    pub(super) has_clients: bool,
    pub(super) has_status: bool,
    /// How far the load swings, and in how many seconds it comes round.
    pub(super) swing: f64,
    pub(super) period: f64,
    /// How much times follow the load.
    pub(super) strain: f64,
    /// Deviation of the slow wander of a service's times (of the logarithm).
    pub(super) wander: f64,
    /// Share of times that are outliers, by a factor of 3 to 30.
    pub(super) outliers: f64,
}

impl System {
    pub(super) fn random(dice: &mut Dice, rate: &Rate) -> Self {
        let count = dice.count(4, 30);
        let services: Vec<Service> = (0..count)
            .map(|number| Service { name: format!("s{number:02}"), instances: dice.count(1, 5) })
            .collect();
        let spread = dice.between(0.15, 0.6);
        let mut operations: Vec<Operation> = Vec::new();
        for service in 0..count {
            for number in 0..dice.count(1, 3) {
                operations.push(Operation {
                    service,
                    name: format!("op{service:02}-{number}"),
                    own: dice.magnitude(0.000_5, 0.030),
                    spread: spread * dice.between(0.7, 1.4),
                    database: dice.chance(0.35).then(|| dice.magnitude(0.001, 0.020)),
                    calls: Vec::new(),
                    is_parallel: dice.chance(0.2),
                    fails: if dice.chance(0.2) { dice.magnitude(0.000_5, 0.01) } else { 0.0 },
                    is_tolerant: dice.chance(0.3),
                });
            }
        }
        let entries = (0..dice.count(1, 4).min(count - 1)).map(|at| (at, dice.between(0.2, 1.0))).collect();
        let is_slow = matches!(rate, Rate::Slow);
        let mut system = Self {
            services,
            operations,
            entries,
            rate: match rate {
                Rate::Any => dice.magnitude(0.5, 200.0),
                Rate::Slow => dice.magnitude(0.3, 3.0),
                Rate::Few => dice.magnitude(0.5, 10.0),
            },
            hosts: dice.count(2, 8),
            has_clients: dice.chance(0.7),
            has_status: dice.chance(0.7),
            swing: dice.between(0.0, if is_slow { 0.8 } else { 0.4 }),
            period: if is_slow { 86_400.0 } else { dice.between(600.0, 3_600.0) },
            strain: dice.between(0.0, 0.5),
            wander: dice.between(0.0, 0.12),
            outliers: dice.magnitude(0.000_1, 0.005),
        };
        system.connect(dice);
        system
    }

    /// Gives operations their callees: each is called by one at least that comes before it.
    fn connect(&mut self, dice: &mut Dice) {
        let n = self.operations.len();
        let way = dice.magnitude(0.000_1, 0.002);
        for to in self.entries.len()..n {
            let service = self.operations[to].service;
            for _ in 0..if dice.chance(0.2) { 2 } else { 1 } {
                // Rather near ones, so that there are chains.
                let from = to - 1 - dice.below(to.min(6 + to / 3));
                let caller = &mut self.operations[from];
                if caller.service == service
                    || caller.calls.len() >= 5
                    || caller.calls.iter().any(|call| call.to == to)
                {
                    continue;
                }
                let chance = if dice.chance(0.7) { 1.0 } else { dice.between(0.1, 0.9) };
                caller.calls.push(Call { to, chance, way: way * dice.between(0.5, 2.0) });
            }
        }
    }

    pub(super) fn service_of(&self, operation: usize) -> &Service {
        &self.services[self.operations[operation].service]
    }

    /// Whether transactions begin in the service of an operation.
    pub(super) fn is_entry(&self, operation: usize) -> bool {
        let service = self.operations[operation].service;
        self.entries.iter().any(|entry| self.operations[entry.0].service == service)
    }

    /// To and from how many services there are ways of the service of an operation that are mostly taken.
    pub(super) fn ways_of(&self, operation: usize) -> usize {
        let own = self.operations[operation].service;
        let service_of = |operation: usize| self.operations[operation].service;
        let pairs = self.operations.iter().flat_map(|from| {
            let often = from.calls.iter().filter(|call| call.chance >= 0.5);
            often.map(move |call| (from.service, service_of(call.to)))
        });
        let ways: BTreeSet<_> = pairs.filter(|pair| pair.0 == own || pair.1 == own).collect();
        ways.len()
    }

    /// How many operations call it.
    pub(super) fn callers_of(&self, operation: usize) -> usize {
        let calls = |from: &&Operation| from.calls.iter().any(|call| call.to == operation);
        self.operations.iter().filter(calls).count()
    }

    /// Where an instance of a service runs.
    pub(super) fn host_of(&self, service: usize, instance: usize) -> usize {
        (service * 7 + instance * 3) % self.hosts
    }

    /// Whether the service of an operation runs on a host.
    pub(super) fn runs_on(&self, operation: usize, host: usize) -> bool {
        let service = self.operations[operation].service;
        (0..self.services[service].instances).any(|instance| self.host_of(service, instance) == host)
    }

    /// On how many hosts it runs.
    pub(super) fn hosts_of(&self, operation: usize) -> usize {
        (0..self.hosts).filter(|host| self.runs_on(operation, *host)).count()
    }

    /// Load at so many seconds, 1 being the average.
    pub(super) fn load(&self, at: f64) -> f64 {
        1.0 + self.swing * (std::f64::consts::TAU * at / self.period).sin()
    }
}
