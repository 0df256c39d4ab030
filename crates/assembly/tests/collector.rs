//! Cases that the Collector's tail sampling processor tests its policies with, as facts: the same spans under the same settings have the same verdict here, from
//! the wire to the decision. Its inverted decisions are keep and nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod common;

use common::{BASE, World, quick_rules};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value as Any},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Event},
};
use prost::Message;
use serde_json::{Value, json};

/// Attributes of the resource, of the span and of its event, and the span's status and trace state.
#[derive(Clone, Default)]
struct Of {
    resource: Vec<(&'static str, Any)>,
    span: Vec<(&'static str, Any)>,
    event: Vec<(&'static str, Any)>,
    status: i32,
    trace_state: &'static str,
    /// Start and end of each of its spans, milliseconds; one of 10 ms where there is none.
    times: Vec<(u64, u64)>,
}

fn attributes(list: &[(&str, Any)]) -> Vec<KeyValue> {
    let one = |(key, value): &(&str, Any)| KeyValue {
        key: (*key).into(),
        value: Some(AnyValue { value: Some(value.clone()) }),
        ..KeyValue::default()
    };
    list.iter().map(one).collect()
}

fn text(value: &str) -> Any {
    Any::StringValue(value.into())
}

/// Whether a policy keeps a trace of these.
fn keeps(policy: &Value, of: &Of) -> bool {
    keeps_of(json!([policy]), of).0
}

/// Whether policies keep it, and which.
fn keeps_of(policies: Value, of: &Of) -> (bool, String) {
    let mut world = World::new(quick_rules(policies, |_| ()));
    world.tick(2);
    let times = if of.times.is_empty() { vec![(0, 10)] } else { of.times.clone() };
    let spans = (1u64..).zip(times).map(|(number, (start, end))| Span {
        trace_id: (1..=16).collect(),
        span_id: number.to_be_bytes().to_vec(),
        parent_span_id: if number == 1 { Vec::new() } else { 1u64.to_be_bytes().to_vec() },
        name: "span".into(),
        trace_state: of.trace_state.into(),
        start_time_unix_nano: BASE + start * 1_000_000,
        end_time_unix_nano: BASE + end * 1_000_000,
        attributes: attributes(&of.span),
        events: vec![Event {
            name: "test event".into(),
            attributes: attributes(&of.event),
            ..Event::default()
        }],
        status: Some(Status { code: of.status, ..Status::default() }),
        ..Span::default()
    });
    let scope = ScopeSpans { spans: spans.collect(), ..ScopeSpans::default() };
    let resource = Resource { attributes: attributes(&of.resource), ..Resource::default() };
    let all =
        ResourceSpans { resource: Some(resource), scope_spans: vec![scope], ..ResourceSpans::default() };
    world.append(Some(ExportTraceServiceRequest { resource_spans: vec![all] }.encode_to_vec().into()));
    world.tick(15);
    let row = world.closed().pop().unwrap().row.clone().unwrap();
    (row.kept, row.kept_by)
}

fn policy(kind: &str, block: Value) -> Value {
    json!({"name": kind, "type": kind, kind: block})
}

#[test]
fn texts() {
    let health = "grpc.health.v1.HealthCheck";
    let on_span = |key, value| Of { span: vec![(key, text(value))], ..Of::default() };
    let on_resource = |key, value| Of { resource: vec![(key, text(value))], ..Of::default() };
    // Values, whether they are patterns, what has it, and whether it matches.
    let table = [
        (vec!["value"], false, on_resource("non_matching", "value"), false),
        (vec!["value"], false, on_resource("example", "non_matching"), false),
        (vec!["value"], false, on_resource("example", "value"), true),
        (vec!["value"], false, on_span("nonmatching", "value"), false),
        (vec!["value"], false, on_span("example", "nonmatching"), false),
        (vec!["value"], false, on_span("example", "value"), true),
        (vec!["first_value", "value", "last_value"], false, on_resource("example", "value"), true),
        (vec!["first_value", "value", "last_value"], false, on_span("example", "value"), true),
        (vec!["first_value", "value", "last_value"], false, on_span("example", "nonmatching"), false),
        (vec!["v[0-9]+.HealthCheck$"], true, on_span("example", health), true),
        (vec!["v[a-z]+.HealthCheck$"], true, on_span("example", health), false),
        (vec!["^http", "v[0-9]+.HealthCheck$", "metrics$"], true, on_span("example", health), true),
        (vec!["^http", "v[a-z]+.HealthCheck$", "metrics$"], true, on_span("example", health), false),
        (vec!["value"], true, on_resource("example", "value"), true),
        (vec![], true, on_span("example", health), false),
    ];
    for (values, patterns, of, matches) in table {
        for invert in [false, true] {
            let block = json!({"key": "example", "values": values, "enabled_regex_matching": patterns,
                "cache_max_size": 128, "invert_match": invert});
            assert_eq!(keeps(&policy("string_attribute", block.clone()), &of), matches != invert, "{block}");
        }
    }
}

#[test]
fn numbers() {
    let (least, most) = (i64::from(i32::MIN), i64::from(i32::MAX));
    let on_span = |value| Of { span: vec![("example", Any::IntValue(value))], ..Of::default() };
    let on_resource = |value| Of {
        resource: vec![("example", Any::IntValue(value))],
        span: vec![("non_matching", Any::IntValue(least))],
        ..Of::default()
    };
    let other = Of { span: vec![("non_matching", Any::IntValue(least))], ..Of::default() };
    let both = json!({"min_value": least, "max_value": most});
    let table = [
        (both.clone(), other, false),
        (both.clone(), on_span(least), true),
        (both.clone(), on_resource(least), true),
        (both.clone(), on_span(most), true),
        (both.clone(), on_resource(most), true),
        (both.clone(), on_span(least - 1), false),
        (both.clone(), on_resource(least - 1), false),
        (both.clone(), on_span(most + 1), false),
        (both, on_resource(most + 1), false),
        (json!({"min_value": 100}), on_span(200), true),
        (json!({"min_value": 100}), on_span(50), false),
        (json!({"max_value": 100}), on_span(50), true),
        (json!({"max_value": 100}), on_span(200), false),
        (json!({"min_value": 100, "max_value": 200}), on_span(150), true),
        (json!({"min_value": 100, "max_value": 200}), on_span(50), false),
    ];
    for (bounds, of, matches) in table {
        for invert in [false, true] {
            let mut block = bounds.clone();
            (block["key"], block["invert_match"]) = (json!("example"), json!(invert));
            assert_eq!(keeps(&policy("numeric_attribute", block.clone()), &of), matches != invert, "{block}");
        }
    }
}

#[test]
fn yes_and_no() {
    let of = |key, value| Of { span: vec![(key, Any::BoolValue(value))], ..Of::default() };
    let table =
        [(of("non_matching", true), false), (of("example", false), false), (of("example", true), true)];
    for (of, matches) in table {
        for invert in [false, true] {
            let block = json!({"key": "example", "value": true, "invert_match": invert});
            assert_eq!(keeps(&policy("boolean_attribute", block.clone()), &of), matches != invert, "{block}");
        }
    }
}

#[test]
fn trace_states() {
    let table = [
        ("non_matching=value", vec!["value"], false),
        ("example=non_matching", vec!["value"], false),
        ("example=value", vec!["value"], true),
        ("example=value", vec![], false),
        ("example=non_matching,non_matching=value", vec!["value"], false),
        ("example=value,non_matching=value", vec!["value"], true),
        ("example=non_matching", vec!["value1", "value2"], false),
        ("example=value1", vec!["value1", "value2"], true),
        // None of these is a trace state: nobody goes by any part of it.
        ("example=value,other=a=b", vec!["value"], false),
        ("example=value,example=other", vec!["value"], false),
        ("Other=1,example=value", vec!["value"], false),
    ];
    for (trace_state, values, matches) in table {
        let block = json!({"key": "example", "values": values});
        let of = Of { trace_state, ..Of::default() };
        assert_eq!(keeps(&policy("trace_state", block), &of), matches, "{trace_state} {values:?}");
    }
}

#[test]
fn times() {
    let of = |times: &[(u64, u64)]| Of { times: times.to_vec(), ..Of::default() };
    let open = json!({"threshold_ms": 5000});
    let bounded = json!({"threshold_ms": 5000, "upper_threshold_ms": 10_000});
    let table = [
        (&open, of(&[(0, 4500)]), false),
        (&open, of(&[(0, 5000)]), false),
        // Each of its spans is shorter, all together are not.
        (&open, of(&[(0, 3000), (2500, 5500)]), true),
        (&bounded, of(&[(0, 4500)]), false),
        (&bounded, of(&[(0, 5000)]), false),
        (&bounded, of(&[(0, 5001)]), true),
        (&bounded, of(&[(0, 10_000)]), true),
        (&bounded, of(&[(0, 10_001)]), false),
        (&bounded, of(&[(0, 3000), (2500, 5500)]), true),
    ];
    for (block, of, matches) in table {
        assert_eq!(keeps(&policy("latency", block.clone()), &of), matches, "{block} {:?}", of.times);
    }
}

#[test]
fn conditions() {
    let span = json!({"span": ["attributes[\"attr_k_1\"] == \"attr_v_1\""], "spanevent": []});
    let event = json!({"span": [], "spanevent": ["attributes[\"event_attr_k_1\"] == \"event_attr_v_1\""]});
    let on_span = Of { span: vec![("attr_k_1", text("attr_v_1"))], ..Of::default() };
    let on_event = Of { event: vec![("event_attr_k_1", text("event_attr_v_1"))], ..Of::default() };
    let table = [
        (&span, &on_span, true),
        (&span, &on_event, false),
        (&event, &on_event, true),
        (&event, &on_span, false),
    ];
    for (block, of, matches) in table {
        assert_eq!(keeps(&policy("ottl_condition", block.clone()), of), matches, "{block}");
    }
    // A list is there: headers are lists.
    let list = Any::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(text("1")) }] });
    let of = Of {
        span: vec![("header", list.clone())],
        event: vec![("header", list.clone())],
        resource: vec![("header", list)],
        ..Of::default()
    };
    for (path, scope) in
        [("attributes", "span"), ("resource.attributes", "span"), ("attributes", "spanevent")]
    {
        let asks = |compare: &str| json!({scope: [format!("{path}[\"header\"] {compare} nil")]});
        assert!(keeps(&policy("ottl_condition", asks("!=")), &of), "{path} {scope}");
        assert!(!keeps(&policy("ottl_condition", asks("==")), &of), "{path} {scope}");
        assert!(!keeps(&policy("ottl_condition", asks("!=")), &Of::default()), "{path} {scope}");
    }
}

#[test]
fn several_at_once() {
    let named = |value: &str, invert: bool| {
        json!({"name": "named", "type": "string_attribute",
            "string_attribute": {"key": "attribute_name", "values": [value], "invert_match": invert}})
    };
    let failed = json!({"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}});
    let and = |first: Value| policy("and", json!({"and_sub_policy": [first, failed]}));
    let of = Of { span: vec![("attribute_name", text("attribute_value"))], status: 2, ..Of::default() };
    let without = Of { status: 2, ..Of::default() };
    assert!(!keeps(&and(named("attribute_value", false)), &without));
    assert!(keeps(&and(named("attribute_value", false)), &of));
    assert!(keeps(&and(named("no_match", true)), &of));
    assert!(!keeps(&and(named("attribute_value", true)), &of));
    let not = |sub: Value| policy("not", json!({"not_sub_policy": sub}));
    assert!(!keeps(&not(failed.clone()), &of));
    assert!(keeps(&not(failed.clone()), &Of::default()));
    let drop = policy("drop", json!({"drop_sub_policy": [named("attribute_value", false), failed]}));
    let all = json!({"name": "all", "type": "always_sample"});
    assert_eq!(keeps_of(json!([all, drop]), &of), (false, String::new()));
    assert_eq!(keeps_of(json!([drop, all]), &without), (true, "all".into()));
}

#[test]
fn the_first_sub_policy_of_a_composite_that_matches_has_the_say() {
    let tag = |low: i64, high: i64| json!({"name": "eval-1", "type": "numeric_attribute", "numeric_attribute": {"key": "tag", "min_value": low, "max_value": high}});
    let all = json!({"name": "eval-2", "type": "always_sample"});
    let foo = |name: &str, invert: bool| json!({"name": name, "type": "string_attribute", "string_attribute": {"key": "tag", "values": ["foo"], "invert_match": invert}});
    let of = |subs: Value| {
        policy("composite", json!({"max_total_spans_per_second": 1000, "composite_sub_policy": subs}))
    };
    let none = Of::default();
    let ten = Of { span: vec![("tag", Any::IntValue(10))], ..Of::default() };
    assert!(!keeps(&of(json!([tag(0, 100)])), &none));
    assert_eq!(keeps_of(json!([of(json!([tag(0, 100), all]))]), &none).1, "composite/eval-2");
    assert_eq!(keeps_of(json!([of(json!([tag(0, 100), all]))]), &ten).1, "composite/eval-1");
    assert_eq!(keeps_of(json!([of(json!([foo("a", false), foo("b", true)]))]), &none).1, "composite/b");
}
