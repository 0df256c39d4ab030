//! What was sampled before it came here, and what overload sheds: sums of weights still estimate what there was in the beginning, under every kind of policy.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use common::{compile_all, policy, transaction};
use serde_json::{Value, json};
use throughline_sampling::{Offer, Policies, Randomness, Sampler, Threshold, Transaction};

const SECOND: u64 = 1_000_000_000;
const SECONDS: u64 = 8;
const A_SECOND: u64 = 60;
const SEEDS: u64 = 80;

fn mixed(seed: u64, index: u64) -> u64 {
    let mixed = (seed << 32 | index).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// One that was there in the beginning, if samplers before this one left it: none of them saw a third of all, a third was sampled by the randomness that
/// it brings along, and a third by another one.
fn come<'t>(id: &'t str, seed: u64, index: u64) -> Option<Transaction<'t>> {
    let before = Threshold::parse(["8", "c", "4"][(index / 3 % 3) as usize]);
    let bits = mixed(seed, index) >> 8;
    let randomness = Randomness::parse(&format!("{bits:014x}"));
    let left = before.zip(randomness).is_some_and(|(before, randomness)| before.keeps(randomness));
    let mut one = transaction(id);
    one.facts.spans = 10 + index % 30;
    one.bytes = one.facts.spans * 400;
    one.kind = ["transfer", "login"][(index % 5 / 4) as usize];
    match index % 3 {
        0 => Some(one),
        1 => left.then_some(Transaction { randomness, sampled_before: before, ..one }),
        _ => left.then_some(Transaction { sampled_before: before, ..one }),
    }
}

/// The sum of the weights of what is kept of one seed.
fn sum(policies: &Policies, seed: u64, share: f64) -> f64 {
    let mut sampler = Sampler::new(policies);
    let mut sum = 0.0;
    for index in 0..SECONDS * A_SECOND {
        let now = index * SECOND / A_SECOND;
        sum += sampler.window_end(policies, now).iter().map(|settled| settled.decision.weight).sum::<f64>();
        sampler.shed(share);
        let id = format!("{seed}/{index}");
        let Some(one) = come(&id, seed, index) else { continue };
        if let Offer::Decided(decision) = sampler.offer(policies, &one, now) {
            assert_eq!(decision.keep, decision.weight > 0.0);
            sum += decision.weight;
        }
    }
    sum + sampler.flush(policies, SECONDS * SECOND).iter().map(|settled| settled.decision.weight).sum::<f64>()
}

fn sets() -> Vec<(&'static str, Value)> {
    let of = |kind: &str, block: Value| policy(kind, block);
    let few = of("probabilistic", json!({"sampling_percentage": 10}));
    let all = json!({"name": "all", "type": "always_sample"});
    let field = json!(["type"]);
    vec![
        ("all", json!([all])),
        ("share", json!([of("probabilistic", json!({"sampling_percentage": 30}))])),
        ("spans", json!([of("rate_limiting", json!({"spans_per_second": 300}))])),
        ("bytes", json!([of("bytes_limiting", json!({"bytes_per_second": 100_000}))])),
        (
            "transactions",
            json!([of("throughput_limiting", json!({"transactions_per_second": 12, "fair_by": field}))]),
        ),
        ("one in", json!([of("deterministic", json!({"sample_rate": 4}))])),
        (
            "dynamic",
            json!([of("dynamic", json!({"sample_rate": 4, "clear_frequency": "2s", "field_list": field}))]),
        ),
        (
            "ema",
            json!([of(
                "ema_dynamic",
                json!({"goal_sample_rate": 4, "adjustment_interval": "2s", "field_list": field})
            )]),
        ),
        (
            "ema throughput",
            json!([of(
                "ema_throughput",
                json!({"goal_throughput_per_sec": 200, "adjustment_interval": "2s", "field_list": field})
            )]),
        ),
        (
            "windowed",
            json!([of(
                "windowed_throughput",
                json!({"goal_throughput_per_sec": 200, "lookback_frequency": "4s", "field_list": field})
            )]),
        ),
        (
            "total",
            json!([of(
                "total_throughput",
                json!({"goal_throughput_per_sec": 200, "clear_frequency": "2s", "field_list": field})
            )]),
        ),
        (
            "composite",
            json!([of(
                "composite",
                json!({"max_total_spans_per_second": 400, "policy_order": ["few", "all"],
            "composite_sub_policy": [{"name": "few", "type": "probabilistic", "probabilistic": {"sampling_percentage": 20}}, all]})
            )]),
        ),
        ("floor", json!([of("floor", json!({"field_list": field, "count": 3, "per": "2s"})), few])),
        ("limit and share", json!([of("rate_limiting", json!({"spans_per_second": 150})), few])),
        (
            "drop",
            json!([
                of("drop", json!({"drop_sub_policy": [few]})),
                of("throughput_limiting", json!({"transactions_per_second": 15}))
            ]),
        ),
    ]
}

fn assert_unbiased(share: f64) {
    for (name, list) in sets() {
        let (policies, ..) = compile_all(list);
        let sums: Vec<f64> = (0..SEEDS).map(|seed| sum(&policies, seed, share)).collect();
        let mean = sums.iter().sum::<f64>() / SEEDS as f64;
        let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
        let error = (variance / SEEDS as f64).sqrt();
        let truth = (SECONDS * A_SECOND) as f64;
        assert!(error > 0.0 && error < truth / 20.0, "{name}: the mean of {mean} is known within {error}");
        assert!((mean - truth).abs() <= 3.0 * error, "{name}: {mean} of {truth}, standard error {error}");
    }
}

#[test]
fn sampled_before() {
    assert_unbiased(0.0);
}

#[test]
fn sampled_before_and_shed_by_overload() {
    assert_unbiased(0.4);
}
