//! OTLP/JSON says the same as OTLP/protobuf.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod common;

use std::sync::Arc;

use common::{any_request, plan};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, Span},
};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;
use throughline_otlp::{
    RejectReason, Scanner,
    json::{Converted, convert, to_protobuf},
    limits::MAX_VALUE_DEPTH,
};

fn read(body: &str) -> ExportTraceServiceRequest {
    let bytes = to_protobuf(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"));
    ExportTraceServiceRequest::decode(&bytes[..]).unwrap()
}

fn error(body: &str) -> String {
    to_protobuf(body.as_bytes()).unwrap_err().to_string()
}

/// A request of one span, whose fields are given.
fn with_span(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
}

fn span(span: &str) -> Span {
    read(&with_span(span)).resource_spans[0].scope_spans[0].spans[0].clone()
}

fn value(value: &str) -> Option<Value> {
    let body = format!(r#"{{"attributes":[{{"key":"k","value":{value}}}]}}"#);
    span(&body).attributes[0].value.clone().unwrap().value
}

#[test]
fn a_whole_span_as_a_browser_sends_it() {
    let got = span(
        r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","parentSpanId":"EEE19B7EC3C1B173",
        "traceState":"a=b","flags":257,"name":"GET /","kind":3,"startTimeUnixNano":"1544712660000000000",
        "endTimeUnixNano":1544712661000000001,"droppedAttributesCount":1,
        "events":[{"timeUnixNano":"7","name":"e","attributes":[{"key":"a","value":{"boolValue":false}}]}],
        "links":[{"traceId":"5b8efff798038103d269b633813fc60d","spanId":"eee19b7ec3c1b175","flags":1}],
        "status":{"code":2,"message":"no"}}"#,
    );
    assert_eq!(got.trace_id, 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c_u128.to_be_bytes());
    assert_eq!(got.parent_span_id, 0xeee1_9b7e_c3c1_b173_u64.to_be_bytes());
    assert_eq!(
        (got.start_time_unix_nano, got.end_time_unix_nano),
        (1_544_712_660_000_000_000, 1_544_712_661_000_000_001)
    );
    assert_eq!((got.kind, got.flags, got.dropped_attributes_count), (3, 257, 1));
    assert_eq!(got.events[0].time_unix_nano, 7);
    assert_eq!(got.events[0].attributes[0].value.clone().unwrap().value, Some(Value::BoolValue(false)));
    assert_eq!(got.links[0].flags, 1);
    assert_eq!(got.status.unwrap().code, 2);
}

#[test]
fn snake_case_keys_and_names_of_enums_as_the_collector_takes_them() {
    let got = read(
        r#"{"resource_spans":[{"schema_url":"u","scope_spans":[{"spans":[{"trace_id":"00","kind":"SPAN_KIND_SERVER",
        "start_time_unix_nano":"1","status":{"code":"STATUS_CODE_ERROR"}}]}]}]}"#,
    );
    let ResourceSpans { schema_url, scope_spans, .. } = &got.resource_spans[0];
    let span = &scope_spans[0].spans[0];
    assert_eq!((schema_url.as_str(), span.kind, span.start_time_unix_nano), ("u", 2, 1));
    assert_eq!(span.status.as_ref().unwrap().code, 2);
}

#[test]
fn values_that_bite() {
    assert_eq!(value(r#"{"intValue":"9223372036854775807"}"#), Some(Value::IntValue(i64::MAX)));
    assert_eq!(value(r#"{"intValue":-9223372036854775808}"#), Some(Value::IntValue(i64::MIN)));
    assert_eq!(value(r#"{"intValue":9007199254740991}"#), Some(Value::IntValue((1 << 53) - 1)));
    assert_eq!(value(r#"{"intValue":0}"#), Some(Value::IntValue(0)));
    assert_eq!(value(r#"{"doubleValue":1.5e-9}"#), Some(Value::DoubleValue(1.5e-9)));
    assert_eq!(value(r#"{"doubleValue":"1.5e-9"}"#), Some(Value::DoubleValue(1.5e-9)));
    assert_eq!(value(r#"{"doubleValue":7}"#), Some(Value::DoubleValue(7.0)));
    // Not the nearest double unless parsed with care.
    assert_eq!(
        value(r#"{"doubleValue":2.638344616030823e-256}"#),
        Some(Value::DoubleValue(2.638344616030823e-256))
    );
    assert_eq!(value(r#"{"doubleValue":"-Infinity"}"#), Some(Value::DoubleValue(f64::NEG_INFINITY)));
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Some(Value::DoubleValue(x)) if x.is_nan()));
    assert_eq!(value(r#"{"stringValue":""}"#), Some(Value::StringValue(String::new())));
    assert_eq!(
        value(r#"{"stringValue":"\u0001\n😀\ud83d\ude00"}"#),
        Some(Value::StringValue("\u{1}\n😀😀".into()))
    );
    assert_eq!(value(r#"{"bytesValue":"+/8="}"#), Some(Value::BytesValue(vec![0xfb, 0xff])));
    assert_eq!(value(r#"{"bytesValue":"-_8"}"#), Some(Value::BytesValue(vec![0xfb, 0xff])));
    assert_eq!(value("{}"), None);
    assert_eq!(value(r#"{"stringValue":null}"#), None);
    let Some(Value::ArrayValue(array)) = value(r#"{"arrayValue":{"values":[{},{"intValue":1},null]}}"#)
    else {
        panic!("no array");
    };
    assert_eq!(array.values.len(), 3);
    assert_eq!(array.values[1].value, Some(Value::IntValue(1)));
    let Some(Value::KvlistValue(pairs)) =
        value(r#"{"kvlistValue":{"values":[{"key":"a","value":{"boolValue":true}}]}}"#)
    else {
        panic!("no pairs");
    };
    assert_eq!(pairs.values[0].key, "a");
}

#[test]
fn unknown_fields_of_any_shape_are_passed_over_and_null_is_absent() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let got = span(&format!(
        r#"{{"name":"n","x":{deep},"y":{{"name":1}},"attributes":null,"status":null,"z":1e5}}"#
    ));
    assert_eq!(got, Span { name: "n".into(), ..Span::default() });
    assert_eq!(read("{}"), ExportTraceServiceRequest::default());
    assert_eq!(read(r#"{"resourceSpans":null}"#), ExportTraceServiceRequest::default());
}

#[test]
fn of_a_field_given_twice_the_last_counts() {
    let got = span(
        r#"{"attributes":[{"key":"a"},{"key":"b"}],"status":{"message":"old"},"name":"long enough to move what follows",
        "attributes":[{"key":"c"}],"status":{"code":1},"name":"new","kind":2,"kind":null}"#,
    );
    let keys: Vec<&str> = got.attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["c"]);
    assert_eq!((got.name.as_str(), got.kind), ("new", 0));
    let status = got.status.unwrap();
    assert_eq!((status.message.as_str(), status.code), ("", 1));
    assert_eq!(value(r#"{"stringValue":"a","intValue":1}"#), Some(Value::IntValue(1)));
}

#[test]
fn errors_name_the_field_and_the_place() {
    let message = error("{\n \"resourceSpans\": [{\"schemaUrl\": 5}]}");
    assert_eq!(
        message,
        "invalid type: integer `5`, expected a string in ResourceSpans.schemaUrl at line 2 column 34"
    );
    for (fields, part) in [
        (r#"{"startTimeUnixNano":false}"#, "an unsigned 64-bit integer in Span.startTimeUnixNano"),
        (r#"{"traceId":7}"#, "an id in hex in Span.traceId"),
        (r#"{"attributes":{}}"#, "a list for an object in Span.attributes"),
        (r#"{"attributes":[1]}"#, "an object in Span.attributes"),
        (r#"{"status":[]}"#, "an object in Span.status"),
        (r#"{"name":{}}"#, "a string in Span.name"),
        ("{\"name\":\"\u{1}\"}", "control character"),
        (r#"{"name":"\ud80"}"#, "invalid escape"),
    ] {
        let message = error(&with_span(fields));
        assert!(message.contains(part), "{fields}: {message}");
        assert!(message.contains("line 1 column"), "{message}");
    }
    let message = error(r#"{"resourceSpans":[{"resource":{"droppedAttributesCount":-1}}]}"#);
    assert!(message.contains("an unsigned 32-bit integer in Resource.droppedAttributesCount"), "{message}");
    for body in ["", "[]", "null", "{", "{} {}", "{\"resourceSpans\":[", "\u{feff}{}"] {
        assert!(to_protobuf(body.as_bytes()).is_err(), "{body}");
    }
    assert!(to_protobuf(b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}").is_err());
}

#[test]
fn values_that_their_field_cannot_hold_refuse_their_span_only() {
    for (fields, part) in [
        (r#"{"traceId":"xyz"}"#, r#"string "xyz", expected an id in hex in Span.traceId"#),
        (r#"{"kind":"SERVER"}"#, "an enum as number or name in Span.kind"),
        (r#"{"startTimeUnixNano":-1}"#, "an unsigned 64-bit integer in Span.startTimeUnixNano"),
        (r#"{"startTimeUnixNano":"1.5"}"#, "an unsigned 64-bit integer"),
        (r#"{"flags":4294967296}"#, "an unsigned 32-bit integer in Span.flags"),
        (r#"{"attributes":[{"value":{"bytesValue":"%"}}]}"#, "bytes in base64 in AnyValue.bytesValue"),
        (r#"{"attributes":[{"value":{"doubleValue":"nan"}}]}"#, "a double in AnyValue.doubleValue"),
        (r#"{"attributes":[{"value":{"intValue":1.5}}]}"#, "floating point `1.5`, expected a 64-bit integer"),
        (
            r#"{"attributes":[{"value":{"intValue":"9223372036854775808"}}]}"#,
            r#"string "9223372036854775808", expected a 64-bit integer in AnyValue.intValue"#,
        ),
        (r#"{"events":[{"timeUnixNano":"x"},{"timeUnixNano":"y"}]}"#, "in Event.timeUnixNano"),
    ] {
        let first = r#"{"scopeSpans":[{"spans":[{"name":"0"}]}]}"#;
        let body = format!(
            r#"{{"resourceSpans":[{first},{{"scopeSpans":[{{}},{{"spans":[{{"name":"1"}},{{"name":"2"}},{fields},{fields},{{"name":"3"}}]}}]}}]}}"#
        );
        let Converted { request, rejected } = convert(body.clone().into()).unwrap();
        assert_eq!((rejected.total(), rejected.count(RejectReason::Value)), (2, 2), "{fields}");
        let message = rejected.to_string();
        assert!(
            message.starts_with("2 spans rejected: 2 because a value is not of its field's type"),
            "{message}"
        );
        assert!(message.contains("; the first is resource_spans[1].scope_spans[1].spans[2]: "), "{message}");
        assert!(message.contains(part), "{fields}: {message}");
        let request = ExportTraceServiceRequest::decode(&request[..]).unwrap();
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        assert_eq!(spans.map(|span| span.name.as_str()).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
        // Who cannot take a part takes nothing.
        assert_eq!(to_protobuf(body.as_bytes()).unwrap_err().message, message);
    }
}

#[test]
fn what_is_wrong_is_told_in_few_words() {
    let body = with_span(&format!(r#"{{"traceId":"{}"}}"#, "é".repeat(100_000)));
    let message = convert(body.into()).unwrap().rejected.to_string();
    assert!(message.len() < 500 && message.ends_with('…'), "{message}");
}

/// JavaScript's exporter writes `{ intValue: value }` for whatever is `Number.isInteger`, and `JSON.stringify` prints it; over protobuf the same SDK sends what is no
/// 64-bit integer as a double, and `TextEncoder` puts U+FFFD for half a character (@opentelemetry/otlp-transformer 0.223, `toAnyValue` and `writeAnyValue`).
#[test]
fn numbers_and_strings_as_javascript_prints_them() {
    for (printed, want) in [
        ("1e+300", Value::DoubleValue(1e300)),
        ("-1e+300", Value::DoubleValue(-1e300)),
        ("1e+21", Value::DoubleValue(1e21)),
        ("9223372036854776000", Value::DoubleValue(9_223_372_036_854_775_808.0)),
        ("18446744073709552000", Value::DoubleValue(18_446_744_073_709_551_616.0)),
        ("-9223372036854775808", Value::IntValue(i64::MIN)),
        ("-9223372036854776000", Value::IntValue(i64::MIN)),
        ("9007199254740992", Value::IntValue(1 << 53)),
        ("1e3", Value::IntValue(1000)),
        ("0", Value::IntValue(0)),
    ] {
        assert_eq!(value(&format!(r#"{{"intValue":{printed}}}"#)), Some(want), "{printed}");
    }
    // NaN and the infinities are no integers, and are printed so.
    assert_eq!(value(r#"{"doubleValue":null}"#), None);
    let text = |text: &str| Some(Value::StringValue(text.into()));
    assert_eq!(value(r#"{"stringValue":"a\ud800b"}"#), text("a\u{fffd}b"));
    assert_eq!(value(r#"{"stringValue":"\udc00\ud83d\ude00\\ud800"}"#), text("\u{fffd}😀\\ud800"));
    let whole = read(r#"{"resourceSpans":[{"schemaUrl":"\ud800","\udfff":1}]}"#);
    assert_eq!(whole.resource_spans[0].schema_url, "\u{fffd}");
    // Resources have numbers too.
    let body = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":{"intValue":1e300}}]}}]}"#;
    let attributes = &read(body).resource_spans[0].resource.clone().unwrap().attributes;
    assert_eq!(attributes[0].value.clone().unwrap().value, Some(Value::DoubleValue(1e300)));
}

#[test]
fn ids_of_a_wrong_length_refuse_their_span_only() {
    let body = with_span(r#"{"traceId":"abcd","spanId":"0102030405060708"}"#);
    let scanned =
        Scanner::new(Arc::new(plan())).scan(to_protobuf(body.as_bytes()).unwrap().into(), 1).unwrap();
    assert_eq!(scanned.rejected.count(RejectReason::TraceId), 1);
}

#[test]
fn values_nested_too_deeply_refuse_their_span_only() {
    let nested = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels);
        let value = open + "{}" + &"]}}".repeat(levels);
        let ids = r#""traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708""#;
        with_span(&format!(r#"{{{ids},"attributes":[{{"key":"k","value":{value}}}]}}"#))
    };
    let mut scanner = Scanner::new(Arc::new(plan()));
    let mut scan = |levels| scanner.scan(to_protobuf(nested(levels).as_bytes()).unwrap().into(), 1).unwrap();
    assert_eq!(scan(MAX_VALUE_DEPTH - 1).accepted, 1);
    for levels in [MAX_VALUE_DEPTH, MAX_VALUE_DEPTH + 1, 10_000] {
        assert_eq!(scan(levels).rejected.count(RejectReason::Depth), 1, "{levels}");
    }
}

proptest! {
    #[test]
    fn what_the_generated_types_print_is_read_back(request in any_request()) {
        let body = serde_json::to_string(&request).unwrap();
        // JSON has no infinity as a number; the generated types print null.
        prop_assume!(!body.contains(r#""doubleValue":null"#));
        prop_assert_eq!(read(&body), request);
    }

    #[test]
    fn a_damaged_body_never_panics(request in any_request(), at in any::<prop::sample::Index>(), with in any::<u8>()) {
        let mut body = serde_json::to_vec(&request).unwrap();
        let at = at.index(body.len());
        body[at] = with;
        let len = body.len();
        if let Ok(Converted { request, .. }) = convert(body.into()) {
            // What was written is a request, whatever it says.
            ExportTraceServiceRequest::decode(&request[..]).unwrap();
            prop_assert!(request.len() <= len);
        }
    }

    #[test]
    fn any_json_never_panics(text in r#"[\[\]{}",:0-9a-z]{0,60}"#) {
        let _ = to_protobuf(text.as_bytes());
        let _ = to_protobuf(with_span(&json!({ "name": text }).to_string()).as_bytes());
    }
}
