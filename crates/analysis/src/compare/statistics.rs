//! The tests behind a comparison. All are asymptotic: they are asked only where there are enough calls.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// 97.5 % of a normal distribution lie below.
const Z: f64 = 1.96;

/// A test's answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Superiority {
    /// Two-sided.
    pub p_value: f64,
    /// The size of the effect.
    pub effect: f64,
    /// Upper end of its 95 % interval.
    pub upper: f64,
}

/// Events among calls, summed over transactions: calls of one transaction are no independent draws, they fail together and call others together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Events {
    /// Calls.
    pub calls: u64,
    /// Events.
    pub events: u64,
    /// Sum over transactions of calls, squared.
    pub calls_squared: u64,
    /// Of events, squared.
    pub events_squared: u64,
    /// Of calls times events.
    pub products: u64,
}

impl Events {
    /// With another transaction's.
    pub fn add(&mut self, calls: u64, events: u64) {
        let squares = [(calls, calls), (events, events), (calls, events)].map(|(a, b)| a.saturating_mul(b));
        self.merge(&Self {
            calls,
            events,
            calls_squared: squares[0],
            events_squared: squares[1],
            products: squares[2],
        });
    }

    /// With those of other transactions.
    pub fn merge(&mut self, other: &Self) {
        let sum = |own: &mut u64, more: u64| *own = own.saturating_add(more);
        sum(&mut self.calls, other.calls);
        sum(&mut self.events, other.events);
        sum(&mut self.calls_squared, other.calls_squared);
        sum(&mut self.events_squared, other.events_squared);
        sum(&mut self.products, other.products);
    }

    /// Squared deviations of transactions' events from `rate` for each call.
    fn scatter(&self, rate: f64) -> f64 {
        let [calls, events, products] =
            [self.calls_squared, self.events_squared, self.products].map(|sum| sum as f64);
        events - 2.0 * rate * products + rate * rate * calls
    }
}

/// The design effect: how many calls say as much as one that stands alone, at least 1. `alone` is the variance of one call at a rate of events.
fn design(old: &Events, new: &Events, alone: impl Fn(f64) -> f64) -> f64 {
    let calls = (old.calls + new.calls).max(1) as f64;
    let rate = (old.events + new.events) as f64 / calls;
    let expected = alone(rate) * calls;
    if expected > 0.0 { ((old.scatter(rate) + new.scatter(rate)) / expected).max(1.0) } else { 1.0 }
}

/// Difference of two shares of calls with an event: the pooled z-test; its interval after Agresti and Caffo. Both over as many calls as say something
/// of their own.
#[must_use]
pub fn two_shares(old: &Events, new: &Events) -> Superiority {
    let design = design(old, new, |share| share * (1.0 - share));
    let [a, b] = [old.events, new.events].map(|events| events as f64 / design);
    let [n, m] = [old.calls, new.calls].map(|calls| calls.max(1) as f64 / design);
    let pooled = (a + b) / (n + m);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
    let effect = b / m - a / n;
    // Half a hit less on either side: counts are whole.
    let gap = (effect.abs() - 0.5 * (1.0 / n + 1.0 / m)).max(0.0);
    let p_value = if spread > 0.0 { two_sided(gap / spread) } else { 1.0 };
    let (p, q) = ((a + 1.0) / (n + 2.0), (b + 1.0) / (m + 2.0));
    let width = Z * (p * (1.0 - p) / (n + 2.0) + q * (1.0 - q) / (m + 2.0)).sqrt();
    Superiority { p_value, effect, upper: q - p + width }
}

/// Wilcoxon's rank sum over two histograms with the same buckets, ties corrected: the chance that one of `new` is larger than one of `old`, a tie
/// counting half. `None` where either is empty.
#[must_use]
pub fn rank_sum(old: &BTreeMap<i32, u64>, new: &BTreeMap<i32, u64>) -> Option<Superiority> {
    let total = |side: &BTreeMap<i32, u64>| side.values().sum::<u64>() as f64;
    let (n, m) = (total(old), total(new));
    if n == 0.0 || m == 0.0 {
        return None;
    }
    let mut buckets: BTreeMap<i32, (f64, f64)> = BTreeMap::new();
    for (bucket, count) in old {
        buckets.entry(*bucket).or_default().0 += *count as f64;
    }
    for (bucket, count) in new {
        buckets.entry(*bucket).or_default().1 += *count as f64;
    }
    let (mut below, mut wins, mut ties) = (0.0, 0.0, 0.0);
    for (in_old, in_new) in buckets.values() {
        wins += in_new * (below + in_old / 2.0);
        below += in_old;
        let both = in_old + in_new;
        ties += both * both * both - both;
    }
    let all = n + m;
    let variance = n * m / 12.0 * ((all + 1.0) - ties / (all * (all - 1.0)).max(1.0));
    let effect = wins / (n * m);
    let p_value = if variance > 0.0 {
        two_sided(((wins - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt())
    } else {
        1.0
    };
    Some(Superiority { p_value, effect, upper: effect + Z * variance.sqrt() / (n * m) })
}

/// Ratio of two rates of events for each call: normal on the logarithm, half an event added to each. Events that come in heaps count as fewer.
#[must_use]
pub fn rate_ratio(old: &Events, new: &Events) -> Superiority {
    let design = design(old, new, |rate| rate);
    let [a, b] = [old.events, new.events].map(|events| events as f64 / design + 0.5);
    let [n, m] = [old.calls, new.calls].map(|calls| calls.max(1) as f64 / design);
    let ratio = (b / m) / (a / n);
    let spread = (1.0 / a + 1.0 / b).sqrt();
    Superiority {
        p_value: two_sided(ratio.ln().abs() / spread),
        effect: ratio,
        upper: ratio * (Z * spread).exp(),
    }
}

/// Holm's correction, in place: each p-value times the number of those not smaller, never falling.
pub fn holm(p_values: &mut [f64]) {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (count, mut least) = (p_values.len(), 0.0_f64);
    for (rank, index) in order.into_iter().enumerate() {
        let corrected = (p_values[index] * (count - rank) as f64).min(1.0);
        least = least.max(corrected);
        p_values[index] = least;
    }
}

/// The chance of a normal value at least so far from the middle, either way.
fn two_sided(z: f64) -> f64 {
    erfc(z / std::f64::consts::SQRT_2)
}

/// The complementary error function for `x >= 0`, within 1.2e-7 of itself (Numerical Recipes, "erfcc").
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.5 * x);
    let polynomial = [
        -1.265_512_23,
        1.000_023_68,
        0.374_091_96,
        0.096_784_18,
        -0.186_288_06,
        0.278_868_07,
        -1.135_203_98,
        1.488_515_87,
        -0.822_152_23,
        0.170_872_77,
    ];
    let sum = polynomial.iter().rev().fold(0.0, |sum, term| sum * t + term);
    t * (sum - x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_right() {
        for (z, p) in [(0.0, 1.0), (1.0, 0.317_310_5), (1.96, 0.049_995_8), (3.0, 0.002_699_8)] {
            assert!((two_sided(z) - p).abs() < 1e-6, "{z}: {}", two_sided(z));
        }
    }

    #[test]
    fn ranks_of_small_samples() {
        // 1, 2, 3 against 4, 5, 6: every one is larger.
        let side = |values: [i32; 3]| values.into_iter().map(|value| (value, 1)).collect();
        let test = rank_sum(&side([1, 2, 3]), &side([4, 5, 6])).unwrap();
        assert!((test.effect - 1.0).abs() < 1e-12);
        let same = rank_sum(&side([1, 2, 3]), &side([1, 2, 3])).unwrap();
        assert!((same.effect - 0.5).abs() < 1e-12 && same.p_value > 0.99, "{same:?}");
        assert_eq!(rank_sum(&BTreeMap::new(), &side([1, 2, 3])), None);
    }

    #[test]
    fn holm_never_falls_and_never_passes_one() {
        let mut p_values = [0.04, 0.01, 0.03, 0.9];
        holm(&mut p_values);
        for (value, wanted) in p_values.into_iter().zip([0.09, 0.04, 0.09, 0.9]) {
            assert!((value - wanted).abs() < 1e-12, "{p_values:?}");
        }
    }
}
