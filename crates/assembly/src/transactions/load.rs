//! Overload: transactions that begin to close, by seconds of log time, and how much of whose is left to policies.
//!
//! What the limit allows is shared among tenants, each as much as it asked for in the second before, up to an equal part; what a tenant gets is shared among its
//! types in the same way. Who stays within its part loses nothing. What each asks for hangs on who came, never on what is drawn, so weights are right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{rules::Rules, time::SECOND};

/// Tenants that have a part of their own; more share one together.
const MAX_TENANTS: usize = 1024;

/// Tenants of one second that were not seen before and have a part of their own all the same: a flood of names that never come again makes the parts of those
/// that are known smaller by so many at most. Names that do come again are tenants, at most [`MAX_TENANTS`]: who hands out tenants bounds them.
const NEW_TENANTS: usize = 8;

/// Seconds of log time that a tenant is known for after it was last seen.
const KNOWN_FOR: u64 = 60;

/// A tenant by the hash of its name; `None` for all that have no part of their own.
type Owner = Option<u32>;

/// What began to close in this second.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counted {
    all: u64,
    /// By type, as transactions number them.
    kinds: BTreeMap<u16, u64>,
}

/// What a tenant asked for, over its part: so much a second.
#[derive(Debug, Serialize, Deserialize)]
struct Over {
    kinds: BTreeMap<u16, f64>,
    /// The part of each of its types.
    part: f64,
}

/// The second before was over the limit.
#[derive(Debug, Serialize, Deserialize)]
struct Overload {
    /// The part of each tenant.
    part: f64,
    over: BTreeMap<Owner, Over>,
}

/// The load of a partition.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Load {
    second: u64,
    counts: BTreeMap<Owner, Counted>,
    overload: Option<Overload>,
    /// Tenants with a part of their own, and the second in which each was last seen.
    known: BTreeMap<u32, u64>,
    /// Those of them that are new in this second.
    new: usize,
}

impl Load {
    /// Log time went on.
    pub(super) fn advance(&mut self, rules: &Rules, now: u64) {
        let second = now / SECOND;
        if second <= self.second {
            return;
        }
        let seconds = (second - self.second) as f64;
        let counts = std::mem::take(&mut self.counts);
        self.overload = limit(rules).and_then(|limit| Overload::of(&counts, seconds, limit));
        self.known.retain(|_, seen| *seen + KNOWN_FOR >= second);
        (self.second, self.new) = (second, 0);
    }

    /// A transaction of a tenant (the hash of its name) and type begins to close: the share of such that is left to policies, 0 for all.
    pub(super) fn begin_close(&mut self, rules: &Rules, tenant: u32, kind: u16) -> f64 {
        if limit(rules).is_none() {
            return 0.0;
        }
        let owner = self.owner(tenant);
        let counted = self.counts.entry(owner).or_default();
        counted.all += 1;
        let of_kind = counted.kinds.entry(kind).or_default();
        *of_kind += 1;
        let Some(overload) = &self.overload else { return 0.0 };
        // Where this second has more than the one before, the more counts: nobody gets more than its part for long.
        let (part, asked) = match overload.over.get(&owner) {
            Some(over) => (over.part, over.kinds.get(&kind).copied().unwrap_or(0.0).max(*of_kind as f64)),
            None => (overload.part, counted.all as f64),
        };
        if asked > part { part / asked } else { 0.0 }
    }

    fn owner(&mut self, tenant: u32) -> Owner {
        if let Some(seen) = self.known.get_mut(&tenant) {
            *seen = self.second;
        } else if self.new < NEW_TENANTS && self.known.len() < MAX_TENANTS {
            self.new += 1;
            self.known.insert(tenant, self.second);
        } else {
            return None;
        }
        Some(tenant)
    }
}

impl Overload {
    /// `None` where all of it is within the limit.
    fn of(counts: &BTreeMap<Owner, Counted>, seconds: f64, limit: f64) -> Option<Self> {
        let rate = |count: u64| count as f64 / seconds;
        let part = part(counts.values().map(|counted| rate(counted.all)), limit)?;
        let over = counts.iter().filter_map(|(owner, counted)| {
            let kinds: BTreeMap<u16, f64> =
                counted.kinds.iter().map(|(kind, count)| (*kind, rate(*count))).collect();
            let of_kind = self::part(kinds.values().copied(), part)?;
            Some((*owner, Over { kinds, part: of_kind }))
        });
        Some(Self { part, over: over.collect() })
    }
}

/// Transactions a second that this partition asks policies about; `None` for all.
fn limit(rules: &Rules) -> Option<f64> {
    let settings = &rules.settings;
    let limit = settings.sampling.max_transactions_per_second as f64 / f64::from(settings.partitions);
    (limit > 0.0).then_some(limit)
}

/// The equal part up to which each gets what it asks for, so that all together get what is available; `None` where that is enough for all.
fn part(asked: impl Iterator<Item = f64>, available: f64) -> Option<f64> {
    let mut asked: Vec<f64> = asked.collect();
    asked.sort_by(f64::total_cmp);
    let mut left = available;
    let count = asked.len();
    for (place, asked) in asked.into_iter().enumerate() {
        let part = left / (count - place) as f64;
        if asked > part {
            return Some(part);
        }
        left -= asked;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn small_ones_get_all_and_large_ones_the_same() {
        let of = |asked: &[f64], available| part(asked.iter().copied(), available);
        assert_eq!(of(&[500.0, 10.0, 30.0, 400.0], 100.0), Some(30.0));
        assert_eq!(of(&[60.0, 40.0], 100.0), None);
        assert_eq!(of(&[500.0], 100.0), Some(100.0));
        assert_eq!(of(&[], 100.0), None);
    }
}
