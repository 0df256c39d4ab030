//! A system: who calls whom, how long it takes, and how often it is asked.

use std::collections::BTreeSet;

use super::dice::Dice;

#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) instances: usize,
}

impl Service {
    /// The name of one of its instances.
    pub(super) fn pod(&self, instance: usize) -> String {
        format!("{}-{instance}", self.name)
    }
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
    /// What a recording of single minutes keeps: 5 to 100 traces a minute, of several types, some of them rare; more services, in deep chains or wide.
    Thin,
    /// What can be looked at many times over: up to 10 a second.
    Few,
}

/// What systems of a rate are drawn from: least and most.
struct Frame {
    services: (usize, usize),
    instances: (usize, usize),
    entries: (usize, usize),
    /// Transactions a second.
    rate: (f64, f64),
    has_status: f64,
    swing: f64,
}

impl Rate {
    fn frame(&self) -> Frame {
        let usual = Frame {
            services: (4, 30),
            instances: (1, 5),
            entries: (1, 4),
            rate: (0.5, 200.0),
            has_status: 0.7,
            swing: 0.4,
        };
        match self {
            Self::Any => usual,
            Self::Slow => Frame { rate: (0.3, 3.0), swing: 0.8, ..usual },
            Self::Few => Frame { rate: (0.5, 10.0), ..usual },
            Self::Thin => Frame {
                services: (8, 45),
                instances: (1, 3),
                entries: (3, 8),
                rate: (5.0 / 60.0, 100.0 / 60.0),
                has_status: 0.5,
                swing: 0.5,
            },
        }
    }
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
    /// Spans of one transaction at most: calls beyond it are not made.
    pub(super) max_spans: usize,
}

impl System {
    pub(super) fn random(dice: &mut Dice, rate: &Rate) -> Self {
        let frame = rate.frame();
        let count = dice.count(frame.services.0, frame.services.1);
        let services: Vec<Service> = (0..count)
            .map(|number| Service {
                name: format!("s{number:02}"),
                instances: dice.count(frame.instances.0, frame.instances.1),
            })
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
        let is_thin = matches!(rate, Rate::Thin);
        let entries = dice.count(frame.entries.0, frame.entries.1).min(count - 1);
        let mut share = |at| (at, if is_thin { dice.magnitude(0.03, 1.0) } else { dice.between(0.2, 1.0) });
        let entries = (0..entries).map(&mut share).collect();
        let mut system = Self {
            services,
            operations,
            entries,
            rate: dice.magnitude(frame.rate.0, frame.rate.1),
            hosts: dice.count(2, 8),
            has_clients: dice.chance(0.7),
            has_status: dice.chance(frame.has_status),
            swing: dice.between(0.0, frame.swing),
            period: if matches!(rate, Rate::Any) { dice.between(600.0, 3_600.0) } else { 86_400.0 },
            strain: dice.between(0.0, 0.5),
            wander: dice.between(0.0, 0.12),
            outliers: dice.magnitude(0.000_1, 0.005),
            max_spans: if is_thin { 200 } else { 80 },
        };
        let is_deep = is_thin && dice.chance(0.5);
        system.connect(dice, is_deep);
        system
    }

    /// Gives operations their callees: each is called by one at least that comes before it.
    fn connect(&mut self, dice: &mut Dice, is_deep: bool) {
        let n = self.operations.len();
        let way = dice.magnitude(0.000_1, 0.002);
        for to in self.entries.len()..n {
            let service = self.operations[to].service;
            for _ in 0..if dice.chance(0.2) { 2 } else { 1 } {
                // Rather near ones, so that there are chains.
                let reach = if is_deep { 5 } else { 6 + to / 3 };
                let from = to - 1 - dice.below(to.min(reach));
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
