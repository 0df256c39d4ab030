//! Comparisons of two sides whose truth is known.

use throughline_analysis::compare::{Sample, Side, Verdict, What, compare};

/// Pseudo-random numbers of a seed (SplitMix64), 0 to 1.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Log-normal about a median, as latencies are (Box and Muller).
    fn latency(&mut self, median: f64) -> f64 {
        let (u, v) = (self.next().max(1e-12), self.next());
        let normal = (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        median * (0.4 * normal).exp()
    }
}

fn side(dice: &mut Dice, calls: u64, median_ms: f64, errors: f64, fan_out: f64) -> Side {
    let mut side = Side::default();
    let mut sample = Sample::default();
    let mut made = 0.0;
    for _ in 0..calls {
        let nanos = dice.latency(median_ms * 1e6);
        *sample.durations.entry((8.0 * nanos.log2()).floor() as i32).or_default() += 1;
        sample.calls += 1;
        sample.errors += u64::from(dice.next() < errors);
        made += fan_out;
    }
    side.operations.insert("book".to_owned(), sample);
    side.callees.insert(("book".to_owned(), "ledger-db UPDATE".to_owned()), made as u64);
    side
}

/// Guarantee: over 200 seeds of sides that are the same, at most 2 are called worse, and with 2,000 calls most are called not worse.
#[test]
fn the_same_is_not_worse() {
    let (mut worse, mut not_worse) = (0, 0);
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let (old, new) = (side(&mut dice, 5000, 20.0, 0.01, 2.0), side(&mut dice, 2000, 20.0, 0.01, 2.0));
        match compare(&old, &new).verdict {
            Verdict::Worse => worse += 1,
            Verdict::NotWorse => not_worse += 1,
            Verdict::Different | Verdict::TooLittleData => {}
        }
    }
    assert!(worse <= 2, "{worse}");
    assert!(not_worse >= 190, "{not_worse}");
}

/// Guarantee: twice the errors, or half as slow again, is found in nearly every one of 100 seeds, and what is worse is said.
#[test]
fn what_is_worse_is_found() {
    for (median, errors, what) in [(30.0, 0.01, What::Latency), (20.0, 0.05, What::Errors)] {
        let found = (0..100).filter(|seed| {
            let mut dice = Dice(1000 + seed);
            let (old, new) =
                (side(&mut dice, 5000, 20.0, 0.01, 2.0), side(&mut dice, 1000, median, errors, 2.0));
            let comparison = compare(&old, &new);
            comparison.verdict == Verdict::Worse && comparison.measures[0].what == what
        });
        let found = found.count();
        assert!(found >= 97, "{what:?}: {found} of 100");
    }
}

/// Guarantee: with few calls nothing is claimed, either way; a changed number of calls is said, and is not worse by itself.
#[test]
fn little_data_says_nothing_and_another_shape_is_told() {
    let mut dice = Dice(7);
    let (old, few) = (side(&mut dice, 5000, 20.0, 0.01, 2.0), side(&mut dice, 25, 60.0, 0.2, 2.0));
    assert_eq!(compare(&old, &few).verdict, Verdict::TooLittleData);
    assert_eq!(compare(&old, &Side::default()).verdict, Verdict::TooLittleData);
    assert_eq!(compare(&Side::default(), &few).verdict, Verdict::TooLittleData);
    let fans = side(&mut dice, 2000, 20.0, 0.01, 5.0);
    let comparison = compare(&old, &fans);
    assert_eq!(comparison.verdict, Verdict::NotWorse);
    let calls: Vec<_> = comparison.measures.iter().filter(|measure| measure.what == What::Calls).collect();
    assert_eq!((calls.len(), calls[0].verdict), (1, Verdict::Different));
    assert!((calls[0].effect - 2.5).abs() < 0.1, "{}", calls[0].effect);
}
