//! Which cause an alert belongs to: the service that it is about, or one that this calls, near in time.

use std::collections::{BTreeMap, BTreeSet};

use super::{Active, Alert, Fingerprint, SECOND, Topology, place::service_of};

/// How much later than its symptom a cause may be alerted, nanoseconds: rules wait for minutes of their own.
const LATER: u64 = 90 * SECOND;

/// How much earlier than its symptom a cause may be alerted, nanoseconds.
const EARLIER: u64 = 900 * SECOND;

/// A service explains another's alerts if it has at least one for so many of them: a single stray alert further down explains no storm.
const RATIO: u64 = 25;

/// Steps down the calls that are followed.
const MAX_DEPTH: u32 = 12;

/// Services that one alert's paths are followed to.
const MAX_REACH: usize = 500;

/// Silent services in a row that a path may go through.
const MAX_SILENT: u32 = 1;

/// What a minute between an alert and its cause counts, a step between them, and that a label names it; a tenfold of alerts counts 1.
const MINUTE_COSTS: f64 = 1.0;
/// A cause that is alerted after its symptom counts as so much further away.
const LATER_COSTS: f64 = 4.0;
const STEP_COSTS: f64 = 0.25;
const NAMED_GAINS: f64 = 3.0;

/// What several alerts have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum CauseKey {
    /// A service, which calls none that raises alerts too.
    Service(String),
    /// A department, where no service is named.
    Department(String),
    /// The name of the alert, where its labels say nothing.
    Name(String),
}

/// The cause of each alert that fires.
#[derive(Debug, Default)]
pub(super) struct Attribution {
    pub(super) of: BTreeMap<Fingerprint, CauseKey>,
}

/// What is known of the alerts of one service.
#[derive(Clone, Copy, Debug)]
struct Onset {
    first: u64,
    count: u64,
}

struct Search<'a> {
    topology: &'a Topology,
    onsets: BTreeMap<&'a str, Onset>,
    causes: BTreeSet<&'a str>,
    /// Services that raise alerts below a service, with their distance, by the types that were asked for.
    reach: BTreeMap<(&'a str, u64), BTreeMap<&'a str, u32>>,
}

impl Attribution {
    pub(super) fn of(active: &BTreeMap<Fingerprint, Active>, topology: &Topology) -> Self {
        let firing = || active.iter().filter(|(_, active)| !active.resolved);
        let mut search = Search::new(firing().map(|(_, active)| active), topology);
        let of = firing().map(|(fingerprint, active)| (*fingerprint, search.cause(active))).collect();
        Self { of }
    }
}

impl<'a> Search<'a> {
    fn new(firing: impl Iterator<Item = &'a Active>, topology: &'a Topology) -> Self {
        let mut onsets: BTreeMap<&str, Onset> = BTreeMap::new();
        for active in firing {
            let Some(service) = topology.service(&active.service) else { continue };
            let onset = onsets.entry(service).or_insert(Onset { first: u64::MAX, count: 0 });
            onset.first = onset.first.min(active.alert.starts_at);
            onset.count += 1;
        }
        let mut search = Self { topology, onsets, causes: BTreeSet::new(), reach: BTreeMap::new() };
        search.find_causes();
        search
    }

    /// The deepest first: who reaches a cause that explains it is none.
    fn find_causes(&mut self) {
        let services: Vec<&str> = self.onsets.keys().copied().collect();
        let mut order: Vec<(usize, u64, &str)> = Vec::with_capacity(services.len());
        for service in services {
            let below = self.below(service, u64::MAX).len();
            order.push((below, self.onsets[service].first, service));
        }
        order.sort_unstable();
        for (_, first, service) in order {
            let count = self.onsets[service].count;
            let below = self.below(service, u64::MAX).clone();
            let explains = |other: &&str| {
                let cause = self.onsets[other];
                self.causes.contains(other) && is_near(cause.first, first) && cause.count * RATIO >= count
            };
            if !below.keys().any(explains) {
                self.causes.insert(service);
            }
        }
    }

    /// Services below this one that raise alerts, and how far below.
    fn below(&mut self, service: &'a str, types: u64) -> &BTreeMap<&'a str, u32> {
        if !self.reach.contains_key(&(service, types)) {
            let found = self.walk(service, types);
            self.reach.insert((service, types), found);
        }
        &self.reach[&(service, types)]
    }

    fn walk(&self, service: &'a str, types: u64) -> BTreeMap<&'a str, u32> {
        let mut found = BTreeMap::new();
        let mut level: BTreeMap<&str, u32> = BTreeMap::from([(service, 0)]);
        let mut passed: BTreeMap<&str, u32> = level.clone();
        for depth in 1..=MAX_DEPTH {
            let mut next: BTreeMap<&str, u32> = BTreeMap::new();
            for (&from, &silent) in &level {
                for callee in self.topology.callees(from, types) {
                    let is_alerting = self.onsets.contains_key(callee);
                    let silent = if is_alerting { 0 } else { silent + 1 };
                    if silent > MAX_SILENT || passed.get(callee).is_some_and(|known| *known <= silent) {
                        continue;
                    }
                    passed.insert(callee, silent);
                    next.insert(callee, silent);
                    if is_alerting && callee != service {
                        found.entry(callee).or_insert(depth);
                    }
                }
            }
            if next.is_empty() || found.len() >= MAX_REACH {
                break;
            }
            level = next;
        }
        found
    }

    fn cause(&mut self, active: &'a Active) -> CauseKey {
        let Some(service) = self.topology.service(&active.service) else { return self.placeless(active) };
        let start = active.alert.starts_at;
        let types = self.types_of(&active.alert);
        let named = self.named(&active.alert, service);
        let mut below: Vec<(&str, u32)> =
            self.below(service, types).iter().map(|(name, distance)| (*name, *distance)).collect();
        below.push((service, 0));
        let mut best: Option<(f64, &str)> = None;
        for (candidate, distance) in below {
            if !self.causes.contains(candidate) {
                continue;
            }
            let onset = self.onsets[candidate];
            if distance > 0 && !is_near(onset.first, start) {
                continue;
            }
            let minutes = onset.first.abs_diff(start) as f64 / (60 * SECOND) as f64;
            let minutes = if onset.first > start { minutes * LATER_COSTS } else { minutes };
            let by_name = named.is_some_and(|named| {
                named == candidate
                    || self.reach.get(&(named, u64::MAX)).is_some_and(|of| of.contains_key(candidate))
            });
            let score = (1.0 + onset.count as f64).log10()
                - minutes * MINUTE_COSTS
                - f64::from(distance) * STEP_COSTS
                + if by_name { NAMED_GAINS } else { 0.0 };
            if best.is_none_or(|(known, _)| score > known) {
                best = Some((score, candidate));
            }
        }
        CauseKey::Service(best.map_or(service, |(_, cause)| cause).to_owned())
    }

    /// Without a service: by its department, where one cause of that department is near; else by its department or its name.
    fn placeless(&self, active: &Active) -> CauseKey {
        if active.department.is_empty() {
            return CauseKey::Name(active.alert.name().to_owned());
        }
        let near = self.causes.iter().filter(|cause| {
            self.topology.department(cause) == Some(active.department.as_str())
                && is_near(self.onsets[*cause].first, active.alert.starts_at)
        });
        match near.max_by_key(|cause| self.onsets[*cause].count) {
            Some(cause) => CauseKey::Service((*cause).to_owned()),
            None => CauseKey::Department(active.department.clone()),
        }
    }

    /// The type of transaction that a label names, as bits; all where none does.
    fn types_of(&self, alert: &Alert) -> u64 {
        let bits = alert.labels.values().filter_map(|value| self.topology.bit_of(value));
        bits.reduce(|all, bit| all | bit).unwrap_or(u64::MAX)
    }

    /// Another service that a label names: whom this one calls, where the alert says so.
    fn named(&mut self, alert: &'a Alert, own: &str) -> Option<&'a str> {
        let values = alert.labels.values().map(String::as_str);
        let topology = self.topology;
        let named = values.filter_map(|value| service_of(value, topology)).find(|service| *service != own)?;
        self.below(named, u64::MAX);
        Some(named)
    }
}

/// Whether what began at `cause` can be why something began at `symptom`.
fn is_near(cause: u64, symptom: u64) -> bool {
    cause <= symptom + LATER && symptom <= cause.saturating_add(EARLIER)
}
