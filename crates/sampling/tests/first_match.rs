//! `sample_on_first_match`: policies are asked in their order, those that drop before all others, and the first that votes decides, as in the Collector.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{
    stream::{SECOND, run, stream},
    transaction,
};
use serde_json::{Value, json};
use throughline_sampling::{Decision, MatcherTable, Offer, Options, Policies, Sampler, Transaction, Verdict};

fn compile(list: Value, sample_on_first_match: bool) -> Policies {
    let options = Options { sample_on_first_match, ..Options::default() };
    Policies::compile_with(&common::settings(list), &options, &mut MatcherTable::default()).unwrap()
}

fn policy(name: &str, kind: &str, block: Value) -> Value {
    json!({"name": name, "type": kind, kind: block})
}

/// Bits of `matches` are those of the attributes in the order in which policies ask for them.
fn bit(name: &str) -> Value {
    policy(name, "boolean_attribute", json!({"key": name, "value": true}))
}

/// Policies whose names begin with the same letter draw with the same salt.
fn draw(name: &str, percentage: f64) -> Value {
    policy(name, "probabilistic", json!({"sampling_percentage": percentage, "hash_salt": &name[..1]}))
}

fn drop(of: Value) -> Value {
    let name = of["type"].as_str().map(|kind| if kind == "probabilistic" { "drop half" } else { "drop" });
    policy(name.unwrap(), "drop", json!({"drop_sub_policy": [of]}))
}

fn limit(rate: f64) -> Value {
    policy("limit", "throughput_limiting", json!({"transactions_per_second": rate}))
}

fn all() -> Value {
    json!({"name": "all", "type": "always_sample"})
}

fn decide<'p>(policies: &'p Policies, one: &Transaction<'_>) -> Decision<'p> {
    let mut sampler = Sampler::new(policies);
    match sampler.offer(policies, one, 0) {
        Offer::Decided(decision) => decision,
        Offer::Pending(_) => sampler.flush(policies, SECOND).remove(0).decision,
    }
}

/// Bits of a transaction: 1 where it failed, 2 where it is a probe.
fn marked(matches: u64) -> Transaction<'static> {
    let mut one = transaction("one");
    one.facts.matches = matches;
    one
}

#[test]
fn a_drop_goes_before_all_others_wherever_it_stands() {
    let list = || vec![bit("failed"), drop(bit("probe")), bit("failed again"), all()];
    let floor = policy("few", "floor", json!({"field_list": ["type"], "count": 1}));
    for more in [None, Some(limit(1e6)), Some(floor)] {
        let list: Vec<Value> = list().into_iter().chain(more).collect();
        let first = compile(json!(list), true);
        let kept_by = |matches| {
            let decision = decide(&first, &marked(matches));
            assert_eq!((decision.keep, decision.weight == 1.0), (decision.policy.is_some(), decision.keep));
            (decision.policy, decision.votes)
        };
        let keep = |name| (Some(name), vec![(name, Verdict::Keep)]);
        assert_eq!(kept_by(3), (None, vec![("drop", Verdict::Drop)]), "it is asked first");
        assert_eq!(kept_by(1), keep("failed"));
        assert_eq!(kept_by(2), (None, vec![("drop", Verdict::Drop)]));
        assert_eq!(kept_by(0), keep("all"));
        assert_eq!(Sampler::new(&first).amend(&first, &marked(1)).policy, Some("failed"));
        assert!(!Sampler::new(&first).amend(&first, &marked(3)).keep);
        let usual = compile(json!(list), false);
        assert_eq!(decide(&usual, &marked(3)).votes, [("drop", Verdict::Drop)], "as without it");
        assert_eq!(decide(&usual, &marked(1)).policy, Some("failed"));
    }
}

/// A limit before it is not asked about what it drops.
#[test]
fn a_drop_goes_before_the_limits_too() {
    let policies = compile(json!([limit(1e6), drop(bit("probe")), bit("unused"), all()]), true);
    assert_eq!(decide(&policies, &marked(1)).votes, [("drop", Verdict::Drop)]);
    let decision = decide(&policies, &marked(0));
    assert_eq!((decision.policy, decision.weight), (Some("limit"), 1.0));
    let both = policy("both", "and", json!({"and_sub_policy": [bit("failed"), limit(1e6)]}));
    let policies = compile(json!([both, drop(bit("probe")), all()]), true);
    assert_eq!(decide(&policies, &marked(3)).votes, [("drop", Verdict::Drop)]);
    assert_eq!(decide(&policies, &marked(1)).policy, Some("both"));
    assert_eq!(decide(&policies, &marked(0)).policy, Some("all"));
}

/// Sums of weights over what is kept, against how many there were, within 3 standard errors: of all but probes, which a drop drops for sure.
fn assert_unbiased(list: Value) {
    const SEEDS: u64 = 140;
    let policies = compile(list.clone(), true);
    let (mut sums, mut truth) = (Vec::new(), 0);
    for seed in 0..SEEDS {
        let stream = stream(seed, 8, 40);
        let fates = run(&policies, &stream);
        let probe = |come: &common::stream::Come| come.matches & 1 == 1;
        assert!(stream.iter().zip(&fates).all(|(come, fate)| !probe(come) || fate.weight == 0.0));
        let picked = || stream.iter().zip(&fates).filter(|(come, _)| !probe(come));
        sums.push(picked().map(|(_, fate)| fate.weight).sum::<f64>());
        truth = picked().count();
    }
    let count = sums.len() as f64;
    let mean = sums.iter().sum::<f64>() / count;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let error = (variance / count).sqrt();
    assert!(error > 0.0 && (mean - truth as f64).abs() <= 3.0 * error, "{list}: {mean} of {truth}, {error}");
}

#[test]
fn weights_are_right_where_the_first_match_decides() {
    // Everything but probes has some probability: the drops of others are draws.
    assert_unbiased(json!([draw("a", 40.0), drop(bit("probe")), draw("b", 20.0)]));
    assert_unbiased(json!([draw("a", 40.0), draw("b", 10.0), drop(bit("probe")), draw("a again", 60.0)]));
    assert_unbiased(json!([
        draw("a", 30.0),
        drop(draw("d", 50.0)),
        draw("b", 50.0),
        drop(bit("probe")),
        all()
    ]));
    assert_unbiased(json!([limit(10.0), drop(bit("probe")), draw("b", 20.0)]));
    assert_unbiased(json!([draw("a", 30.0), drop(bit("probe")), limit(8.0), draw("b", 5.0)]));
    let few = policy("few", "deterministic", json!({"sample_rate": 4}));
    assert_unbiased(json!([few, drop(bit("probe")), limit(5.0), drop(draw("d", 30.0)), draw("b", 50.0)]));
}
