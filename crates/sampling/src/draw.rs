//! Draws: whether a transaction is among the given share, decided by a hash of salt and id, so that every draw can be made again.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::trace_state::Randomness;

/// 2^64: what a draw is out of.
pub(crate) const WHOLE: f64 = 18_446_744_073_709_551_616.0;

/// A salt: draws of one salt are nested (what 5 % keeps, 10 % keeps too), draws of two salts are independent.
#[derive(Clone, Debug)]
pub(crate) struct Salt {
    pub(crate) text: Box<str>,
    seed: u64,
}

impl Salt {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), seed: xxh3_64(text.as_bytes()) }
    }

    /// The draw of a transaction, uniform over all values.
    pub(crate) fn draw(&self, id: &str) -> u64 {
        xxh3_64_with_seed(id.as_bytes(), self.seed)
    }
}

/// The draws of one transaction: by its id and each salt, or, where it brought randomness with it, the same for all salts.
#[derive(Clone, Copy)]
pub(crate) struct Draws<'a> {
    pub(crate) salts: &'a [Salt],
    pub(crate) id: &'a str,
    pub(crate) randomness: Option<Randomness>,
}

impl Draws<'_> {
    pub(crate) fn of(&self, salt: usize) -> u64 {
        match self.randomness {
            Some(randomness) => randomness.draw(),
            None => self.salts.get(salt).map_or(u64::MAX, |salt| salt.draw(self.id)),
        }
    }
}

/// A share between none and all: a draw below the threshold is in it. `Err` says that it is none (`false`) or all (`true`).
pub(crate) fn threshold(percentage: f64) -> Result<u64, bool> {
    below(percentage / 100.0)
}

/// As [`threshold`], of a probability.
pub(crate) fn below(probability: f64) -> Result<u64, bool> {
    let value = probability * WHOLE;
    if value >= WHOLE {
        Err(true)
    } else if value < 1.0 {
        Err(false)
    } else {
        Ok(value as u64)
    }
}

/// The probability of a draw from `low` up to, not including, `high`; `None` is the end of the range.
pub(crate) fn probability(low: u64, high: Option<u64>) -> f64 {
    high.map_or_else(|| WHOLE - low as f64, |high| (high - low) as f64) / WHOLE
}

/// A draw as a number above 0 and below 1.
pub(crate) fn unit(draw: u64) -> f64 {
    (draw as f64 + 0.5) / WHOLE
}
