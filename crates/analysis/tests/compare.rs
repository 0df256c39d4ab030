//! Comparisons of two sides whose truth is known.

use throughline_analysis::compare::{Events, Sample, Side, Verdict, What, compare};

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
    let (mut made, mut called) = (0.0, Events::default());
    for _ in 0..calls {
        let failed = dice.next() < errors;
        sample.add(1, u64::from(failed), dice.latency(median_ms * 1e6) as u64);
        let before = made as u64;
        made += fan_out;
        called.add(1, made as u64 - before);
    }
    side.operations.insert("book".to_owned(), sample);
    side.callees.insert(("book".to_owned(), "ledger-db UPDATE".to_owned()), called);
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

/// Guarantee: what is worse, but by too little for the data, is seldom called not worse: twice the failures, or a fifth slower, in 8 of 100 seeds at most,
/// wherever the median lies in its bucket; with more data it is found.
#[test]
fn what_data_do_not_exclude_is_not_called_not_worse() {
    for (slower, errors) in [(1.0, 0.04), (1.2, 0.02)] {
        for (calls, least_worse) in [(100, 0), (300, 0), (1000, 0), (4000, 95)] {
            let (mut worse, mut not_worse) = (0, 0);
            for seed in 0..100 {
                let mut dice = Dice(5000 + seed);
                let median = 20.0 * 1.001_f64.powi(seed as i32);
                let old = side(&mut dice, calls, median, 0.02, 2.0);
                let new = side(&mut dice, calls, median * slower, errors, 2.0);
                let verdict = compare(&old, &new).verdict;
                worse += usize::from(verdict == Verdict::Worse);
                not_worse += usize::from(verdict == Verdict::NotWorse);
            }
            let said = format!("{slower}, {errors}, {calls} calls: {worse} worse, {not_worse} not worse");
            assert!(worse >= least_worse && not_worse <= 8, "{said}");
            assert!(slower == 1.0 || calls < 1000 || worse >= 97, "{said}");
        }
    }
}

/// Guarantee: what takes half as long again itself is found where most of the time goes to what it calls; where its own part is nothing beside that, it is not.
#[test]
fn own_time_is_found_below_the_whole() {
    let with_own = |dice: &mut Dice, own_ms: f64| {
        let mut side = Side::default();
        let sample: &mut Sample = side.operations.entry("book".to_owned()).or_default();
        for _ in 0..800 {
            let own = dice.latency(own_ms * 1e6);
            sample.add(1, 0, (own + dice.latency(60e6)) as u64);
            *sample.own.entry((8.0 * own.log2()).floor() as i32).or_default() += 1;
        }
        side
    };
    for (own_ms, verdict) in [(12.0, Verdict::Worse), (0.5, Verdict::NotWorse)] {
        let mut dice = Dice(77);
        let found = compare(&with_own(&mut dice, own_ms), &with_own(&mut dice, own_ms * 1.5));
        assert_eq!(found.verdict, verdict, "{own_ms}: {found:?}");
        assert!(verdict != Verdict::Worse || found.measures[0].what == What::Own, "{found:?}");
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

/// Transactions that call an operation again and again: all calls of one share how slow it is, and all of them fail or none does.
fn loops(dice: &mut Dice, transactions: u64, slower: f64, failing: f64) -> Side {
    let mut side = Side::default();
    let (mut sample, mut called) = (Sample::default(), Events::default());
    for _ in 0..transactions {
        let calls = 5 + (dice.next() * 60.0) as u64;
        let failed = if dice.next() < failing { calls } else { 0 };
        sample.add(calls, failed, dice.latency(slower * 1e6) as u64);
        // What it calls it calls in heaps.
        called.add(calls, if dice.next() < 0.1 { calls * 10 } else { 0 });
    }
    side.operations.insert("lookup".to_owned(), sample);
    side.callees.insert(("lookup".to_owned(), "cache GET".to_owned()), called);
    side
}

/// Guarantee: of 400 pairs of sides that are the same, whose calls come in loops, at most four are called worse and as few differ in what they call, however few
/// transactions there are; and what is worse is found all the same.
#[test]
fn calls_of_one_transaction_are_no_independent_draws() {
    for transactions in [35, 60, 200] {
        let (mut worse, mut different) = (0, 0);
        for seed in 0..400 {
            let mut dice = Dice(seed * 7 + transactions);
            let pair = [(); 2].map(|()| loops(&mut dice, transactions, 10.0, 0.05));
            let comparison = compare(&pair[0], &pair[1]);
            worse += usize::from(comparison.verdict == Verdict::Worse);
            different += usize::from(comparison.measures.iter().any(|of| of.verdict == Verdict::Different));
        }
        assert!(worse <= 4 && different <= 4, "{transactions}: {worse} worse, {different} different");
    }
    for (slower, failing) in [(15.0, 0.05), (10.0, 0.2)] {
        let found = (0..100).filter(|seed| {
            let mut dice = Dice(9000 + seed);
            let pair = (loops(&mut dice, 600, 10.0, 0.05), loops(&mut dice, 300, slower, failing));
            compare(&pair.0, &pair.1).verdict == Verdict::Worse
        });
        let found = found.count();
        assert!(found >= 95, "{slower}, {failing}: {found} of 100");
    }
}

/// Guarantee: sides whose times have no mean, or hardly differ, or are of two kinds, with 40 operations beside each other, are called worse in at most 1 % of 300 pairs.
#[test]
fn odd_distributions_are_not_called_worse() {
    let kinds: [fn(&mut Dice) -> f64; 4] = [
        |dice| 3e6 / dice.next().max(1e-9),
        |dice| 10e6 + 50e3 * dice.next(),
        |dice| if dice.next() < 0.8 { dice.latency(5e6) } else { dice.latency(80e6) },
        |dice| dice.latency(10e6),
    ];
    for (kind, draw) in kinds.iter().enumerate() {
        for (operations, calls) in [(1, 35), (1, 300), (40, 60)] {
            let mut worse = 0;
            for seed in 0..300 {
                let mut dice = Dice(seed * 31 + kind as u64);
                let pair = [(); 2].map(|()| {
                    let mut side = Side::default();
                    for operation in 0..operations {
                        let sample: &mut Sample = side.operations.entry(format!("{operation}")).or_default();
                        for _ in 0..calls {
                            let failed = dice.next() < 0.02;
                            sample.add(1, u64::from(failed), draw(&mut dice) as u64);
                        }
                    }
                    side
                });
                worse += usize::from(compare(&pair[0], &pair[1]).verdict == Verdict::Worse);
            }
            assert!(worse <= 3, "{kind}, {operations} of {calls}: {worse}");
        }
    }
}
