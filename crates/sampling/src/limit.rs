//! Limits of rate, bytes and throughput: who passes is known at the end of a window, and with what probability.
//!
//! Each contender of a window has a draw `u`, uniform over 0 to 1, and a rank: `u` times a stretch that is 1 for all but large ones. In the order of their
//! ranks they take what the bucket holds, until one does not fit; there it ends. With the others given, a contender passes exactly where `u` is below the
//! rank of the first that would not fit after it, divided by its own stretch. So that is its probability of passing, and one over it an unbiased weight
//! (adaptive threshold sampling: replacing the rank of one that passes by 0 changes nothing for anyone).
//!
//! Where not even the first in order fits, because the bucket is still filling, it passes with the share of its cost that the bucket holds, and the bucket
//! is empty afterwards. So everything always has some probability of passing; without, no weight could make up for it. One that is larger than the bucket
//! costs a whole bucket: it passes alone.

use serde::{Deserialize, Serialize};

use crate::{draw::unit, facts::Transaction};

/// Contenders that cost up to this part of the bucket have equal chances; larger ones less, in proportion. So a giant does not starve the rest: it
/// comes late in the order.
const EQUAL_UP_TO: f64 = 1.0 / 8.0;

/// A window counts as no shorter than this, seconds.
const SHORTEST: f64 = 1e-3;

/// Nanoseconds of a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// What is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Spans,
    Bytes,
    Transactions,
}

/// A limit.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    /// Its policy; its state is found by it after the rules changed.
    pub(crate) name: Box<str>,
    /// Told in reasons.
    pub(crate) about: Box<str>,
    pub(crate) salt: usize,
    pub(crate) unit: Unit,
    /// A second.
    pub(crate) rate: f64,
    /// What the bucket holds at most.
    pub(crate) burst: f64,
}

impl Limit {
    pub(crate) fn cost(&self, size: &Size) -> f64 {
        let size = match self.unit {
            Unit::Spans => size.spans as f64,
            Unit::Bytes => size.bytes as f64,
            Unit::Transactions => 1.0,
        };
        size.min(self.burst)
    }

    fn stretch(&self, cost: f64) -> f64 {
        (cost / (self.burst * EQUAL_UP_TO)).max(1.0)
    }
}

/// What a transaction takes of limits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    spans: u64,
    bytes: u64,
}

impl Size {
    pub(crate) fn of(transaction: &Transaction<'_>) -> Self {
        Self { spans: transaction.facts.spans, bytes: transaction.bytes }
    }
}

/// The bucket of a limit, and who contends for it in this window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: Box<str>,
    tokens: f64,
    /// When it was filled last.
    filled: Option<u64>,
    contenders: Vec<Contender>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Contender {
    cost: f64,
    draw: u64,
}

impl Bucket {
    pub(crate) fn new(limit: &Limit) -> Self {
        Self { name: limit.name.clone(), tokens: limit.burst, filled: None, contenders: Vec::new() }
    }

    /// Adds a contender; says which it is.
    pub(crate) fn contend(&mut self, cost: f64, draw: u64, now: u64) -> u32 {
        self.filled.get_or_insert(now);
        self.contenders.push(Contender { cost, draw });
        (self.contenders.len() - 1) as u32
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.contenders.is_empty()
    }

    /// Ends the window: ranks its contenders and takes from the bucket what those that pass cost.
    pub(crate) fn settle(&mut self, limit: &Limit, now: u64) -> Ranking {
        let since = now.saturating_sub(self.filled.unwrap_or(now));
        // A window that is ended early, for it is full, still lets something pass: without a probability there is no weight.
        let seconds = (since as f64 / SECOND as f64).max(SHORTEST);
        self.tokens = (self.tokens + limit.rate * seconds).min(limit.burst);
        self.filled = Some(now);
        let ranking = Ranking::new(limit, &std::mem::take(&mut self.contenders), self.tokens);
        self.tokens -= ranking.spent();
        ranking
    }
}

/// The contenders of a window in order.
#[derive(Debug)]
pub(crate) struct Ranking {
    /// Rank and cost, in the order of ranks.
    sorted: Vec<(f64, f64)>,
    /// Cost of each and all before it.
    sums: Vec<f64>,
    /// Place in the order of each contender.
    places: Vec<u32>,
    available: f64,
}

impl Ranking {
    fn new(limit: &Limit, contenders: &[Contender], available: f64) -> Self {
        let rank = |contender: &Contender| unit(contender.draw) * limit.stretch(contender.cost);
        let mut order: Vec<(f64, u32, f64)> =
            (0u32..).zip(contenders).map(|(number, c)| (rank(c), number, c.cost)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut places = vec![0; order.len()];
        for (place, (_, number, _)) in (0u32..).zip(&order) {
            places[*number as usize] = place;
        }
        let mut sum = 0.0;
        let sums = order.iter().map(|(_, _, cost)| {
            sum += cost;
            sum
        });
        let sums = sums.collect();
        Self {
            sums,
            sorted: order.into_iter().map(|(rank, _, cost)| (rank, cost)).collect(),
            places,
            available,
        }
    }

    fn spent(&self) -> f64 {
        match self.sorted.first() {
            // It takes what there is, by chance all or nothing.
            Some((_, cost)) if *cost > self.available => self.available,
            _ => {
                let passed = self.sums.partition_point(|sum| *sum <= self.available);
                if passed == 0 { 0.0 } else { self.sums[passed - 1] }
            }
        }
    }

    /// The probability of passing, with all others given: of a contender by its number, or of one that did not contend.
    pub(crate) fn probability(&self, limit: &Limit, cost: f64, number: Option<u32>) -> f64 {
        let place = number.and_then(|number| self.places.get(number as usize)).map(|place| *place as usize);
        let stretch = limit.stretch(cost);
        let share = |rank: Option<&(f64, f64)>| rank.map_or(1.0, |(rank, _)| (rank / stretch).min(1.0));
        if cost > self.available {
            let first_other = if place == Some(0) { self.sorted.get(1) } else { self.sorted.first() };
            return share(first_other) * (self.available / cost);
        }
        // Were it the first in order: which is then the first that does not fit?
        let before = place.unwrap_or(self.sorted.len());
        let stop = self.sums[..before].partition_point(|sum| *sum + cost <= self.available);
        if stop < before {
            return share(self.sorted.get(stop));
        }
        let after = before + usize::from(place.is_some());
        let rest = self.sums.get(after..).unwrap_or_default();
        let stop = after + rest.partition_point(|sum| *sum <= self.available);
        share(self.sorted.get(stop))
    }
}
