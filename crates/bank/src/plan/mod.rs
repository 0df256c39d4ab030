//! The bank's transfers, computed before anything is sent: a pure function of seed, settings and start.
//!
//! Two plans with equal [`PlanOptions`] are equal to the byte, and those with another start differ by that alone as long as no fault's window lies
//! elsewhere. One transfer does not depend on how many were drawn before it.

mod arrivals;
mod calls;
mod clearing;
mod critical;
mod dice;
mod effects;
mod model;
mod otlp;
mod request;
mod script;
mod settlement;
pub mod topology;
mod transfer;

pub use model::{FaultMark, Hop, HopKind, Outcome, Span, SpanEvent, SpanLink, Transfer, TransferKind};
pub use otlp::{SCOPE, encoded_request, span_data, to_otlp};
pub(crate) use otlp::{context, event, link, resource, scope, status, time};
pub use settlement::TERMINAL;

use self::arrivals::Arrivals;
use self::dice::Dice;
use self::effects::Effects;
use self::topology::Topology;
use crate::fault::Fault;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct PlanOptions {
    /// Same seed, same transfers.
    pub seed: u64,
    /// Average over the day; more at noon, less at night.
    pub transfers_per_second: f64,
    /// How many times faster than life the day goes by; 0 holds the load at its average.
    pub speed: f64,
    /// Pods of each service, at least 1.
    pub pods: usize,
    /// What goes wrong, after `start_unix_nano`.
    pub faults: Vec<Fault>,
    /// When the plan begins, nanoseconds since 1970.
    pub start_unix_nano: u64,
}

impl Default for PlanOptions {
    /// 10 transfers a second, three pods a service, from 2026-01-01 on.
    fn default() -> Self {
        Self {
            seed: 1,
            transfers_per_second: 10.0,
            speed: 1.0,
            pods: 3,
            faults: Vec::new(),
            start_unix_nano: 1_767_225_600_000_000_000,
        }
    }
}

/// All transfers in the order of their start, without end.
#[derive(Clone, Debug)]
pub struct Plan {
    seed: u64,
    topology: Topology,
    effects: Effects,
    arrivals: Arrivals,
    number: u64,
}

/// Streams of chance: one for the pods, one for arrivals, then one for each transfer.
const STREAM_PODS: u64 = 0;
const STREAM_ARRIVALS: u64 = 1;
const STREAM_TRANSFERS: u64 = 1_000;

impl Plan {
    /// A plan from its beginning.
    #[must_use]
    pub fn new(options: &PlanOptions) -> Self {
        let effects = Effects::new(&options.faults, options.start_unix_nano);
        let mut dice = Dice::new(options.seed, STREAM_PODS);
        let topology = Topology::new(options.pods.max(1), &effects.rollouts(), &mut dice);
        let arrivals = Arrivals::new(options, Dice::new(options.seed, STREAM_ARRIVALS));
        Self { seed: options.seed, topology, effects, arrivals, number: 0 }
    }

    /// The pods that the plan's spans come from.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// When the next transfer starts, nanoseconds since 1970.
    #[must_use]
    pub fn next_start(&self) -> u64 {
        self.arrivals.next()
    }
}

impl Plan {
    /// The next transfer. There always is one.
    pub fn next_transfer(&mut self) -> Transfer {
        let start = self.arrivals.advance();
        let dice = Dice::new(self.seed, STREAM_TRANSFERS + self.number);
        let transfer = transfer::play(&self.topology, &self.effects, dice, self.number, start);
        self.number += 1;
        transfer
    }
}

impl Iterator for Plan {
    type Item = Transfer;

    fn next(&mut self) -> Option<Transfer> {
        Some(self.next_transfer())
    }
}

/// The first `count` transfers of a plan.
#[must_use]
pub fn generate(options: &PlanOptions, count: usize) -> Vec<Transfer> {
    Plan::new(options).take(count).collect()
}
