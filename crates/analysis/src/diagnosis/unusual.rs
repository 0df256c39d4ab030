//! A transaction in which something was out of the normal.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::facets::Facet;
use super::input::Finished;
use super::observe::HopNames;

/// Where something may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Clue {
    /// A time, by number of its series.
    Time(u32),
    /// A category of a mix, by number of the mix and hash.
    Category(u32, u64),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Unusual {
    pub(crate) group: u32,
    pub(crate) id: String,
    pub(crate) end: u64,
    /// How many it stands for.
    pub(crate) weight: u32,
    /// When it was told of.
    pub(crate) seen: u64,
    pub(crate) amount: f64,
    /// Hash of the customer, 0 where unknown.
    pub(crate) customer: u64,
    /// What is out of the normal, and by how many nanoseconds.
    pub(crate) clues: Vec<(Clue, f64)>,
    /// What it may share with others: its attributes, and the resources that it met.
    pub(crate) facets: Vec<Facet>,
    pub(crate) resources: Vec<HopNames>,
}

/// Clues remembered of one transaction.
const MAX_CLUES: usize = 32;

impl Unusual {
    pub(crate) fn of(finished: &Finished<'_>, group: u32, now: u64, weight: u32) -> Self {
        let customer = finished.customer;
        Self {
            group,
            id: finished.id.to_owned(),
            end: finished.end,
            weight,
            seen: now,
            amount: finished.amount.unwrap_or(0.0),
            customer: if customer.is_empty() { 0 } else { xxh3_64(customer.as_bytes()) },
            clues: Vec::new(),
            facets: Vec::new(),
            resources: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, clue: Clue, excess_ns: f64) {
        if self.clues.len() < MAX_CLUES {
            self.clues.push((clue, excess_ns));
        }
    }
}
