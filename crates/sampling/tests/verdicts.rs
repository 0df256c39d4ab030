//! Verdicts policy by policy. Facts are those of the Collector's documentation and configuration reference, 0.161.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{compile, facts, keeps, policy};
use serde_json::json;
use throughline_otlp::plan::{AttributeTest, MatchScope};
use throughline_sampling::{TransactionFacts, Verdict, status};

const MS: u64 = 1_000_000;

#[test]
fn always_sample_keeps_all_with_or_without_a_block() {
    assert!(keeps(&json!({"name": "all", "type": "always_sample"}), &facts()));
    assert!(keeps(&policy("always_sample", json!({})), &facts()));
    assert!(keeps(&json!({"name": "all", "type": "always_sample", "always_sample": null}), &facts()));
}

#[test]
fn status_code_asks_whether_any_span_has_one_of_them() {
    let table = [
        (json!(["ERROR"]), status::ERROR, true),
        (json!(["ERROR"]), status::OK | status::ERROR, true),
        (json!(["ERROR"]), status::OK | status::UNSET, false),
        (json!(["OK"]), status::OK, true),
        (json!(["OK"]), status::UNSET, false),
        (json!(["UNSET"]), status::UNSET | status::ERROR, true),
        (json!(["ERROR", "UNSET"]), status::UNSET, true),
        (json!(["ERROR", "UNSET"]), status::OK, false),
    ];
    for (codes, statuses, expected) in table {
        let policy = policy("status_code", json!({"status_codes": codes}));
        assert_eq!(
            keeps(&policy, &TransactionFacts { statuses, ..facts() }),
            expected,
            "{codes} {statuses:b}"
        );
    }
}

#[test]
fn latency_is_longer_than_its_bound_and_not_longer_than_the_upper_one_in_whole_milliseconds() {
    let open = json!({"threshold_ms": 5000});
    let closed = json!({"threshold_ms": 5000, "upper_threshold_ms": 10000});
    let table = [
        (&open, 4500 * MS, false),
        (&open, 5000 * MS - 1, false),
        (&open, 5000 * MS, false),
        (&open, 5000 * MS + MS - 1, false),
        (&open, 5001 * MS, true),
        (&open, 60_000 * MS, true),
        (&closed, 5000 * MS, false),
        (&closed, 5001 * MS, true),
        (&closed, 10_000 * MS, true),
        (&closed, 10_000 * MS + MS - 1, true),
        (&closed, 10_001 * MS, false),
    ];
    for (block, longest_trace_ns, expected) in table {
        let facts = TransactionFacts { longest_trace_ns, duration_ns: u64::MAX, ..facts() };
        assert_eq!(keeps(&policy("latency", block.clone()), &facts), expected, "{block} {longest_trace_ns}");
    }
}

#[test]
fn latency_of_the_transaction_counts_the_waits() {
    let whole = policy("latency", json!({"threshold_ms": 1000, "of": "transaction"}));
    let longest = policy("latency", json!({"threshold_ms": 1000, "of": "trace"}));
    let facts = TransactionFacts { longest_trace_ns: 500 * MS, duration_ns: 90_000 * MS, ..facts() };
    assert!(keeps(&whole, &facts));
    assert!(!keeps(&longest, &facts));
}

#[test]
fn span_count_bounds_are_inclusive_and_an_upper_bound_of_none_is_open() {
    let table = [
        (json!({"min_spans": 2}), 1, false),
        (json!({"min_spans": 2}), 2, true),
        (json!({"min_spans": 2}), 1000, true),
        (json!({"min_spans": 2, "max_spans": 20}), 1, false),
        (json!({"min_spans": 2, "max_spans": 20}), 2, true),
        (json!({"min_spans": 2, "max_spans": 20}), 20, true),
        (json!({"min_spans": 2, "max_spans": 20}), 21, false),
        (json!({"max_spans": 2}), 2, true),
        (json!({"max_spans": 2}), 3, false),
    ];
    for (block, spans, expected) in table {
        let policy = policy("span_count", block.clone());
        assert_eq!(keeps(&policy, &TransactionFacts { spans, ..facts() }), expected, "{block} {spans}");
    }
}

#[test]
fn attribute_policies_ask_the_scan_about_spans_and_resources_and_read_the_answer_as_a_bit() {
    let blocks = [
        policy("string_attribute", json!({"key": "key2", "values": ["value1", "value2"]})),
        policy("numeric_attribute", json!({"key": "key1", "min_value": 50, "max_value": 100})),
        policy("boolean_attribute", json!({"key": "key4", "value": true})),
    ];
    for block in blocks {
        let (policies, matchers) = compile(json!([block]));
        assert_eq!(matchers.len(), 1);
        assert_eq!((matchers[0].bit, matchers[0].scope), (0, MatchScope::Any));
        assert!(!policies.decide(&facts()).keep, "{block}");
        assert!(!policies.decide(&TransactionFacts { matches: !1, ..facts() }).keep, "{block}");
        assert!(policies.decide(&TransactionFacts { matches: 1, ..facts() }).keep, "{block}");
    }
}

#[test]
fn rule_16_an_inverted_policy_votes_keep_or_nothing_and_a_missing_attribute_keeps() {
    for (kind, block) in [
        ("string_attribute", json!({"key": "k", "values": ["acme"], "invert_match": true})),
        ("numeric_attribute", json!({"key": "k", "min_value": 1, "invert_match": true})),
        ("boolean_attribute", json!({"key": "k", "value": true, "invert_match": true})),
    ] {
        let inverted = policy(kind, block);
        assert!(keeps(&inverted, &facts()));
        let matched = TransactionFacts { matches: 1, ..facts() };
        assert!(!keeps(&inverted, &matched));
        // It votes nothing then, and so does not stand against another policy's keep.
        let (policies, _) = compile(json!([inverted, {"name": "all", "type": "always_sample"}]));
        assert_eq!(policies.decide(&matched).policy, Some("all"));
    }
}

#[test]
fn string_values_are_exact_or_patterns_and_empty_ones_match_nothing() {
    let (_, matchers) = compile(json!([
        policy("string_attribute", json!({"key": "key2", "values": ["b", "", "a", "b"]})),
        {"name": "patterns", "type": "string_attribute", "string_attribute":
            {"key": "key2", "values": ["value1", "val*", "\\/health"], "enabled_regex_matching": true, "cache_max_size": 10}},
    ]));
    match &matchers[0].test {
        AttributeTest::StringIn(values) => assert_eq!(*values, [Box::from(&b"a"[..]), Box::from(&b"b"[..])]),
        other => panic!("{other:?}"),
    }
    match &matchers[1].test {
        AttributeTest::StringMatches(patterns) => {
            let matches = |text: &str| patterns.iter().any(|pattern| pattern.is_match(text.as_bytes()));
            assert!(matches("xxvalue1xx") && matches("va") && matches("/health/live") && !matches("other"));
        }
        other => panic!("{other:?}"),
    }
}

/// The Collector's own tables have both.
#[test]
fn none_of_no_values_matches() {
    for pattern in [false, true] {
        let block = |invert| json!({"key": "k", "values": [], "enabled_regex_matching": pattern, "invert_match": invert});
        assert!(!keeps(&policy("string_attribute", block(false)), &facts()));
        assert!(keeps(&policy("string_attribute", block(true)), &facts()));
    }
    assert!(!keeps(&policy("trace_state", json!({"key": "k", "values": []})), &facts()));
}

#[test]
fn rule_19_a_bound_of_0_is_a_bound_where_it_is_written_and_doubles_compare_as_doubles() {
    let test = |block| compile(json!([policy("numeric_attribute", block)])).1.remove(0).test;
    assert!(matches!(
        test(json!({"key": "k", "max_value": 0})),
        AttributeTest::Integer { min: None, max: Some(0) }
    ));
    assert!(matches!(
        test(json!({"key": "k", "min_value": 0, "max_value": i64::MAX})),
        AttributeTest::Integer { min: Some(0), max: Some(i64::MAX) }
    ));
    match test(json!({"key": "k", "min_value": 0.5})) {
        AttributeTest::Number { min: Some(min), max: None } => assert!((min - 0.5).abs() < f64::EPSILON),
        other => panic!("{other:?}"),
    }
}

#[test]
fn equal_questions_share_a_bit() {
    let block = |name: &str, invert| {
        json!({"name": name, "type": "string_attribute", "string_attribute":
            {"key": "k", "values": ["a"], "invert_match": invert}})
    };
    let (policies, matchers) = compile(json!([block("yes", false), block("no", true)]));
    assert_eq!(matchers.len(), 1);
    assert_eq!(policies.decide(&TransactionFacts { matches: 1, ..facts() }).policy, Some("yes"));
    assert_eq!(policies.decide(&facts()).policy, Some("no"));
}

#[test]
fn and_needs_all_and_not_turns_round() {
    let both = json!({"name": "both", "type": "and", "and": {"and_sub_policy": [
        {"name": "env", "type": "string_attribute", "string_attribute": {"key": "env", "values": ["prod"]}},
        {"name": "calm", "type": "not", "not": {"not_sub_policy":
            {"name": "error", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}}},
    ]}});
    let prod = TransactionFacts { matches: 1, ..facts() };
    assert!(keeps(&both, &prod));
    assert!(!keeps(&both, &facts()));
    assert!(!keeps(&both, &TransactionFacts { statuses: status::ERROR, ..prod }));
    let not = json!({"name": "none", "type": "not", "not": {"not_sub_policy":
        {"name": "all", "type": "always_sample"}}});
    assert!(!keeps(&not, &facts()));
}

#[test]
fn drop_goes_before_keep_wherever_it_stands_and_leaves_its_name_as_the_reason() {
    let probes = json!({"name": "probes", "type": "drop", "drop": {"drop_sub_policy": [
        {"name": "route", "type": "string_attribute", "string_attribute": {"key": "url.path", "values": ["/health"]}},
        {"name": "calm", "type": "not", "not": {"not_sub_policy":
            {"name": "error", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}}},
    ]}});
    let all = json!({"name": "all", "type": "always_sample"});
    for order in [json!([probes, all]), json!([all, probes])] {
        let (policies, _) = compile(order);
        let probe = TransactionFacts { matches: 1, ..facts() };
        let decision = policies.decide(&probe);
        assert_eq!((decision.keep, decision.policy, decision.reason.as_str()), (false, None, "probes"));
        assert!(decision.weight.abs() < f64::EPSILON, "rule 14: weight 0");
        // All of its policies must match.
        assert!(policies.decide(&TransactionFacts { statuses: status::ERROR, ..probe }).keep);
        assert!(policies.decide(&facts()).keep);
    }
}

#[test]
fn rule_15_kept_by_is_the_first_in_order_that_voted_keep() {
    let (policies, _) = compile(json!([
        {"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}},
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "all", "type": "always_sample"},
    ]));
    let bad = TransactionFacts { statuses: status::ERROR, longest_trace_ns: 2311 * MS, ..facts() };
    let decision = policies.decide(&bad);
    assert_eq!(decision.policy, Some("slow"));
    assert_eq!(decision.reason, "trace took 2311 ms, over 2000 ms");
    assert!((decision.weight - 1.0).abs() < f64::EPSILON);
    assert_eq!(
        policies.decide(&TransactionFacts { statuses: status::ERROR, ..facts() }).policy,
        Some("errors")
    );
    assert_eq!(policies.decide(&facts()).policy, Some("all"));
    let votes: Vec<_> =
        policies.explain(&TransactionFacts { statuses: status::ERROR, ..facts() }).into_iter().collect();
    let verdicts: Vec<_> = votes.iter().map(|vote| (vote.policy, vote.verdict)).collect();
    assert_eq!(verdicts, [("slow", Verdict::Nothing), ("errors", Verdict::Keep), ("all", Verdict::Keep)]);
    assert_eq!(votes[1].about, "status ERROR");
}

#[test]
fn without_policies_nothing_is_kept() {
    let (policies, _) = compile(json!([]));
    let decision = policies.decide(&facts());
    assert_eq!((decision.keep, decision.policy, decision.reason.as_str()), (false, None, ""));
}

#[test]
fn settings_survive_being_stored() {
    let list = json!([
        {"name": "n", "type": "numeric_attribute", "numeric_attribute": {"key": "k", "min_value": 9_007_199_254_740_993_i64}},
        {"name": "a", "type": "and", "and": {"and_sub_policy": [{"name": "b", "type": "always_sample"}]}},
    ]);
    let settings = common::settings(list.clone());
    assert_eq!(serde_json::to_value(&settings).unwrap(), list);
    assert_eq!(
        serde_json::from_slice::<Vec<_>>(&serde_json::to_vec(&settings).unwrap()).ok(),
        Some(settings)
    );
}
