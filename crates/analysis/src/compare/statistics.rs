//! The tests behind a comparison. All are asymptotic: they are asked only where there are enough calls.

use std::collections::BTreeMap;

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

/// Difference of two shares, each `(hits, of)`: the pooled z-test; its interval after Agresti and Caffo.
#[must_use]
pub fn two_shares((hits, of): (u64, u64), (new_hits, new_of): (u64, u64)) -> Superiority {
    let (a, n, b, m) = (hits as f64, of.max(1) as f64, new_hits as f64, new_of.max(1) as f64);
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

/// Ratio of two rates, each `(events, exposure)`: normal on the logarithm, half an event added to each.
#[must_use]
pub fn rate_ratio((events, exposure): (u64, u64), (new_events, new_exposure): (u64, u64)) -> Superiority {
    let (a, b) = (events as f64 + 0.5, new_events as f64 + 0.5);
    let ratio = (b / new_exposure.max(1) as f64) / (a / exposure.max(1) as f64);
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
