//! Decisions that wait to be told to the analysis. Over a limit, the type of which most wait is thinned: one that is rare is looked at whole.

use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use throughline_assembly::records::{Closed, Transaction};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Types of tenants that are told apart; more are thinned together.
const MAX_KINDS: usize = 256;

/// One in so many is always looked at.
const MOST_LEFT_OUT: u32 = 1 << 20;

#[derive(Default)]
pub(super) struct Waiting {
    /// By a hash of tenant and type.
    kinds: HashMap<u64, OfKind, FixedState>,
    count: usize,
}

/// Those of one type of one tenant.
struct OfKind {
    /// One in so many is looked at: a power of two.
    each: u32,
    waiting: Vec<(u64, Arc<Closed>)>,
}

/// One that is looked at.
pub(super) struct Chosen {
    pub(super) position: u64,
    /// For how many of its kind it stands.
    pub(super) weight: u32,
    pub(super) closed: Arc<Closed>,
}

impl Waiting {
    /// Takes a decision at its position.
    pub(super) fn add(&mut self, position: u64, row: &Transaction, closed: &Arc<Closed>) {
        let kind = xxh3_64_with_seed(row.r#type.as_bytes(), xxh3_64_with_seed(row.tenant.as_bytes(), 0));
        let is_full = self.kinds.len() >= MAX_KINDS && !self.kinds.contains_key(&kind);
        let kind = if is_full { 0 } else { kind };
        let of_kind = self.kinds.entry(kind).or_insert_with(|| OfKind { each: 1, waiting: Vec::new() });
        if is_looked_at(closed, of_kind.each) {
            of_kind.waiting.push((position, Arc::clone(closed)));
            self.count += 1;
        }
    }

    /// Leaves every other one of the most frequent type out, by its name, until so many are left: the same ones however often it is done.
    pub(super) fn thin(&mut self, most: usize) {
        while self.count > most {
            let can_be = self.kinds.iter_mut().filter(|(_, kind)| kind.each < MOST_LEFT_OUT);
            let Some((_, kind)) = can_be.max_by_key(|(name, kind)| (kind.waiting.len(), **name)) else {
                return;
            };
            kind.each *= 2;
            let before = kind.waiting.len();
            kind.waiting.retain(|(_, closed)| is_looked_at(closed, kind.each));
            self.count -= before - kind.waiting.len();
        }
    }

    /// All that wait, in the order of their positions.
    pub(super) fn take(&mut self) -> Vec<Chosen> {
        self.count = 0;
        let kinds = self.kinds.drain().map(|(_, kind)| kind);
        let of_kind = |kind: OfKind| {
            let weight = kind.each;
            kind.waiting.into_iter().map(move |(position, closed)| Chosen { position, weight, closed })
        };
        let mut all: Vec<Chosen> = kinds.flat_map(of_kind).collect();
        all.sort_unstable_by_key(|chosen| chosen.position);
        all
    }
}

/// By the upper half of the name: the lowest bits of the lower one are its place, the same for all of a kind.
fn is_looked_at(closed: &Closed, each: u32) -> bool {
    closed.name_high.is_multiple_of(u64::from(each))
}

#[cfg(test)]
mod tests {
    use throughline_assembly::names::NameHash;

    use super::*;

    /// The decision of one transaction.
    fn decided(number: u32, r#type: &str) -> Arc<Closed> {
        let (name_high, name_low) = NameHash::of_trace("", &u128::from(number).to_be_bytes()).halves();
        let row = Some(Transaction { r#type: r#type.to_owned(), ..Transaction::default() });
        Arc::new(Closed { row, name_high, name_low, ..Closed::default() })
    }

    fn all(types: impl Iterator<Item = (u32, String)>) -> Waiting {
        let mut waiting = Waiting::default();
        for (number, r#type) in types {
            let closed = decided(number, &r#type);
            let row = closed.row.as_ref().expect("a row");
            waiting.add(number.into(), row, &closed);
        }
        waiting
    }

    #[test]
    fn of_a_frequent_type_one_in_some_is_looked_at_and_all_of_a_rare_one() {
        let of = |number: u32| if number.is_multiple_of(40) { "rare" } else { "frequent" };
        let mut waiting = all((0..4000).map(|number| (number, of(number).to_owned())));
        waiting.thin(1200);
        let chosen = waiting.take();
        assert!(chosen.is_sorted_by_key(|chosen| chosen.position));
        let of_type = |name: &'static str| {
            let each = chosen.iter().filter(move |chosen| of(chosen.position as u32) == name);
            let (count, weight) = each.fold((0, 0), |sum, chosen| (sum.0 + 1, sum.1 + chosen.weight));
            (count, weight)
        };
        assert_eq!(of_type("rare"), (100, 100), "all of them, each for itself");
        let (count, weight) = of_type("frequent");
        assert!((800..1100).contains(&count), "{count} of 3900");
        assert!((3400..4400).contains(&weight), "they stand for {weight} of 3900");
        assert!(waiting.take().is_empty());
    }

    #[test]
    fn whatever_comes_so_many_wait() {
        let mut waiting = all((0..2000).map(|number| (number, number.to_string())));
        assert_eq!(waiting.kinds.len(), MAX_KINDS + 1, "the rest is thinned together");
        for most in [1000, 100, 1] {
            waiting.thin(most);
            assert!(waiting.count <= most, "{} of {most}", waiting.count);
        }
        let count = waiting.count;
        assert_eq!(waiting.take().len(), count);
    }
}
