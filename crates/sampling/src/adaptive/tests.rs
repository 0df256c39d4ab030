//! Rates against those that Refinery's own tests have for the same counts.

use std::collections::BTreeMap;

use super::{Adaptive, Ema, Kind, Learnt, algorithm::rates_by_logarithm, even_rates};
use crate::limit::SECOND;

fn counts(list: &[(&str, f64)]) -> BTreeMap<String, f64> {
    list.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect()
}

fn rates(list: &[(&str, u64)]) -> BTreeMap<String, u64> {
    list.iter().map(|(key, rate)| ((*key).to_owned(), *rate)).collect()
}

const MIXED: [(&str, f64); 10] = [
    ("one", 1.0),
    ("two", 1.0),
    ("three", 2.0),
    ("four", 5.0),
    ("five", 8.0),
    ("six", 15.0),
    ("seven", 45.0),
    ("eight", 612.0),
    ("nine", 2000.0),
    ("ten", 10000.0),
];

#[test]
fn a_goal_is_shared_by_the_logarithm_of_counts() {
    let expected = [
        ("one", 1),
        ("two", 1),
        ("three", 1),
        ("four", 1),
        ("five", 1),
        ("six", 1),
        ("seven", 1),
        ("eight", 6),
        ("nine", 14),
        ("ten", 47),
    ];
    let goal = |list: &[(&str, f64)]| list.iter().map(|(_, count)| count).sum::<f64>() / 20.0;
    assert_eq!(rates_by_logarithm(goal(&MIXED), &counts(&MIXED)), rates(&expected));
    let large = [("one", 1000.0), ("two", 1000.0), ("three", 2000.0), ("four", 5000.0), ("five", 7000.0)];
    let expected = [("one", 7), ("two", 7), ("three", 13), ("four", 29), ("five", 39)];
    assert_eq!(rates_by_logarithm(goal(&large), &counts(&large)), rates(&expected));
    let same = ["one", "two", "three", "four", "five"].map(|key| (key, 6000.0));
    assert!(rates_by_logarithm(goal(&same), &counts(&same)).values().all(|rate| *rate == 20));
    let small = [("one", 1.0), ("two", 1.0), ("three", 2.0), ("four", 5.0), ("five", 7.0)];
    let expected = [("one", 1), ("two", 1), ("three", 2), ("four", 5), ("five", 7)];
    assert_eq!(rates_by_logarithm(goal(&small), &counts(&small)), rates(&expected));
    let ones = [("one", 1.0), ("two", 1.0)];
    assert!(rates_by_logarithm(goal(&ones), &counts(&ones)).values().all(|rate| *rate == 1));
    assert!(rates_by_logarithm(0.0, &BTreeMap::new()).is_empty());
}

#[test]
fn a_throughput_is_shared_evenly() {
    let found = even_rates(20.0 * 30.0, &counts(&MIXED));
    let expected = [
        ("one", 1),
        ("two", 1),
        ("three", 1),
        ("four", 1),
        ("five", 1),
        ("six", 1),
        ("seven", 1),
        ("eight", 10),
        ("nine", 33),
        ("ten", 166),
    ];
    assert_eq!(found, rates(&expected));
}

fn adaptive(kind: Kind) -> Adaptive {
    Adaptive { name: "a".into(), about: "".into(), salt: 0, fields: Vec::new(), max_keys: 500, kind }
}

fn ema() -> Ema {
    Ema { every: SECOND, weight: 0.2, age_out: 0.2, burst_multiple: -1.0, burst_delay: 3 }
}

#[test]
fn averages_follow_counts_by_their_weight() {
    let adaptive = adaptive(Kind::EmaDynamic { goal_rate: 10.0, ema: ema() });
    let mut learnt = Learnt::new(&adaptive);
    let table = [
        (463, 93.0, 235, 47.0, 0, None),
        (176, 109.0, 458, 129.0, 0, None),
        (345, 156.0, 470, 197.0, 0, None),
        (339, 193.0, 317, 221.0, 0, None),
        (197, 194.0, 165, 210.0, 0, None),
        (387, 232.0, 95, 187.0, 6960, Some(1392.0)),
    ];
    learnt.advance(&adaptive, 0);
    assert_eq!(learnt.rate(&adaptive, "a"), 10, "before anything is learnt the goal is the rate");
    for (second, (a, average_a, b, average_b, c, average_c)) in (0u64..).zip(table) {
        for (key, count) in [("a", a), ("b", b), ("c", c)] {
            if count > 0 {
                learnt.count(&adaptive, key, count, second * SECOND + 1);
            }
        }
        learnt.advance(&adaptive, (second + 1) * SECOND);
        let average = |key: &str| learnt.averages.get(key).map(|average| average.round());
        assert_eq!((average("a"), average("b"), average("c")), (Some(average_a), Some(average_b), average_c));
    }
}

#[test]
fn averages_of_what_is_seen_no_more_age_out_while_others_come() {
    let adaptive = adaptive(Kind::EmaThroughput { goal: 10.0, initial_rate: 7, ema: ema() });
    let mut learnt = Learnt::new(&adaptive);
    learnt.advance(&adaptive, 0);
    assert_eq!(learnt.rate(&adaptive, "old"), 7);
    learnt.count(&adaptive, "old", 500, 1);
    for second in 1..60 {
        learnt.advance(&adaptive, second * SECOND);
        learnt.count(&adaptive, "new", 40, second * SECOND);
    }
    assert!(!learnt.averages.contains_key("old") && learnt.averages.contains_key("new"));
    assert_eq!(learnt.rate(&adaptive, "new"), 4, "40 a second to 10");
    assert_eq!(learnt.rate(&adaptive, "old"), 1, "a key that is not known is kept");
}

#[test]
fn a_burst_is_learnt_at_once() {
    let bursting = Ema { burst_multiple: 2.0, burst_delay: 2, every: 10 * SECOND, ..ema() };
    let adaptive = adaptive(Kind::EmaThroughput { goal: 10.0, initial_rate: 1, ema: bursting });
    let mut learnt = Learnt::new(&adaptive);
    for period in 0..5 {
        learnt.advance(&adaptive, period * 10 * SECOND);
        learnt.count(&adaptive, "a", 1000, period * 10 * SECOND + 1);
    }
    let (before, now) = (learnt.rate(&adaptive, "a"), 45 * SECOND);
    learnt.advance(&adaptive, now);
    learnt.count(&adaptive, "a", 100_000, now);
    assert!(learnt.rate(&adaptive, "a") > before, "{} after {before}", learnt.rate(&adaptive, "a"));
}

#[test]
fn a_sliding_window_looks_back_as_far_as_it_says() {
    let adaptive = adaptive(Kind::Windowed { goal: 2.0, update: SECOND, lookback: 5 * SECOND });
    let mut learnt = Learnt::new(&adaptive);
    // Second, spans seen in it one by one, and the rate that holds in it.
    for (second, seen, rate) in [(0, 20, 1), (1, 10, 2), (2, 50, 3), (6, 40, 6), (7, 5, 9), (30, 1, 1)] {
        let now = second * SECOND;
        learnt.advance(&adaptive, now);
        assert_eq!(learnt.rate(&adaptive, "k"), rate, "second {second}");
        for _ in 0..seen {
            learnt.count(&adaptive, "k", 1, now);
        }
    }
}

#[test]
fn keys_beyond_the_limit_are_not_learnt() {
    let kind = Kind::Total { goal: 1.0, every: SECOND };
    let adaptive = Adaptive { max_keys: 2, ..adaptive(kind) };
    let mut learnt = Learnt::new(&adaptive);
    learnt.advance(&adaptive, 0);
    for key in ["a", "b", "c", "a", "b", "c"] {
        learnt.count(&adaptive, key, 50, 1);
    }
    learnt.advance(&adaptive, SECOND);
    assert_eq!(["a", "b", "c"].map(|key| learnt.rate(&adaptive, key)), [200, 200, 1]);
    learnt.advance(&adaptive, 1000 * SECOND);
    assert_eq!(learnt.rate(&adaptive, "a"), 1, "nothing was seen in the last period");
}
