//! Refinery's rules: operators, datatypes, scopes, first match. And a Collector's block pasted as it stands.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{alone, compile_all, faults, policy, transaction};
use serde_json::{Value, json};
use throughline_otlp::plan::AttributeTest;
use throughline_sampling::{Policies, SpanQuestions, SpanView, status};

/// A span with attributes, as the scan sees it.
type Span<'a> = (SpanView<'a>, &'a [(&'a str, Value)]);

/// What the scan answers.
fn scan(test: &AttributeTest, value: &Value) -> bool {
    let within = |min: Option<f64>, max: Option<f64>| {
        value
            .as_f64()
            .is_some_and(|value| min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max))
    };
    match test {
        AttributeTest::StringIn(list) => {
            value.as_str().is_some_and(|text| list.iter().any(|one| **one == *text.as_bytes()))
        }
        AttributeTest::StringMatches(list) => {
            value.as_str().is_some_and(|text| list.iter().any(|one| one.is_match(text.as_bytes())))
        }
        AttributeTest::Number { min, max } => within(*min, *max),
        AttributeTest::Integer { min, max } => within(min.map(|min| min as f64), max.map(|max| max as f64)),
        AttributeTest::Bool(wanted) => value.as_bool() == Some(*wanted),
        AttributeTest::Present => !value.is_null(),
    }
}

fn matches(
    matchers: &[throughline_otlp::plan::Matcher],
    questions: &SpanQuestions,
    spans: &[Span<'_>],
) -> u64 {
    let of_span = |(span, attributes): &Span<'_>| {
        let yes = |matcher: &&throughline_otlp::plan::Matcher| {
            attributes.iter().any(|(key, value)| **key == *matcher.key && scan(&matcher.test, value))
        };
        let bits = matchers.iter().filter(yes).fold(0, |bits, matcher| bits | 1 << matcher.bit);
        bits | questions.answer(&SpanView { matches: bits, ..*span })
    };
    spans.iter().fold(0, |bits, span| bits | of_span(span))
}

/// The rule that decided, and whether it kept; with a rate of 1 what is matched is kept.
fn decided(rules: Value, spans: &[Span<'_>]) -> (bool, Option<String>) {
    let (policies, matchers, questions) = compile_all(json!([policy("rules", json!({"rules": rules}))]));
    decided_by(&policies, matches(&matchers, &questions, spans), spans.len())
}

fn decided_by(policies: &Policies, matches: u64, spans: usize) -> (bool, Option<String>) {
    let mut transaction = transaction("t");
    (transaction.facts.matches, transaction.facts.spans) = (matches, spans as u64);
    let (keep, policy, _) = alone(policies, &transaction);
    (keep, policy)
}

/// Whether a rule of these conditions matches.
fn holds(conditions: Value, scope: &str, spans: &[Span<'_>]) -> bool {
    let rule = json!([{"name": "r", "scope": scope, "conditions": conditions, "sample_rate": 1}]);
    let (keep, policy) = decided(rule, spans);
    assert!(keep, "what no rule matches is kept");
    policy.as_deref() == Some("rules/r")
}

fn condition(field: &str, operator: &str, value: Value) -> Value {
    json!({"field": field, "operator": operator, "value": value})
}

fn typed(operator: &str, value: Value, datatype: &str) -> Value {
    json!({"field": "test", "operator": operator, "value": value, "datatype": datatype})
}

#[test]
fn operators_and_datatypes_compare_as_refinery_says() {
    let table = [
        (condition("test", "=", json!(1)), json!(1), true),
        (condition("test", "=", json!(1)), json!("1"), false),
        (condition("test", ">", json!(1)), json!(2), true),
        (condition("test", "<", json!(2)), json!(1), true),
        (condition("test", "<", json!(2.2)), json!(1), true),
        (condition("test", "<=", json!(2)), json!(2), true),
        (condition("test", ">", json!(2)), json!(2), false),
        (condition("test", ">", json!(2)), json!(2.5), true),
        (condition("test", ">=", json!(2.2)), json!(2.2), true),
        (condition("test", "!=", json!(1)), json!(2), true),
        (condition("test", "!=", json!(1)), json!(1), false),
        (condition("test", "!=", json!("a")), json!(1), false),
        (condition("test", "!=", json!("a")), json!("b"), true),
        (condition("test", "=", json!(true)), json!(true), true),
        (condition("test", "!=", json!(true)), json!(false), true),
        (condition("test", "exists", Value::Null), json!("x"), true),
        (condition("test", "exists", Value::Null), json!(0), true),
        (condition("test", "not-exists", Value::Null), json!(false), false),
        (condition("other", "not-exists", Value::Null), json!(1), true),
        (condition("test", "contains", json!("le.a")), json!("example.age"), true),
        (condition("test", "contains", json!("le.a")), json!("exampleXage"), false),
        (condition("test", "does-not-contain", json!("x")), json!("abc"), true),
        (condition("test", "starts-with", json!("ab")), json!("abc"), true),
        (condition("test", "starts-with", json!("bc")), json!("abc"), false),
        (condition("test", "matches", json!("^a.c$")), json!("abc"), true),
        (condition("test", "in", json!(["a", "b"])), json!("b"), true),
        (condition("test", "not-in", json!(["a", "b"])), json!("b"), false),
        (condition("test", "not-in", json!(["a", "b"])), json!("c"), true),
        (typed("=", json!(500), "int"), json!("500"), true),
        (typed("=", json!(500), "string"), json!(500), true),
        (typed("=", json!("500"), "int"), json!(500), true),
        (typed("!=", json!("a"), "string"), json!(5), true),
        (typed(">=", json!("500"), "int"), json!(501), true),
        (typed("=", json!("true"), "bool"), json!(true), true),
        (typed("in", json!([200, 201]), "int"), json!("201"), true),
    ];
    for (condition, value, expected) in table {
        let attributes = [("test", value)];
        let found = holds(json!([condition]), "trace", &[(SpanView::default(), &attributes)]);
        assert_eq!(found, expected, "{condition} of {}", attributes[0].1);
    }
}

#[test]
fn what_is_no_attribute_is_asked_of_the_span() {
    let span = SpanView {
        name: "GET /x",
        duration_ns: 1_500_000_000,
        status: status::ERROR,
        root: false,
        ..SpanView::default()
    };
    let table = [
        (condition("name", "=", json!("GET /x")), true),
        (condition("name", "starts-with", json!("POST")), false),
        (condition("name", "in", json!(["a", "GET /x"])), true),
        (condition("duration_ms", ">=", json!(1500)), true),
        (condition("duration_ms", ">", json!(1500)), false),
        (condition("duration_ms", "<", json!(1500.5)), true),
        (condition("error", "exists", Value::Null), true),
        (condition("error", "=", json!(true)), true),
        (condition("trace.parent_id", "not-exists", Value::Null), false),
        (condition("trace.parent_id", "exists", Value::Null), true),
        (condition("?.NUM_DESCENDANTS", ">=", json!(1)), true),
        (condition("?.NUM_DESCENDANTS", ">", json!(1)), false),
        (json!({"operator": "has-root-span", "value": false}), true),
        (json!({"operator": "has-root-span", "value": true}), false),
    ];
    for (condition, expected) in table {
        assert_eq!(holds(json!([condition]), "trace", &[(span, &[])]), expected, "{condition}");
    }
}

#[test]
fn a_trace_scope_asks_any_span_for_each_condition_and_a_span_scope_one_for_all() {
    let (first, second) = ([("a", json!(1)), ("b", json!(2))], [("a", json!(2)), ("b", json!(1))]);
    let spans =
        [(SpanView::default(), &first[..]), (SpanView { root: true, ..SpanView::default() }, &second[..])];
    let both = json!([condition("a", "=", json!(1)), condition("b", "=", json!(1))]);
    assert!(holds(both.clone(), "trace", &spans));
    assert!(!holds(both, "span", &spans));
    let one = json!([condition("a", "=", json!(1)), condition("b", "=", json!(2))]);
    assert!(holds(one, "span", &spans));
    let of_root = |value| json!([condition("root.a", "=", json!(value))]);
    assert!(holds(of_root(2), "trace", &spans));
    assert!(!holds(of_root(1), "trace", &spans));
    let either = json!([{"fields": ["x", "a"], "operator": "=", "value": 2}]);
    assert!(holds(either, "trace", &spans));
}

#[test]
fn the_first_rule_that_matches_says_what_to_do() {
    let rules = json!([
        {"name": "health", "drop": true, "conditions": [condition("http.route", "=", json!("/health"))]},
        {"name": "errors", "sample_rate": 1, "conditions": [condition("error", "exists", Value::Null)]},
        {"name": "none", "sample_rate": 0, "conditions": [condition("noisy", "=", json!(true))]},
        {"name": "keyed", "sampler": {"type": "ema_dynamic", "ema_dynamic": {"goal_sample_rate": 1, "field_list": ["type"]}}},
    ]);
    fn span<'a>(attributes: &'a [(&'a str, Value)], status: u8) -> [Span<'a>; 1] {
        [(SpanView { status, ..SpanView::default() }, attributes)]
    }
    let health = [("http.route", json!("/health"))];
    let noisy = [("noisy", json!(true))];
    assert_eq!(decided(rules.clone(), &span(&health, status::ERROR)), (false, None));
    assert_eq!(decided(rules.clone(), &span(&[], status::ERROR)), (true, Some("rules/errors".into())));
    assert_eq!(decided(rules.clone(), &span(&noisy, status::OK)), (false, None));
    assert_eq!(decided(rules, &span(&[], status::OK)), (true, Some("rules/keyed".into())));
    let only = json!([{"name": "health", "drop": true, "conditions": [condition("http.route", "=", json!("/health"))]}]);
    assert_eq!(decided(only, &span(&[], status::OK)), (true, Some("rules/no rule matched".into())));
}

#[test]
fn wrong_rules_are_faults() {
    let rule = |extra: Value| {
        let mut rule = json!({"name": "r"});
        for (key, value) in extra.as_object().unwrap() {
            rule[key] = value.clone();
        }
        policy("rules", json!({"rules": [rule]}))
    };
    let of = |condition: Value| rule(json!({"sample_rate": 1, "conditions": [condition]}));
    let table = [
        (rule(json!({})), "one of `drop: true`, `sample_rate` and `sampler`"),
        (rule(json!({"drop": true, "sample_rate": 5})), "one of `drop: true`"),
        (rule(json!({"sample_rate": 1, "scope": "galaxy"})), "unknown variant `galaxy`"),
        (rule(json!({"sample_rate": 1, "cel": "tpe == 1"})), "`tpe` does not exist"),
        (rule(json!({"sampler": {"type": "rules"}})), "only at the top"),
        (of(condition("a", "~", json!(1))), "one of =, !="),
        (of(condition("a", "<", json!("x"))), "texts are compared by = and != only"),
        (of(condition("a", "matches", json!("("))), "a pattern is expected"),
        (of(condition("duration_ms", "=", json!(1))), "expected of a duration"),
        (of(json!({"operator": "="})), "one of `field` and `fields`"),
        (of(typed("=", json!("x"), "int")), "a number is expected"),
        (of(typed("=", json!("x"), "decimal")), "one of string, int, float, bool"),
        (of(condition("?.NUM_DESCENDANTS", "=", json!("many"))), "a number of spans"),
        (policy("rules", json!({"rules": []})), "at least one rule"),
    ];
    for (settings, hint) in table {
        let found = faults(json!([settings]));
        assert!(found.iter().any(|fault| fault.to_string().contains(hint)), "{found:?} does not say {hint}");
    }
}

#[test]
fn a_collectors_block_of_all_its_policies_compiles_as_it_stands() {
    let span = [
        "attributes[\"test_attr_key_1\"] == \"test_attr_val_1\"",
        "attributes[\"test_attr_key_2\"] != \"test_attr_val_1\"",
    ];
    let events = [
        "name != \"test_span_event_name\"",
        "attributes[\"test_event_attr_key_2\"] != \"test_event_attr_val_1\"",
    ];
    let numeric = json!({"name": "n", "type": "numeric_attribute", "numeric_attribute": {"key": "key1", "min_value": 50, "max_value": 100}});
    let string = json!({"name": "s", "type": "string_attribute", "string_attribute": {"key": "key2", "values": ["value1", "value2"]}});
    let latency = json!({"name": "l", "type": "latency", "latency": {"threshold_ms": 1000}});
    let list = json!([
        policy("always_sample", Value::Null),
        policy("latency", json!({"threshold_ms": 5000, "upper_threshold_ms": 10000})),
        policy("numeric_attribute", json!({"key": "key1", "min_value": 50, "max_value": 100})),
        policy("probabilistic", json!({"hash_salt": "custom-salt", "sampling_percentage": 0.1})),
        policy("status_code", json!({"status_codes": ["ERROR", "UNSET"]})),
        policy(
            "string_attribute",
            json!({"key": "key2", "values": ["value1", "val*"], "enabled_regex_matching": true, "cache_max_size": 10})
        ),
        policy("rate_limiting", json!({"spans_per_second": 35, "burst_capacity": 70})),
        policy("bytes_limiting", json!({"bytes_per_second": 1_024_000, "burst_capacity": 2_048_000})),
        policy("span_count", json!({"min_spans": 2, "max_spans": 20})),
        policy("trace_state", json!({"key": "key3", "values": ["value1", "value2"]})),
        policy("boolean_attribute", json!({"key": "key4", "value": true})),
        policy("ottl_condition", json!({"error_mode": "ignore", "span": span, "spanevent": events})),
        json!({"name": "flags", "type": "trace_flags"}),
        policy(
            "and",
            json!({"and_sub_policy": [numeric, string, {"name": "not", "type": "not", "not": {"not_sub_policy": latency}}]})
        ),
        policy("not", json!({"not_sub_policy": latency})),
        policy(
            "drop",
            json!({"drop_sub_policy": [{"name": "probe", "type": "string_attribute",
            "string_attribute": {"key": "url.path", "values": ["\\/health", "\\/metrics"], "enabled_regex_matching": true}}]})
        ),
        policy(
            "composite",
            json!({
                "max_total_spans_per_second": 1000,
                "policy_order": ["n", "s", "all"],
                "composite_sub_policy": [numeric, string, {"name": "all", "type": "always_sample"}],
                "rate_allocation": [{"policy": "n", "percent": 50}, {"policy": "s", "percent": 25}],
            })
        ),
    ]);
    let (policies, _, questions) = compile_all(list);
    assert_eq!(policies.names().count(), 17);
    assert!(policies.is_stateful());
    let needs = questions.needs();
    assert!(needs.events && needs.flags && needs.trace_state);
}
