//! Limits: what passes in a window, what a limit counts, and that a state survives being stored.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{
    alone, compile_all, faults, policy,
    stream::{Come, SECOND, run, run_with, stream},
    transaction,
};
use serde_json::json;
use throughline_sampling::{
    MatcherTable, Offer, Options, Policies, Sampler, Transaction, TransactionFacts, Verdict,
};

fn come(id: u64, at: u64, spans: u64) -> Come {
    Come { id: format!("t{id}"), at, spans, matches: 0, kind: "transfer" }
}

/// Spans kept in each second.
fn spans_by_second(stream: &[Come], policies: &Policies) -> Vec<u64> {
    let mut sums = vec![0; stream.last().map_or(0, |come| come.at / SECOND + 1) as usize];
    for (come, fate) in stream.iter().zip(run(policies, stream)) {
        sums[(come.at / SECOND) as usize] += if fate.keep { come.spans } else { 0 };
    }
    sums
}

#[test]
fn what_fits_passes_whole_and_weighs_1() {
    let (policies, ..) = compile_all(json!([policy("rate_limiting", json!({"spans_per_second": 50}))]));
    let all: Vec<_> = (0..10).map(|index| come(index, index * SECOND / 10, 10)).collect();
    let fates = run(&policies, &all);
    assert!(fates.iter().all(|fate| fate.keep && (fate.weight - 1.0).abs() < f64::EPSILON), "{fates:?}");
    assert_eq!(fates[0].policy.as_deref(), Some("rate_limiting"));
}

#[test]
fn the_first_window_takes_a_burst_and_later_ones_the_rate() {
    let (policies, ..) = compile_all(json!([policy(
        "rate_limiting",
        json!({"spans_per_second": 100, "burst_capacity": 300})
    )]));
    let all: Vec<_> = (0..1000).map(|index| come(index, index * SECOND / 100, 10)).collect();
    let sums = spans_by_second(&all, &policies);
    assert_eq!(sums, [300, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
}

#[test]
fn a_limit_is_kept_over_any_time_for_transactions_that_fit_its_burst() {
    for seed in 0..20 {
        let mut all = stream(seed, 20, 60);
        all.retain(|come| come.spans < 400);
        let (policies, ..) = compile_all(json!([policy("rate_limiting", json!({"spans_per_second": 120}))]));
        let sums = spans_by_second(&all, &policies);
        for (second, _) in sums.iter().enumerate() {
            let sum: u64 = sums[..=second].iter().sum();
            // A window ends with the first that comes after it, which may be a little late.
            assert!(sum <= 240 + 120 * second as u64 + 6, "seed {seed}: {sums:?}");
        }
        assert!(sums.iter().sum::<u64>() > 18 * 120, "and is used: {sums:?}");
    }
}

#[test]
fn a_limit_below_the_size_of_a_transaction_lets_some_pass_at_its_rate() {
    let (policies, ..) =
        compile_all(json!([policy("rate_limiting", json!({"spans_per_second": 5, "burst_capacity": 100}))]));
    let all: Vec<_> = (0..20_000).map(|index| come(index, index * SECOND / 10, 50)).collect();
    let sum: u64 = spans_by_second(&all, &policies).iter().sum();
    // 2000 seconds of 5 spans, and the burst.
    assert!((9_000..11_500).contains(&sum), "{sum}");
}

#[test]
fn rule_18_a_transaction_bigger_than_the_burst_passes_alone_in_its_window() {
    for block in [json!({"spans_per_second": 10, "burst_capacity": 20}), json!({"spans_per_second": 10})] {
        let (policies, ..) = compile_all(json!([policy("rate_limiting", block)]));
        let mut giant = transaction("giant");
        giant.facts.spans = 50_000;
        assert_eq!(alone(&policies, &giant), (true, Some("rate_limiting".into()), 1.0));
        // In the same window nothing else passes, or it does not.
        let both: Vec<_> = (0..50)
            .map(|window| {
                [come(window, window * 60 * SECOND, 50_000), come(1000 + window, window * 60 * SECOND, 5)]
            })
            .collect();
        for pair in &both {
            let kept = run(&policies, pair).iter().filter(|fate| fate.keep).count();
            assert_eq!(kept, 1);
        }
        let giants = both.iter().filter(|pair| run(&policies, &pair[..])[0].keep).count();
        assert!(giants < 15, "a giant does not starve the rest: {giants} of 50");
    }
}

#[test]
fn bytes_and_transactions_are_limited_by_what_they_are() {
    let bytes = policy("bytes_limiting", json!({"bytes_per_second": 8000, "burst_capacity": 8000}));
    let throughput =
        policy("throughput_limiting", json!({"transactions_per_second": 3, "burst_capacity": 3}));
    let all: Vec<_> = (0..100).map(|index| come(index, index * SECOND / 20, 10)).collect();
    // 10 spans are 4000 bytes here.
    for (block, expected) in [(bytes, 20), (throughput, 30)] {
        let (policies, ..) = compile_all(json!([block]));
        assert_eq!(spans_by_second(&all, &policies), [expected; 5]);
    }
}

#[test]
fn errors_are_decided_at_once_and_count_for_a_limit_as_in_the_collector() {
    let errors = policy("boolean_attribute", json!({"key": "failed", "value": true}));
    let limit = policy("rate_limiting", json!({"spans_per_second": 10, "burst_capacity": 10}));
    let (policies, ..) = compile_all(json!([errors, limit]));
    let mut sampler = Sampler::new(&policies);
    let mut failed = transaction("failed");
    (failed.facts.matches, failed.facts.spans) = (1, 10);
    assert!(
        matches!(sampler.offer(&policies, &failed, 5), Offer::Decided(decision) if decision.keep && decision.policy == Some("boolean_attribute") && decision.reason == "failed = true")
    );
    let mut calm = transaction("calm");
    calm.facts.spans = 10;
    assert!(matches!(sampler.offer(&policies, &calm, 6), Offer::Pending(_)));
    assert_eq!(sampler.due(), Some(SECOND));
    assert!(sampler.window_end(&policies, SECOND - 1).is_empty());
    // Both contend for ten spans: one of them passes.
    let settled = sampler.window_end(&policies, SECOND);
    assert_eq!(settled.len(), 1);
    let expected = if settled[0].decision.keep { "within 10 spans a second" } else { "" };
    assert_eq!(settled[0].decision.reason, expected);
    let weight = settled[0].decision.weight;
    assert!(!settled[0].decision.keep || weight > 1.0, "{weight}");
    assert_eq!(sampler.due(), None);
}

#[test]
fn a_limit_before_the_reason_waits_so_that_kept_by_is_the_first_that_voted() {
    let errors = policy("boolean_attribute", json!({"key": "failed", "value": true}));
    let (policies, ..) =
        compile_all(json!([policy("rate_limiting", json!({"spans_per_second": 100})), errors]));
    let mut failed = transaction("failed");
    failed.facts.matches = 1;
    assert_eq!(alone(&policies, &failed), (true, Some("rate_limiting".into()), 1.0));
}

#[test]
fn sample_on_first_match_leaves_limits_to_what_is_not_kept_yet() {
    let list = json!([
        policy("boolean_attribute", json!({"key": "failed", "value": true})),
        policy("rate_limiting", json!({"spans_per_second": 10, "burst_capacity": 10})),
    ]);
    let options = Options { sample_on_first_match: true, ..Options::default() };
    let policies =
        Policies::compile_with(&common::settings(list), &options, &mut MatcherTable::default()).unwrap();
    let mut failed = come(0, 0, 10);
    failed.matches = 1;
    let fates = run(&policies, &[failed, come(1, 1, 10)]);
    assert!(fates.iter().all(|fate| fate.keep && (fate.weight - 1.0).abs() < 1e-9), "{fates:?}");
}

#[test]
fn what_is_dropped_counts_for_no_limit() {
    let probes = policy(
        "drop",
        json!({"drop_sub_policy": [policy("boolean_attribute", json!({"key": "probe", "value": true}))]}),
    );
    let limit = policy("rate_limiting", json!({"spans_per_second": 10, "burst_capacity": 10}));
    let (policies, ..) = compile_all(json!([limit, probes]));
    let mut probe = come(0, 0, 10);
    probe.matches = 1;
    let fates = run(&policies, &[probe, come(1, 1, 10)]);
    assert_eq!((fates[0].keep, fates[1].keep), (false, true));
    assert!((fates[1].weight - 1.0).abs() < 1e-9);
}

#[test]
fn a_limit_that_is_shared_fairly_gives_each_key_its_part_and_a_flood_no_more() {
    let block = json!({"spans_per_second": 100, "burst_capacity": 100, "fair_by": ["type"]});
    let (policies, ..) = compile_all(json!([policy("rate_limiting", block)]));
    let all: Vec<_> = (0..2000)
        .map(|index| {
            // One in a hundred is a login, one in forty a statement.
            let kind = if index % 100 == 0 {
                "login"
            } else if index % 40 == 0 {
                "statement"
            } else {
                "transfer"
            };
            Come { kind, ..come(index, index * SECOND / 400, 10) }
        })
        .collect();
    let fates = run(&policies, &all);
    let kept = |kind: &str, second: u64| {
        let of = |(come, fate): &(&Come, &common::stream::Fate)| {
            come.kind == kind && come.at / SECOND == second && fate.keep
        };
        all.iter().zip(&fates).filter(of).count()
    };
    for second in 0..5 {
        // Four logins ask for more than a third of what there is, eight statements too: each gets a third.
        assert_eq!((kept("login", second), kept("statement", second), kept("transfer", second)), (3, 3, 3));
    }
}

fn composite(extra: serde_json::Value) -> serde_json::Value {
    let bit = |name: &str| json!({"name": name, "type": "boolean_attribute", "boolean_attribute": {"key": name, "value": true}});
    let mut block = json!({
        "max_total_spans_per_second": 100,
        "policy_order": ["a", "b"],
        "composite_sub_policy": [bit("a"), bit("b")],
    });
    for (key, value) in extra.as_object().unwrap() {
        block[key] = value.clone();
    }
    policy("composite", block)
}

#[test]
fn composite_gives_each_sub_policy_its_part_and_names_it() {
    let list = json!([composite(
        json!({"rate_allocation": [{"policy": "a", "percent": 50}, {"policy": "b", "percent": 20}]})
    )]);
    let (policies, ..) = compile_all(list);
    let marked = |matches: u64| {
        let all = (0..400).map(|index| Come { matches, ..come(index, index * SECOND / 100, 5) });
        all.collect::<Vec<_>>()
    };
    assert_eq!(spans_by_second(&marked(1), &policies), [50; 4]);
    assert_eq!(spans_by_second(&marked(2), &policies), [20; 4]);
    // The first that matches, and only that: what its part has no room for is not kept by the next.
    assert_eq!(spans_by_second(&marked(3), &policies), [50; 4]);
    assert_eq!(spans_by_second(&marked(0), &policies), [0; 4]);
    let fates = run(&policies, &marked(2));
    assert!(fates.iter().flat_map(|fate| &fate.policy).all(|policy| policy == "composite/b"));
}

#[test]
fn rule_22_a_sub_policy_without_a_part_gets_an_equal_one() {
    for extra in [
        json!({}),
        json!({"rate_allocation": [{"policy": "a", "percent": 30}]}),
        json!({"rate_allocation": [{"policy": "b", "percent": 0}]}),
    ] {
        let (policies, ..) = compile_all(json!([composite(extra)]));
        let all: Vec<_> =
            (0..300).map(|index| Come { matches: 2, ..come(index, index * SECOND / 100, 5) }).collect();
        assert_eq!(spans_by_second(&all, &policies), [50; 3]);
    }
}

#[test]
fn limits_of_the_whole_are_divided_among_partitions_and_bursts_are_not() {
    let list = json!([policy("rate_limiting", json!({"spans_per_second": 400, "burst_capacity": 150}))]);
    let options = Options { partitions: 4, ..Options::default() };
    let policies =
        Policies::compile_with(&common::settings(list), &options, &mut MatcherTable::default()).unwrap();
    let all: Vec<_> = (0..300).map(|index| come(index, index * SECOND / 100, 10)).collect();
    assert_eq!(spans_by_second(&all, &policies), [150, 100, 100]);
}

#[test]
fn a_state_survives_being_stored_in_the_middle_of_anything() {
    let list = json!([
        policy("rate_limiting", json!({"spans_per_second": 200})),
        policy("dynamic", json!({"sample_rate": 5, "field_list": ["type"], "clear_frequency": "2s"})),
        policy("windowed_throughput", json!({"goal_throughput_per_sec": 50, "field_list": ["type"]})),
        policy("floor", json!({"field_list": ["type"]})),
    ]);
    let (policies, ..) = compile_all(list);
    let all = stream(7, 10, 50);
    let stored = run_with(&policies, &all, &mut |sampler| {
        let bytes = postcard::to_stdvec(sampler).unwrap();
        *sampler = postcard::from_bytes(&bytes).unwrap();
    });
    assert_eq!(stored, run(&policies, &all));
}

#[test]
fn other_policies_take_over_the_state_of_those_that_stay() {
    let limit = |name: &str| json!({"name": name, "type": "rate_limiting", "rate_limiting": {"spans_per_second": 10, "burst_capacity": 1000}});
    let (before, ..) = compile_all(json!([limit("kept")]));
    let mut sampler = Sampler::new(&before);
    let mut large = transaction("large");
    large.facts.spans = 990;
    let Offer::Pending(first) = sampler.offer(&before, &large, 0) else { panic!("a limit decides later") };
    assert_eq!(sampler.flush(&before, SECOND)[0].ticket, first);
    let (after, ..) = compile_all(json!([limit("new"), limit("kept")]));
    let mut sampler = sampler.adopt(&after);
    let mut next = transaction("next");
    next.facts.spans = 500;
    let Offer::Pending(second) = sampler.offer(&after, &next, SECOND) else {
        panic!("a limit decides later")
    };
    assert!(second > first, "tickets are not given twice");
    let settled = sampler.flush(&after, 2 * SECOND);
    let votes: Vec<_> = settled[0].decision.votes.iter().map(|(policy, _)| *policy).collect();
    assert!(votes.contains(&"new"), "a full bucket: {votes:?}");
    assert!(
        !votes.contains(&"kept") || settled[0].decision.weight < 1.1,
        "the bucket of `kept` is nearly empty"
    );
}

#[test]
fn every_policy_says_what_it_votes_and_one_with_a_limit_waits() {
    let drop = policy(
        "drop",
        json!({"drop_sub_policy": [policy("boolean_attribute", json!({"key": "probe", "value": true}))]}),
    );
    let (policies, ..) = compile_all(json!([
        policy("rate_limiting", json!({"spans_per_second": 10})),
        policy("always_sample", json!({})),
        policy("latency", json!({"threshold_ms": 1000})),
        drop,
        policy("floor", json!({"field_list": ["type"], "per": "1m"})),
    ]));
    let sampler = Sampler::new(&policies);
    let votes = sampler.explain(&policies, &transaction("t"));
    let found: Vec<_> = votes.iter().map(|vote| (vote.policy, vote.verdict, vote.about.as_str())).collect();
    assert_eq!(
        found,
        [
            ("rate_limiting", Verdict::Waits, "within 10 spans a second"),
            ("always_sample", Verdict::Keep, "always"),
            ("latency", Verdict::Nothing, "trace took 10 ms, over 1000 ms"),
            ("drop", Verdict::Nothing, "probe = true"),
            ("floor", Verdict::Keep, "of the first 1 of its key in 1m"),
        ]
    );
    let mut probe = transaction("p");
    probe.facts.matches = 1;
    assert_eq!(sampler.explain(&policies, &probe)[3].verdict, Verdict::Drop);
    assert_eq!(sampler, Sampler::new(&policies), "explaining counts nothing");
}

#[test]
fn randomness_that_was_brought_along_decides_all_draws() {
    let draw = |name: &str, percentage: f64, salt: &str| json!({"name": name, "type": "probabilistic", "probabilistic": {"sampling_percentage": percentage, "hash_salt": salt}});
    let (policies, ..) = compile_all(json!([draw("a", 25.0, "s"), draw("b", 50.0, "t")]));
    let with = |rv: &str, th: Option<&str>| Transaction {
        randomness: throughline_sampling::Randomness::parse(rv),
        sampled_before: th.and_then(throughline_sampling::Threshold::parse),
        ..transaction("any")
    };
    // One draw for both salts: half of all are kept, and three quarters is where a quarter begins.
    assert_eq!(alone(&policies, &with("80000000000000", None)), (true, Some("b".into()), 2.0));
    assert_eq!(alone(&policies, &with("c0000000000000", None)), (true, Some("a".into()), 2.0));
    assert!(!alone(&policies, &with("7fffffffffffff", None)).0);
    // Sampled before at a quarter: all of that is kept, and stands for four.
    assert_eq!(alone(&policies, &with("c0000000000000", Some("c"))), (true, Some("a".into()), 4.0));
    // Without randomness both shares are independent.
    let before = Transaction { randomness: None, ..with("c0000000000000", Some("c")) };
    let (kept, ..) = compile_all(json!([policy("always_sample", json!({}))]));
    assert_eq!(alone(&kept, &before), (true, Some("always_sample".into()), 4.0));
}

#[test]
fn wrong_limits_are_faults() {
    let table = [
        (policy("rate_limiting", json!({"spans_per_second": 0})), "a number above 0"),
        (policy("rate_limiting", json!({})), "missing field `spans_per_second`"),
        (
            policy("bytes_limiting", json!({"bytes_per_second": 5, "burst_capacity": -1})),
            "or more is expected",
        ),
        (composite(json!({"policy_order": ["a", "c"]})), "no sub-policy has this name"),
        (
            composite(json!({"rate_allocation": [{"policy": "c", "percent": 5}]})),
            "no sub-policy has this name",
        ),
        (composite(json!({"composite_sub_policy": []})), "at least one policy"),
        (policy("not", json!({"not_sub_policy": composite(json!({}))})), "only at the top"),
        (policy("floor", json!({"field_list": ["type"], "count": 0})), "at least 1"),
        (policy("floor", json!({"field_list": [""], "per": "1m"})), "name of a field"),
        (policy("dynamic", json!({"sample_rate": 0.5, "field_list": ["type"]})), "one in so many"),
        (
            policy("ema_dynamic", json!({"goal_sample_rate": 5, "weight": 1.0, "field_list": ["type"]})),
            "below 1",
        ),
        (
            policy("total_throughput", json!({"clear_frequency": "5", "field_list": ["type"]})),
            "a time above 0",
        ),
        (policy("windowed_throughput", json!({})), "missing field `field_list`"),
    ];
    for (settings, hint) in table {
        let found = faults(json!([settings]));
        assert!(found.iter().any(|fault| fault.to_string().contains(hint)), "{found:?} does not say {hint}");
    }
}

#[test]
fn facts_of_spans_are_a_transaction() {
    let facts = TransactionFacts { id: "x", spans: 3, ..TransactionFacts::default() };
    assert_eq!(Transaction::from(facts).facts, facts);
}

#[test]
fn overload_sheds_by_id_and_weights_and_reasons_say_so() {
    let (policies, ..) = compile_all(json!([
        policy("boolean_attribute", json!({"key": "failed", "value": true})),
        policy("probabilistic", json!({"sampling_percentage": 50})),
    ]));
    let mut sampler = Sampler::new(&policies);
    sampler.shed(0.25);
    let (mut sum, mut shed, count) = (0.0, 0u32, 4000u32);
    for index in 0..count {
        let id = format!("shed/{index}");
        let mut one = transaction(&id);
        one.facts.matches = u64::from(index % 2);
        let Offer::Decided(decision) = sampler.offer(&policies, &one, 0) else {
            panic!("no limit has a say")
        };
        assert!(!decision.keep || [4.0, 8.0].contains(&decision.weight), "{decision:?}");
        assert!(
            decision.reason.contains("overload: one in 4") || decision.keep || decision.reason.is_empty()
        );
        shed += u32::from(decision.reason.contains("overload"));
        sum += decision.weight;
    }
    // Standard deviations: 27 of what is shed, 142 of the sum.
    assert!((f64::from(shed) - 3000.0).abs() < 3.0 * 27.4, "{shed}");
    assert!((sum - 4000.0).abs() < 3.0 * 142.0, "{sum}");
    sampler.shed(1.0);
    assert_eq!(sampler, Sampler::new(&policies));
    // By randomness that was brought along, what is shed and what is drawn are one: of the quarter, all are in the half.
    sampler.shed(0.25);
    let mut one = transaction("any");
    one.randomness = throughline_sampling::Randomness::parse("c0000000000000");
    assert!(
        matches!(sampler.offer(&policies, &one, 0), Offer::Decided(decision) if (decision.weight - 4.0).abs() < 1e-9)
    );
    one.randomness = throughline_sampling::Randomness::parse("bfffffffffffff");
    assert!(matches!(sampler.offer(&policies, &one, 0), Offer::Decided(decision) if !decision.keep));
}

#[test]
fn what_is_kept_says_its_threshold() {
    let (policies, ..) = compile_all(json!([policy("probabilistic", json!({"sampling_percentage": 25}))]));
    let ids: Vec<String> = (0..100).map(|index| index.to_string()).collect();
    let decisions = ids.iter().map(|id| policies.decide(&transaction(id).facts));
    let (kept, not_kept): (Vec<_>, Vec<_>) = decisions.partition(|decision| decision.keep);
    assert!(kept.iter().all(|decision| decision.threshold().unwrap().to_string() == "c") && !kept.is_empty());
    assert!(not_kept.iter().all(|decision| decision.threshold().is_none()) && !not_kept.is_empty());
}
