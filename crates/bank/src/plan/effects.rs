//! What faults do, and when.

use std::time::Duration;

use super::dice::Dice;
use super::topology::{Department, Service};
use crate::fault::{Fault, FaultKind, Target};

/// Extra time of a fault, in milliseconds: evenly between the two. Large against what is normal at its place, so that it can be found.
mod extra {
    pub(super) const LOCK: (f64, f64) = (900.0, 2_400.0);
    pub(super) const NETWORK: (f64, f64) = (120.0, 320.0);
    pub(super) const BACKLOG: (f64, f64) = (6_000.0, 14_000.0);
    pub(super) const PARTNER: (f64, f64) = (2_500.0, 6_000.0);
    pub(super) const VERSION: (f64, f64) = (400.0, 900.0);
    pub(super) const SCAN: (f64, f64) = (900.0, 2_200.0);
    pub(super) const POD: (f64, f64) = (600.0, 1_500.0);
}

/// How many calls fail under `errors`.
const ERRORS: f64 = 0.5;
/// How many calls fail under `bad-version`.
const VERSION_ERRORS: f64 = 0.15;
/// How many confirmations never come under `missing-step`.
const MISSING: f64 = 0.5;
/// The pod that `bad-pod` makes slow.
pub(super) const BAD_POD: usize = 0;

/// A fault's extra time, and which fault it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra {
    pub(super) fault: usize,
    pub(super) kind: FaultKind,
    pub(super) nanos: u64,
}

/// Faults with absolute times.
#[derive(Clone, Debug)]
pub(super) struct Effects {
    faults: Vec<(Fault, u64, u64)>,
}

impl Effects {
    pub(super) fn new(faults: &[Fault], start: u64) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let window = |fault: &Fault| {
            let from = start.saturating_add(nanos(fault.after));
            (*fault, from, from.saturating_add(nanos(fault.lasts)))
        };
        Self { faults: faults.iter().map(window).collect() }
    }

    /// Rollouts of bad versions: number of the fault and the service.
    pub(super) fn rollouts(&self) -> Vec<(usize, Service)> {
        let services =
            self.faults.iter().enumerate().filter_map(|(number, (fault, ..))| match fault.target {
                Target::Service(service) if fault.kind == FaultKind::BadVersion => Some((number, service)),
                _ => None,
            });
        services.collect()
    }

    fn active(&self, kind: FaultKind, service: Service, now: u64) -> Option<usize> {
        self.faults.iter().position(|(fault, from, to)| {
            fault.kind == kind && fault.target == Target::Service(service) && (*from..*to).contains(&now)
        })
    }

    fn extra(
        &self,
        kind: FaultKind,
        service: Service,
        now: u64,
        range: (f64, f64),
        dice: &mut Dice,
    ) -> Option<Extra> {
        let fault = self.active(kind, service, now)?;
        Some(Extra { fault, kind, nanos: dice.between(range.0, range.1) })
    }

    /// The fault that rolls out a version of this service now.
    pub(super) fn rollout(&self, service: Service, now: u64) -> Option<usize> {
        self.active(FaultKind::BadVersion, service, now)
    }

    /// A write of this service waits for a lock.
    pub(super) fn lock(&self, service: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        self.extra(FaultKind::DatabaseLock, service, now, extra::LOCK, dice)
    }

    /// A message waits before its consumer.
    pub(super) fn backlog(&self, consumer: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        self.extra(FaultKind::QueueBacklog, consumer, now, extra::BACKLOG, dice)
    }

    /// The partner that this service calls answers late.
    pub(super) fn partner(&self, caller: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        self.extra(FaultKind::SlowPartner, caller, now, extra::PARTNER, dice)
    }

    /// The scan takes longer.
    pub(super) fn scan(&self, service: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        self.extra(FaultKind::SecurityScanSlow, service, now, extra::SCAN, dice)
    }

    /// This pod is slow.
    pub(super) fn pod(&self, service: Service, ordinal: usize, now: u64, dice: &mut Dice) -> Option<Extra> {
        if ordinal != BAD_POD {
            return None;
        }
        self.extra(FaultKind::BadPod, service, now, extra::POD, dice)
    }

    /// This pod runs the version that the fault `rolled_out_by` brought. Also says whether the call fails.
    pub(super) fn version(&self, rolled_out_by: Option<usize>, dice: &mut Dice) -> Option<(Extra, bool)> {
        let fault = rolled_out_by?;
        let nanos = dice.between(extra::VERSION.0, extra::VERSION.1);
        Some((Extra { fault, kind: FaultKind::BadVersion, nanos }, dice.chance(VERSION_ERRORS)))
    }

    /// A call to this service fails.
    pub(super) fn error(&self, service: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        let fault = self.active(FaultKind::Errors, service, now)?;
        dice.chance(ERRORS).then_some(Extra { fault, kind: FaultKind::Errors, nanos: 0 })
    }

    /// The confirmation that is due now never comes.
    pub(super) fn missing(&self, service: Service, now: u64, dice: &mut Dice) -> Option<Extra> {
        let fault = self.active(FaultKind::MissingStep, service, now)?;
        dice.chance(MISSING).then_some(Extra { fault, kind: FaultKind::MissingStep, nanos: 0 })
    }

    /// One way over the wire between two departments takes longer.
    pub(super) fn wire(&self, a: Department, b: Department, now: u64, dice: &mut Dice) -> Option<Extra> {
        let fault = self.faults.iter().position(|(fault, from, to)| {
            let between = fault.target == Target::Between(a, b) || fault.target == Target::Between(b, a);
            between && (*from..*to).contains(&now)
        })?;
        let nanos = dice.between(extra::NETWORK.0, extra::NETWORK.1);
        Some(Extra { fault, kind: FaultKind::NetworkDelay, nanos })
    }
}
