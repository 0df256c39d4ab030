//! What was decided of a transaction before policies are asked: by samplers on its way here, and by overload.

use serde::{Deserialize, Serialize};

use crate::{
    draw::{Salt, below, probability},
    facts::Transaction,
};

/// Salt of the draws that shed: independent of all of the policies'.
const SHED: &str = "shed\0";

/// With what probability a transaction came to be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Before {
    /// By something that is independent of our draws.
    pub(super) share: f64,
    /// By the randomness that it brought along: its draw is below this. `None` where it could be any.
    pub(super) reach: Option<u64>,
    /// Its draw is that randomness, for all salts.
    pub(super) shared: bool,
}

impl Before {
    /// `Err` where overload sheds it: of so many one is left.
    pub(super) fn of(transaction: &Transaction<'_>, shed: Option<f64>) -> Result<Self, f64> {
        let sampled = transaction.sampled_before.and_then(|threshold| threshold.below());
        let left = shed.and_then(|share| below(share).ok());
        let one_in = || 1.0 / shed.unwrap_or(1.0);
        match transaction.randomness {
            Some(randomness) => {
                if left.is_some_and(|left| randomness.draw() >= left) {
                    return Err(one_in());
                }
                let reach = match (sampled, left) {
                    (Some(sampled), Some(left)) => Some(sampled.min(left)),
                    (one, other) => one.or(other),
                };
                Ok(Self { share: 1.0, reach, shared: true })
            }
            None => {
                if left.is_some_and(|left| Salt::new(SHED).draw(transaction.facts.id) >= left) {
                    return Err(one_in());
                }
                let of = |below: Option<u64>| below.map_or(1.0, |below| probability(0, Some(below)));
                Ok(Self { share: of(sampled) * of(left), reach: None, shared: false })
            }
        }
    }
}
