//! Wrong settings: all faults at once, each with what is expected.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{faults, policy};
use serde_json::{Value, json};
use throughline_sampling::{MAX_CELLS, MAX_DEPTH, MatcherTable, Options, Policies, SUPPORTED};

#[test]
fn all_faults_of_all_policies_are_told_at_once() {
    let found = faults(json!([
        {"name": "a", "type": "latency", "latency": {"threshold_ms": -1}},
        {"name": "b", "type": "status_code", "status_code": {"status_codes": ["BROKEN", "ok"]}},
        {"name": "b", "type": "always_sample"},
        {"type": "always_sample"},
        {"name": "c", "type": "and", "and": {"and_sub_policy": [
            {"name": "d", "type": "string_attribute", "string_attribute": {"key": "k", "values": ["("], "enabled_regex_matching": true}},
            {"name": "e", "type": "otl_condition", "otl_condition": {}},
        ]}},
    ]));
    let told: Vec<_> = found.iter().map(|fault| (fault.policy.as_str(), fault.key.as_str())).collect();
    assert_eq!(
        told,
        [
            ("a", "latency"),
            ("b", "status_code.status_codes"),
            ("b", "status_code.status_codes"),
            ("b", "name"),
            ("#4", "name"),
            ("c/d", "string_attribute.values"),
            ("c/e", "type"),
        ]
    );
    assert!(found.iter().all(|fault| !fault.is_retryable()));
    assert_eq!(
        found[1].to_string(),
        "policy `b`: status_code.status_codes `BROKEN`: one of OK, ERROR, UNSET is expected"
    );
}

#[test]
fn an_unknown_type_is_a_fault_that_lists_what_is_supported() {
    for kind in ["latncy", "cascading", ""] {
        let found = faults(json!([{"name": "p", "type": kind, kind: {}}]));
        assert_eq!((found[0].key.as_str(), found[0].value.as_str()), ("type", kind));
        assert!(SUPPORTED.iter().all(|supported| found[0].hint.contains(supported)), "{}", found[0]);
    }
}

#[test]
fn who_knows_only_facts_of_spans_is_told_of_policies_that_need_more() {
    let limit = json!({"name": "l", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 5}});
    let flags = json!({"name": "f", "type": "trace_flags"});
    let cel = json!({"name": "c", "type": "cel", "cel": {"condition": "traces > 2"}});
    let floor = json!({"name": "f", "type": "floor", "floor": {"field_list": ["type"]}});
    for policy in [limit, flags, cel, floor] {
        let settings = common::settings(json!([policy]));
        let found = Policies::compile(&settings, &mut MatcherTable::default()).unwrap_err();
        assert!(found[0].hint.contains("not at hand"), "{}", found[0]);
        Policies::compile_with(&settings, &Options::default(), &mut MatcherTable::default()).unwrap();
    }
}

#[test]
fn one_wrong_block_is_one_fault_with_its_reason() {
    let table: [(Value, &str); 18] = [
        (policy("latency", json!({"treshold_ms": 5})), "unknown field `treshold_ms`"),
        (policy("latency", json!({"threshold_ms": 5, "of": "day"})), "unknown variant `day`"),
        (policy("latency", json!({"threshold_ms": 5, "upper_threshold_ms": 5})), "above `threshold_ms`"),
        (policy("status_code", json!({"status_codes": []})), "at least one"),
        (policy("status_code", json!({})), "missing field `status_codes`"),
        (policy("probabilistic", json!({})), "missing field `sampling_percentage`"),
        (policy("probabilistic", json!({"sampling_percentage": -1})), "0 to 100"),
        (policy("numeric_attribute", json!({"key": "k"})), "`min_value` or `max_value` is needed"),
        (policy("numeric_attribute", json!({"key": "k", "min_value": 2, "max_value": 1})), "not be below"),
        (policy("string_attribute", json!({"key": "", "values": ["a"]})), "name of an attribute"),
        (policy("string_attribute", json!({"key": "", "values": []})), "name of an attribute"),
        (policy("string_attribute", json!({"key": "k", "values": [1]})), "expected a string"),
        (policy("boolean_attribute", json!({"key": "k", "value": "yes"})), "expected a boolean"),
        (policy("span_count", json!({"min_spans": 3, "max_spans": 2})), "not be below"),
        (policy("and", json!({"and_sub_policy": []})), "at least one policy"),
        (policy("drop", json!({"drop_sub_policy": []})), "at least one policy"),
        (policy("not", json!({})), "missing field `not_sub_policy`"),
        (
            json!({"name": "p", "type": "always_sample", "latency": {}}),
            "a policy of type `always_sample` has",
        ),
    ];
    for (settings, hint) in table {
        let found = faults(json!([settings]));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_string().contains(hint), "{} does not say {hint}", found[0]);
    }
}

#[test]
fn drop_stands_only_at_the_top() {
    let drop = policy("drop", json!({"drop_sub_policy": [{"name": "all", "type": "always_sample"}]}));
    let found = faults(json!([{"name": "p", "type": "not", "not": {"not_sub_policy": drop}}]));
    assert_eq!((found[0].policy.as_str(), found[0].value.as_str()), ("p/drop", "drop"));
}

#[test]
fn depth_is_bounded() {
    let mut deep = json!({"name": "all", "type": "always_sample"});
    for _ in 0..MAX_DEPTH - 1 {
        deep = policy("not", json!({"not_sub_policy": deep}));
    }
    common::compile(json!([deep]));
    let found = faults(json!([policy("not", json!({"not_sub_policy": deep}))]));
    assert!(found[0].hint.contains("nest at most"), "{}", found[0]);
}

#[test]
fn more_questions_than_bits_are_a_fault() {
    let question = |index| json!({"name": format!("p{index}"), "type": "boolean_attribute", "boolean_attribute": {"key": format!("k{index}"), "value": true}});
    common::compile((0..64).map(question).collect());
    let found = faults((0..66).map(question).collect());
    assert_eq!(found.iter().map(|fault| fault.policy.as_str()).collect::<Vec<_>>(), ["p64", "p65"]);
}

#[test]
fn more_combinations_of_draws_than_can_be_weighed_are_a_fault() {
    let nested = |index| {
        json!({"name": format!("p{index}"), "type": "and", "and": {"and_sub_policy": [
            {"name": "d", "type": "probabilistic", "probabilistic": {"sampling_percentage": 5, "hash_salt": format!("{index}")}}]}})
    };
    let most = MAX_CELLS.ilog2();
    common::compile((0..most).map(nested).collect());
    let found = faults((0..=most).map(nested).collect());
    assert_eq!(found[0].key, "probabilistic.hash_salt");
    let plain = |index| json!({"name": format!("p{index}"), "type": "probabilistic", "probabilistic": {"sampling_percentage": 5, "hash_salt": format!("{index}")}});
    common::compile((0..50).map(plain).collect());
}
