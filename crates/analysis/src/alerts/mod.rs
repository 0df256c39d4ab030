//! Alerts from outside, grouped by what they have as their cause.
//!
//! An alert maps to a service and a department by its labels (`place`). Which services call which is learnt from finished transactions
//! ([`Topology`]). A service that raises alerts while none that it calls does is a cause; the alerts of those that call it, near in time, belong to it
//! (`attribute`). What maps to nothing is grouped by its department, or by its name, and time, and stays visible. Groups keep their identity while
//! their cause moves ([`Groups`]).
//!
//! Limits: [`MAX_ACTIVE`], [`MAX_GROUPS`], [`topology::MAX_SERVICES`], [`topology::MAX_CALLS`]; what is over them is counted.

mod alert;
mod attribute;
mod groups;
mod place;
pub mod topology;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::{
    alert::{Alert, Fingerprint},
    attribute::CauseKey,
    groups::{Group, GroupState, Groups},
    topology::{CallStep, Topology},
};
use self::{attribute::Attribution, place::Place};

/// Alerts that are held at one time: five storms of 10,000.
pub const MAX_ACTIVE: usize = 50_000;

/// Groups that are held, those that recovered a while ago included.
pub const MAX_GROUPS: usize = 2_000;

/// Nanoseconds after which an alert that nobody renewed is over: Alertmanager repeats each four hours.
const EXPIRES: u64 = 5 * 3600 * SECOND;

const SECOND: u64 = 1_000_000_000;

/// An alert that fires, or did until a moment ago.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Active {
    /// What was sent.
    pub alert: Alert,
    /// The service it is about; empty where it maps to none.
    pub service: String,
    /// The department it is about; empty where it maps to none.
    pub department: String,
    /// The group it belongs to, 0 for none yet.
    pub group: u64,
    /// Log time at which it was last heard of, nanoseconds.
    pub seen: u64,
    /// Whether it is over.
    pub resolved: bool,
    /// It changed since it was last reported.
    pub changed: bool,
}

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCounts {
    /// Alerts that were left out, because as many as are held fire already.
    pub over_limit: u64,
    /// Alerts that map to no service and no department.
    pub unmapped: u64,
    /// Causes that found no group: their alerts are explained by none.
    pub over_groups: u64,
    /// Of the topology.
    pub topology: topology::TopologyOver,
}

impl AlertCounts {
    /// Each limit by its name in metrics, and how often it was hit.
    #[must_use]
    pub fn limits(&self) -> [(&'static str, u64); 6] {
        [
            ("alerts.active", self.over_limit),
            ("alerts.groups", self.over_groups),
            ("topology.services", self.topology.services),
            ("topology.calls", self.topology.calls),
            ("topology.instances", self.topology.instances),
            ("topology.types", self.topology.types),
        ]
    }
}

/// All alerts that fire, and how they belong together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Alerts {
    topology: Topology,
    active: BTreeMap<Fingerprint, Active>,
    groups: Groups,
    counts: AlertCounts,
    dirty: bool,
}

impl Alerts {
    /// Learns which services a transaction went through.
    pub fn learn<'a>(&mut self, steps: impl Iterator<Item = CallStep<'a>>, kind: &str, now: u64) {
        self.topology.learn(steps, kind, now);
    }

    /// Which services call which.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Takes an alert that fires or is over, at log time `now`.
    pub fn take(&mut self, alert: Alert, now: u64) {
        let fingerprint = alert.fingerprint();
        let resolved = alert.is_resolved(now);
        if let Some(known) = self.active.get_mut(&fingerprint) {
            known.seen = now;
            let changed = known.resolved != resolved || known.alert.starts_at != alert.starts_at;
            known.changed |= changed;
            self.dirty |= changed;
            known.resolved = resolved;
            known.alert = alert;
            return;
        }
        if resolved {
            // The end of what was never heard of, or was forgotten.
            return;
        }
        if self.active.len() >= MAX_ACTIVE {
            self.counts.over_limit += 1;
            return;
        }
        let Place { service, department } = place::place(&alert, &self.topology);
        if service.is_empty() && department.is_empty() {
            self.counts.unmapped += 1;
        }
        let active =
            Active { alert, service, department, group: 0, seen: now, resolved: false, changed: true };
        self.active.insert(fingerprint, active);
        self.dirty = true;
    }

    /// Groups anew what changed; log time is `now`. The groups that opened, changed or recovered.
    pub fn advance(&mut self, now: u64) -> Vec<Group> {
        self.expire(now);
        if std::mem::take(&mut self.dirty) {
            self.place_again();
            let attribution = Attribution::of(&self.active, &self.topology);
            self.groups.assign(&mut self.active, &attribution, now);
        }
        self.groups.advance(&mut self.active, now)
    }

    /// The alerts that changed, each once.
    pub fn take_changed(&mut self) -> Vec<(Fingerprint, Active)> {
        let mut changed = Vec::new();
        for (fingerprint, active) in &mut self.active {
            if std::mem::take(&mut active.changed) {
                changed.push((*fingerprint, active.clone()));
            }
        }
        // What is over and reported is forgotten.
        self.active.retain(|_, active| !active.resolved);
        changed
    }

    /// Tells of a group's alerts anew: what explains them has changed.
    pub fn tell_again(&mut self, number: u64) {
        for active in self.active.values_mut().filter(|active| active.group == number) {
            active.changed = true;
        }
    }

    /// A group that is open or recovered a while ago.
    #[must_use]
    pub fn group(&self, number: u64) -> Option<&Group> {
        self.groups.get(number)
    }

    /// Alerts that fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.active.values().filter(|active| !active.resolved).count()
    }

    /// What was counted since the last look.
    pub fn take_counts(&mut self) -> AlertCounts {
        let counts = std::mem::take(&mut self.counts);
        AlertCounts { over_groups: self.groups.take_over(), topology: self.topology.take_over(), ..counts }
    }

    fn expire(&mut self, now: u64) {
        for active in self.active.values_mut().filter(|active| !active.resolved) {
            let ended = active.alert.is_resolved(now) || now.saturating_sub(active.seen) > EXPIRES;
            if ended {
                active.resolved = true;
                active.changed = true;
                self.dirty = true;
            }
        }
    }

    /// A service may have been seen for the first time since its alert came.
    fn place_again(&mut self) {
        for active in self.active.values_mut().filter(|active| active.service.is_empty()) {
            let Place { service, department } = place::place(&active.alert, &self.topology);
            if !service.is_empty() || !department.is_empty() && active.department.is_empty() {
                active.changed = true;
                (active.service, active.department) = (service, department);
            }
        }
    }
}
