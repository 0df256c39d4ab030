//! The contenders of a share in the order of their ranks.

use super::{Limit, bucket::Contender};
use crate::draw::unit;

/// The contenders of a share in order.
#[derive(Debug)]
pub(super) struct Ranking {
    /// Rank and cost, in the order of ranks.
    sorted: Vec<(f64, f64)>,
    /// Cost of each and all before it.
    sums: Vec<f64>,
    /// Place in the order of each contender.
    places: Vec<u32>,
    available: f64,
}

impl Ranking {
    pub(super) fn new(limit: &Limit, contenders: &[Contender], available: f64) -> Self {
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

    pub(super) fn spent(&self) -> f64 {
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
    pub(super) fn probability(&self, limit: &Limit, cost: f64, number: Option<u32>) -> f64 {
        self.probability_of(limit, cost, number, self.available)
    }

    /// As [`Self::probability`], if so much were available.
    pub(super) fn probability_of(
        &self,
        limit: &Limit,
        cost: f64,
        number: Option<u32>,
        available: f64,
    ) -> f64 {
        let place = number.and_then(|number| self.places.get(number as usize)).map(|place| *place as usize);
        let stretch = limit.stretch(cost);
        let share = |rank: Option<&(f64, f64)>| rank.map_or(1.0, |(rank, _)| (rank / stretch).min(1.0));
        if cost > available {
            let first_other = if place == Some(0) { self.sorted.get(1) } else { self.sorted.first() };
            return share(first_other) * (available / cost);
        }
        // Were it the first in order: which is then the first that does not fit?
        let before = place.unwrap_or(self.sorted.len());
        let stop = self.sums[..before].partition_point(|sum| *sum + cost <= available);
        if stop < before {
            return share(self.sorted.get(stop));
        }
        let after = before + usize::from(place.is_some());
        let rest = self.sums.get(after..).unwrap_or_default();
        let stop = after + rest.partition_point(|sum| *sum <= available);
        share(self.sorted.get(stop))
    }
}
