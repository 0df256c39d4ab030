//! Conditions in CEL over transactions, and in OTTL over spans and their events.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "helpers of tests")]

mod common;

use common::{alone, compile_all, faults, policy, transaction};
use serde_json::{Value, json};
use throughline_otlp::plan::MatchScope;
use throughline_sampling::{EventView, SpanView, Transaction, WorstHop, status};

const MS: u64 = 1_000_000;

fn cel(condition: &str) -> Value {
    policy("cel", json!({"condition": condition}))
}

/// A slow payment over three departments, for which `payment.amount`, `currency`, `urgent` and `empty` were read as far as they are there.
fn payment<'a>(attributes: &'a [Option<&'a str>]) -> Transaction<'a> {
    let mut payment = transaction("payment");
    payment.facts.duration_ns = 2500 * MS;
    payment.facts.longest_trace_ns = 400 * MS;
    payment.facts.spans = 30;
    payment.outcome = "error";
    payment.traces = 3;
    payment.hops = 12;
    payment.departments = &["core-banking", "payments", "treasury"];
    payment.worst = WorstHop {
        department: "treasury",
        service: "fx",
        operation: "quote",
        kind: "partner",
        critical_ns: 1900 * MS,
    };
    payment.missing_terminal = true;
    payment.usual_ns = Some(1000 * MS);
    payment.attributes = attributes;
    payment
}

fn value(name: &str) -> Option<&'static str> {
    match name {
        "payment.amount" => Some("125000.50"),
        "currency" => Some("EUR"),
        "urgent" => Some("true"),
        _ => None,
    }
}

fn holds(condition: &str) -> bool {
    let (policies, ..) = compile_all(json!([cel(condition)]));
    let attributes: Vec<_> = policies.attributes().iter().map(|name| value(name)).collect();
    alone(&policies, &payment(&attributes)).0
}

#[test]
fn conditions_hold_as_cel_says() {
    for condition in [
        r#"type == "transfer" && duration > duration("2s")"#,
        r#"transaction.type == "transfer" && transaction.outcome in ["error", "incomplete"]"#,
        "amount > 100000",
        "amount > 100000.0 && amount <= 125000.5",
        r#"attributes["payment.amount"] > 100000 && attributes["currency"] == "EUR""#,
        r#"double(attributes["payment.amount"]) >= 125000.5"#,
        r#"attributes.currency.startsWith("E") && attributes.currency in ["EUR", "USD"]"#,
        r#"attributes["urgent"]"#,
        r#"attributes["urgent"] == true && !(attributes["urgent"] == false)"#,
        r#"has(attributes.currency) && "currency" in attributes && !("iban" in attributes)"#,
        r#""treasury" in departments && size(departments) == 3 && departments.size() < 4"#,
        r#"worst.kind == "partner" && worst.department == "treasury" && worst.service != "ledger""#,
        r#"worst.operation.matches("^qu") && worst.critical > duration("1s500ms")"#,
        "missing_terminal && traces >= 3 && hops > 10 && spans == 30",
        "ratio > 2.0 && ratio < 3",
        r#"duration > usual * 2 && 2.0 * usual < duration && duration / 5 == duration("500ms")"#,
        r#"duration - longest_trace > duration("2s")"#,
        "traces in [1, 3]",
        r#"duration("2s") < duration"#,
        "true || false",
        "amount * 2 > 250000 && -amount < 0",
        // What is absent is not equal to anything.
        r#"attributes["iban"] != "x""#,
        r#"!(attributes["iban"] > 5) && attributes["currency"] != "GBP""#,
        "missing_terminal == true",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in [
        r#"attributes["iban"] == "x" || attributes["iban"] > 0 || attributes["currency"] > 0"#,
        r#"type == "login""#,
        r#"longest_trace > duration("1s")"#,
        "bytes > 1000",
        r#""it" in departments"#,
        "!missing_terminal",
        "missing_terminal == false",
        r#"attributes["urgent"] != true"#,
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

#[test]
fn a_baseline_that_is_not_known_makes_no_comparison_true() {
    let (policies, ..) = compile_all(json!([cel("ratio > 0.0 || usual > duration(\"0s\")")]));
    let unknown = Transaction { usual_ns: None, ..payment(&[]) };
    assert!(!alone(&policies, &unknown).0);
    assert!(alone(&policies, &payment(&[])).0);
}

#[test]
fn conditions_say_which_attributes_they_read_each_once() {
    let (policies, ..) = compile_all(json!([
        cel(r#"amount > 5 && attributes["b"] == "x" && attributes.b != "y""#),
        {"name": "keyed", "type": "dynamic", "dynamic": {"sample_rate": 2, "field_list": ["type", "root.b", "c"]}},
    ]));
    let names: Vec<_> = policies.attributes().iter().map(|name| &**name).collect();
    assert_eq!(names, ["payment.amount", "b", "c"]);
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_what_would_be_right() {
    let table = [
        ("type == ", "line 1, column 9", ""),
        ("amont > 5", "line 1, column 1", "`amont` does not exist here; there are type, outcome"),
        ("true &&\n  typ == \"x\"", "line 2, column 3", "`typ` does not exist"),
        ("true && worst.speed > 5", "line 1, column", "`worst.speed` does not exist"),
        ("duration > 5", "line 1, column", "a time is compared with duration(\"2s\")"),
        ("type > \"a\"", "line 1, column", "no order, or different types"),
        ("type == 5", "line 1, column", "different types"),
        ("type.matches(\"(\")", "line 1, column 14", "`(` is no pattern"),
        ("duration > duration(\"2 weeks\")", "line 1, column", "`2 weeks` is no time"),
        ("departments.exists(d, d == \"x\")", "line 1, column", "a macro is not possible"),
        ("hops", "line 1, column 1", "a condition is expected"),
        ("size(type) > 1", "line 1, column", "only `departments` has a size"),
        ("abs(hops) > 1", "line 1, column", "`abs` is not possible here"),
        ("type[\"x\"] == \"y\"", "line 1, column", "only attributes have keys"),
        ("attributes[type] == \"y\"", "line 1, column", "a text in quotes is expected"),
    ];
    for (condition, place, message) in table {
        let found = faults(json!([cel(condition)]));
        assert_eq!((found[0].key.as_str(), found[0].value.as_str()), ("cel.condition", condition));
        let hint = &found[0].hint;
        assert!(hint.starts_with(place) && hint.contains(message), "{condition}: {hint}");
    }
}

fn ottl(block: Value) -> Value {
    policy("ottl_condition", block)
}

/// Whether a span and its events are enough for a policy to keep.
fn keeps(block: Value, span: &SpanView<'_>, event: Option<&EventView<'_>>) -> bool {
    let (policies, matchers, questions) = compile_all(json!([ottl(block)]));
    // Attributes that are asked have the answer yes, if the span has any.
    let asked = matchers.iter().fold(0, |bits, matcher| bits | 1 << matcher.bit);
    let span = &SpanView { matches: if span.matches == 0 { 0 } else { asked }, ..*span };
    let mut matches = span.matches | questions.answer(span);
    matches |= event.map_or(0, |event| questions.answer_event(span, event));
    let mut transaction = transaction("t");
    transaction.facts.matches = matches;
    alone(&policies, &transaction).0
}

#[test]
fn a_condition_over_one_attribute_is_a_question_of_the_scan() {
    for (condition, scope) in [
        ("attributes[\"k\"] == \"v\"", MatchScope::Span),
        ("span.attributes[\"k\"] == \"v\"", MatchScope::Span),
        ("resource.attributes[\"k\"] == \"v\"", MatchScope::Resource),
        ("\"v\" == attributes[\"k\"]", MatchScope::Span),
        ("IsMatch(attributes[\"k\"], \"^v.*\")", MatchScope::Span),
        ("attributes[\"k\"] >= 500", MatchScope::Span),
        ("attributes[\"k\"] != nil", MatchScope::Span),
    ] {
        let (_, matchers, questions) =
            compile_all(json!([ottl(json!({"error_mode": "ignore", "span": [condition]}))]));
        let is_one = questions.is_empty() || condition.contains("nil");
        assert!(is_one && !matchers.is_empty(), "{condition}");
        assert!(
            matchers.iter().all(|matcher| matcher.scope == scope && &*matcher.key == "k" && matcher.bit == 0),
            "{condition}"
        );
    }
}

#[test]
fn conditions_over_spans_hold_as_the_language_says() {
    let span = SpanView {
        name: "POST /transfers",
        kind: 2,
        status: status::ERROR,
        duration_ns: 1500 * MS,
        root: true,
        // Of the questions below the attribute ones say yes.
        matches: 1,
        trace_state: "vendor=x,ot=th:8",
        ..SpanView::default()
    };
    let table = [
        ("name == \"POST /transfers\"", true),
        ("span.name != \"POST /transfers\"", false),
        ("kind == SPAN_KIND_SERVER", true),
        ("kind == 3", false),
        ("kind.string == \"Server\"", true),
        ("status.code == STATUS_CODE_ERROR", true),
        ("span.status.code != STATUS_CODE_ERROR", false),
        ("IsRootSpan()", true),
        ("not IsRootSpan()", false),
        ("IsRootSpan() == true", true),
        ("IsRootSpan() != true", false),
        ("parent_span_id.string == \"\"", true),
        ("parent_span_id == SpanID(0x0000000000000000)", true),
        ("parent_span_id != SpanID(0x0000000000000000)", false),
        ("IsMatch(name, \"^POST\")", true),
        ("HasPrefix(name, \"POST\") and HasSuffix(name, \"transfers\")", true),
        ("HasPrefix(name, \"GET\") or name == \"x\"", false),
        ("trace_state[\"vendor\"] == \"x\"", true),
        ("trace_state[\"vendor\"] == \"y\"", false),
        ("(end_time_unix_nano - start_time_unix_nano) > 1000000000", true),
        ("end_time_unix_nano - start_time_unix_nano >= 1500000000", true),
        ("end_time_unix_nano - start_time_unix_nano > 1500000000", false),
        ("end_time - start_time > Duration(\"2s\")", false),
        ("Milliseconds(end_time - start_time) > 1499.5", true),
        ("Seconds(end_time - start_time) < 1.5", false),
        ("attributes[\"k\"] == \"v\" and kind == SPAN_KIND_SERVER", true),
        ("attributes[\"k\"] != \"v\"", false),
        ("attributes[\"k\"] == nil", false),
        ("not (attributes[\"k\"] == \"v\" and (kind == SPAN_KIND_CLIENT or name == \"x\"))", true),
        ("attributes[\"k\"] == true", true),
        ("attributes[\"k\"]", true),
        ("true", true),
        ("false", false),
    ];
    for (condition, expected) in table {
        assert_eq!(keeps(json!({"span": [condition]}), &span, None), expected, "{condition}");
    }
}

#[test]
fn conditions_over_events_hold_as_the_language_says() {
    let (span, exception) = (
        SpanView { name: "s", matches: 1, ..SpanView::default() },
        EventView { name: "exception", matches: 1 },
    );
    let other = EventView { name: "log", matches: 0 };
    let table = [
        ("name == \"exception\"", true, false),
        ("spanevent.name != \"exception\"", false, true),
        ("attributes[\"exception.type\"] == \"Timeout\"", true, false),
        ("spanevent.attributes[\"exception.type\"] != \"Timeout\"", false, true),
        ("name == \"exception\" and span.name == \"s\"", true, false),
        ("resource.attributes[\"service.name\"] == \"checkout\"", true, true),
    ];
    for (condition, of_exception, of_other) in table {
        let block = json!({"spanevent": [condition]});
        assert_eq!(keeps(block.clone(), &span, Some(&exception)), of_exception, "{condition}");
        assert_eq!(keeps(block.clone(), &span, Some(&other)), of_other, "{condition}");
        // Where there is no event, there is nothing that a condition could hold of.
        assert!(condition.starts_with("resource") || !keeps(block, &span, None), "{condition}");
    }
    let (_, _, questions) = compile_all(json!([ottl(json!({"spanevent": ["attributes[\"k\"] > 5"]}))]));
    assert_eq!((questions.event_matchers().len(), questions.needs().events), (1, true));
}

#[test]
fn any_condition_of_spans_or_events_is_enough() {
    let block = json!({"span": ["name == \"a\"", "name == \"b\""], "spanevent": ["name == \"c\""]});
    let named = |name| SpanView { name, ..SpanView::default() };
    assert!(keeps(block.clone(), &named("a"), None));
    assert!(keeps(block.clone(), &named("b"), None));
    assert!(!keeps(block.clone(), &named("c"), None));
    assert!(keeps(block, &named("x"), Some(&EventView { name: "c", matches: 0 })));
}

#[test]
fn what_is_not_understood_is_told_with_its_column() {
    let table = [
        (
            "badcontext.attributes[\"x\"] == \"y\"",
            "column 1: `badcontext.attributes` is not understood; there are attributes",
        ),
        ("name == ", "column 9: a value is expected"),
        ("name = \"x\"", "column 6: `==` is expected"),
        ("name == \"x", "column 9: this text has no closing quote"),
        ("name == 5", "column 9: a text in quotes is expected"),
        ("attributes[\"k\"] > \"v\"", "column 19: texts are compared by == and != only"),
        ("attributes[\"k\"] == attributes[\"j\"]", "column 17: two fields cannot be compared"),
        ("1 == 2", "column 3: two values are compared"),
        ("Len(attributes[\"k\"]) > 5", "column 1: `Len`"),
        ("IsMatch(name, \"(\")", "column 15: no pattern"),
        ("kind == SPAN_KIND_WEIRD", "column 9: `SPAN_KIND_WEIRD` is not understood"),
        ("kind == 9", "column 9: a kind, such as SPAN_KIND_SERVER"),
        ("name == \"x\" name", "column 13: the condition ended before this"),
        ("end_time + start_time > 5", "column 1: `+` is not possible here"),
        ("attributes == \"x\"", "column 1: `attributes` is not understood"),
        ("spanevent.name == \"x\"", "column 1: `spanevent.name` is not understood"),
        ("scope.name == \"x\"", "column 1: `scope.name` is not understood"),
        ("\"x\"", "column 1: a condition is expected"),
        ("name == \"x\" §", "column 13: `§` is not expected here"),
    ];
    for (condition, message) in table {
        let found = faults(json!([ottl(json!({"span": [condition]}))]));
        assert_eq!((found[0].key.as_str(), found[0].value.as_str()), ("ottl_condition.span", condition));
        assert!(found[0].hint.starts_with(message), "{condition}: {}", found[0].hint);
    }
    assert!(faults(json!([ottl(json!({}))]))[0].hint.contains("at least one condition"));
    assert!(
        faults(json!([ottl(json!({"span": ["true"], "error_mode": "loud"}))]))[0]
            .hint
            .contains("unknown variant")
    );
    let deep = format!("{}true{}", "(".repeat(500), ")".repeat(500));
    assert!(faults(json!([ottl(json!({"span": [deep]}))]))[0].hint.contains("nests too deep"));
}

#[test]
fn trace_state_and_trace_flags_are_asked_of_spans() {
    let (policies, matchers, questions) = compile_all(json!([
        policy("trace_state", json!({"key": "vendor", "values": ["a", "", "b"]})),
        policy("trace_flags", json!({})),
    ]));
    assert!(matchers.is_empty() && questions.needs().trace_state && questions.needs().flags);
    let table = [
        ("vendor=a", 0, Some("trace_state")),
        ("x=y, vendor=b", 0, Some("trace_state")),
        ("vendor=c", 1, Some("trace_flags")),
        ("vendor=", 0x100, None),
        ("vendora", 0x103, Some("trace_flags")),
        ("", 2, None),
    ];
    for (trace_state, flags, expected) in table {
        let mut transaction = transaction("t");
        transaction.facts.matches = questions.answer(&SpanView { trace_state, flags, ..SpanView::default() });
        assert_eq!(alone(&policies, &transaction).1.as_deref(), expected, "{trace_state} {flags}");
    }
    assert!(
        faults(json!([policy("trace_state", json!({"key": "", "values": ["a"]}))]))[0]
            .hint
            .contains("name of a member")
    );
}

/// A span with trace state, flags and an exception, as on the wire.
fn body() -> Vec<u8> {
    use opentelemetry_proto::tonic::{
        common::v1::{AnyValue, KeyValue, any_value::Value as Any},
        trace::v1::{Span, span::Event},
    };
    use prost::Message;
    let attribute = |key: &str, value| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    };
    let attributes = vec![
        attribute("exception.type", Any::StringValue("Timeout".into())),
        attribute("attempt", Any::IntValue(-3)),
        attribute("share", Any::DoubleValue(0.5)),
        attribute("last", Any::BoolValue(true)),
    ];
    let event = |name: &str, attributes| Event {
        name: name.into(),
        attributes,
        time_unix_nano: 7,
        ..Event::default()
    };
    Span {
        name: "s".into(),
        trace_state: "vendor=x".into(),
        flags: 0x101,
        events: vec![event("log", vec![]), event("exception", attributes)],
        ..Span::default()
    }
    .encode_to_vec()
}

#[test]
fn what_only_the_bytes_tell_is_read_from_them() {
    let body = body();
    let answers = |list: Value| {
        let (policies, _, questions) = compile_all(list);
        let mut transaction = transaction("t");
        transaction.facts.matches =
            questions.answer_body(&SpanView { name: "s", ..SpanView::default() }, &body);
        assert_eq!(
            questions.answer_body(&SpanView::default(), &body[..1]),
            0,
            "bytes that break off answer nothing"
        );
        alone(&policies, &transaction).0
    };
    for (condition, expected) in [
        ("name == \"exception\"", true),
        ("name == \"missing\"", false),
        ("name == \"exception\" and attributes[\"exception.type\"] == \"Timeout\"", true),
        ("name == \"log\" and attributes[\"exception.type\"] == \"Timeout\"", false),
        ("attributes[\"attempt\"] == -3", true),
        ("attributes[\"attempt\"] < -2.5", true),
        ("attributes[\"attempt\"] > 0", false),
        ("attributes[\"share\"] >= 0.5", true),
        ("attributes[\"share\"] > 0", true),
        ("attributes[\"last\"] == true", true),
        ("attributes[\"last\"] == false", false),
        ("IsMatch(attributes[\"exception.type\"], \"^Time\")", true),
        ("span.name == \"s\" and name == \"log\"", true),
    ] {
        assert_eq!(answers(json!([ottl(json!({"spanevent": [condition]}))])), expected, "{condition}");
    }
    assert!(answers(json!([policy("trace_flags", json!({}))])));
    assert!(answers(json!([policy("trace_state", json!({"key": "vendor", "values": ["x"]}))])));
    assert!(!answers(json!([policy("trace_state", json!({"key": "vendor", "values": ["y"]}))])));
}
