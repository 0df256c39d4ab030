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
//!
//! With `fair_by`, what the bucket holds is first shared among the keys of the window, each as much as it asks for up to an equal part. What they ask for
//! is known before anything is drawn, so all of the above holds in each share. Keys that were seen before have a share each; of new ones only some, and the
//! rest one together: a flood of them takes little of anybody else's.

mod bucket;
mod ranking;

use serde::{Deserialize, Serialize};

pub(crate) use self::bucket::{Bucket, Contest};
use crate::{facts::Transaction, key::Field};

/// Contenders that cost up to this part of the bucket have equal chances; larger ones less, in proportion. So a giant does not starve the rest: it
/// comes late in the order.
const EQUAL_UP_TO: f64 = 1.0 / 8.0;

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
    /// What is shared fairly among; empty for first come, first ranked.
    pub(crate) fair_by: Vec<Field>,
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
