//! What was sent comes back to the bit, and reads in `otel_traces` as the Collector's exporter would have stored it.

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use prost::Message;
use throughline_clickhouse::{SpanSource, SpansBlock};

use crate::engine::{Scene, spans};
use crate::nasty;
use crate::sample::{self, START, pair, text};

/// NaN differs from itself: spans are compared as they are encoded.
fn bytes(span: &Span) -> Vec<u8> {
    span.encode_to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_span_comes_back_to_the_bit() {
    let scene = Scene::new().await;
    let mut runner = TestRunner::deterministic();
    for round in 0..12u64 {
        let trace_id = vec![round as u8 + 1; 16];
        let sent = nasty::spans(trace_id.clone()).new_tree(&mut runner).unwrap().current();
        let mut block = SpansBlock::new();
        // Often enough that keys become low in cardinality in some rounds.
        let times = if round % 2 == 0 { 1 } else { 9 };
        for _ in 0..times {
            sent.iter().for_each(|span| sample::push(&mut block, "s", span, &sample::context("tx-1")));
        }
        scene.write(vec![spans(round, block)]).await;
        let stored = scene.store.stored_spans(&hex::encode(&trace_id)).await.unwrap();
        assert_eq!(stored.len(), sent.len() * times);
        let sent: HashMap<Vec<u8>, &Span> = sent.iter().map(|span| (span.span_id.clone(), span)).collect();
        for stored in stored {
            let restored = stored.restore().unwrap();
            let back = Span::decode(&restored.span[..]).unwrap();
            let was = sent[&back.span_id];
            assert_eq!(bytes(&back), bytes(was), "{back:?}\nwas\n{was:?}\nstored as {stored:?}");
            assert_eq!(restored.resource, sample::resource("s"));
            assert_eq!(restored.scope, sample::scope());
            assert_eq!(restored.resource_schema_url, "https://opentelemetry.io/schemas/1.30.0");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_utf8_and_resources_of_any_kind_come_back_too() {
    let scene = Scene::new().await;
    let mut raw = sample::span(7, 0).encode_to_vec();
    // attributes: key "bad", value the bytes ff 00 fe, which no string may hold
    raw.extend_from_slice(b"\x4a\x0c\x0a\x03bad\x12\x05\x0a\x03\xff\x00\xfe");
    let resource = Resource {
        attributes: vec![
            text("service.name", "odd"),
            pair(
                "process.command_args",
                Value::ArrayValue(ArrayValue {
                    values: vec![AnyValue { value: Some(Value::StringValue("-x".into())) }],
                }),
            ),
            pair("pid", Value::IntValue(-1)),
        ],
        dropped_attributes_count: 3,
        ..Resource::default()
    }
    .encode_to_vec();
    let mut block = SpansBlock::new();
    let source = SpanSource {
        resource: &resource,
        resource_schema_url: "r",
        scope: &[],
        scope_schema_url: "s",
        span: &raw,
    };
    block.push(&source, &sample::context("tx")).unwrap();
    let broken = SpanSource { span: b"\x0a\xff", ..source };
    assert!(block.push(&broken, &sample::context("tx")).is_err(), "a truncated span is refused");
    let broken = SpanSource { resource: b"\x0a\xff", ..source };
    assert!(block.push(&broken, &sample::context("tx")).is_err(), "a truncated resource is refused");
    assert!(block.push(&broken, &sample::context("tx")).is_err(), "and again");
    assert_eq!(block.rows(), 1);
    scene.write(vec![spans(1, block)]).await;
    let stored = scene.store.stored_spans(&"07".repeat(16)).await.unwrap();
    let restored = stored[0].restore().unwrap();
    assert_eq!((restored.resource, restored.resource_schema_url), (resource, "r".to_owned()));
    assert_eq!((restored.scope, restored.scope_schema_url), (Vec::new(), "s".to_owned()));
    let value = scene.ask("SELECT hex(SpanAttributes['bad']) FROM otel_traces").await;
    assert_eq!(value, "FF00FE");
    assert!(restored.span.windows(3).any(|three| three == b"\xff\x00\xfe"));
    let read = scene.ask("SELECT ServiceName, ResourceAttributes['process.command_args'], ResourceAttributes['pid'] FROM otel_traces").await;
    assert_eq!(read, "odd\t[\"-x\"]\t-1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_read_as_the_exporter_writes_them() {
    let scene = Scene::new().await;
    let mut span = sample::span(9, 3);
    span.trace_state = "vendor=1".to_owned();
    let nested = KeyValueList {
        values: vec![
            KeyValue {
                key: "b".into(),
                value: Some(AnyValue { value: Some(Value::DoubleValue(1.5)) }),
                ..Default::default()
            },
            KeyValue {
                key: "a".into(),
                value: Some(AnyValue { value: Some(Value::BytesValue(vec![1, 2])) }),
                ..Default::default()
            },
        ],
    };
    let items = [
        Value::StringValue("x\"y".into()),
        Value::IntValue(7),
        Value::BoolValue(true),
        Value::KvlistValue(nested.clone()),
    ];
    span.attributes = vec![
        text("string", "a\u{0}b\u{1}c'\\\n"),
        text("empty", ""),
        pair("int", Value::IntValue(i64::MAX)),
        pair("bool", Value::BoolValue(false)),
        pair("double", Value::DoubleValue(1.5e-9)),
        pair("whole", Value::DoubleValue(3.0)),
        pair("large", Value::DoubleValue(1e21)),
        pair("nan", Value::DoubleValue(f64::NAN)),
        pair("bytes", Value::BytesValue(vec![0xff, 0, 0xfe])),
        pair(
            "array",
            Value::ArrayValue(ArrayValue {
                values: items.map(|value| AnyValue { value: Some(value) }).into(),
            }),
        ),
        pair("list", Value::KvlistValue(nested)),
        text("id", "uetr-009"),
    ];
    span.events = vec![Event {
        time_unix_nano: START + 5,
        name: "exception".to_owned(),
        attributes: vec![text("exception.message", "no \"funds\"\n\tat x"), pair("n", Value::IntValue(1))],
        ..Event::default()
    }];
    span.links = vec![Link {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        trace_state: "l=1".to_owned(),
        attributes: vec![text("k", "v")],
        ..Link::default()
    }];
    let mut block = SpansBlock::new();
    sample::push(&mut block, "payment-api", &span, &sample::context("uetr-009"));
    scene.write(vec![spans(1, block)]).await;

    let attributes = "string empty int bool double whole large nan bytes array list id";
    let wanted = [
        "a\u{0}b\u{1}c'\\\n",
        "",
        "9223372036854775807",
        "false",
        "1.5e-9",
        "3",
        "1e+21",
        "NaN",
        "/wD+",
        r#"["x\"y",7,true,{"a":"AQI=","b":1.5}]"#,
        r#"{"a":"AQI=","b":1.5}"#,
        "uetr-009",
    ];
    for (key, wanted) in attributes.split(' ').zip(wanted) {
        let read = scene.ask(&format!("SELECT hex(SpanAttributes['{key}']) FROM otel_traces")).await;
        assert_eq!(read, hex::encode_upper(wanted), "{key}");
    }
    let row = scene
        .ask("SELECT toUnixTimestamp64Nano(Timestamp), TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, ServiceName, \
              ResourceAttributes, ScopeName, ScopeVersion, length(SpanAttributes), Duration, StatusCode, StatusMessage, \
              arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), Events.Name, Events.Attributes[1]['exception.message'] = 'no \"funds\"\\n\\tat x', \
              Events.Attributes[1]['n'], Links.TraceId, Links.SpanId, Links.TraceState, Links.Attributes, Department, TransactionId, \
              TransactionType, SelfTime, CriticalTime, KeptBy, Weight FROM otel_traces")
        .await;
    let (trace, link) = ("09".repeat(16), "ab".repeat(16));
    let wanted = format!(
        "{}\t{trace}\t0404040404040404\t0101010101010101\tvendor=1\tstep 3\tClient\tpayment-api\t\
         {{'service.name':'payment-api','k8s.pod.name':'pod-1'}}\tlib\t1.2\t12\t5000000\tError\tinsufficient funds\t\
         [{}]\t['exception']\t1\t1\t['{link}']\t['cdcdcdcdcdcdcdcd']\t['l=1']\t[{{'k':'v'}}]\tpayments\tuetr-009\t\
         transfer\t3000000\t0\trest\t20",
        START + 3_000_000,
        START + 5
    );
    assert_eq!(row, wanted);
    let names = scene.ask("SELECT groupArray(name) FROM system.columns WHERE database = currentDatabase() AND table = 'otel_traces'").await;
    assert!(names.starts_with("['Timestamp','TraceId','SpanId','ParentSpanId','TraceState','SpanName','SpanKind','ServiceName','ResourceAttributes',"));
    let star = scene.ask("SELECT * FROM otel_traces").await;
    assert_eq!(star.matches('\t').count(), 29, "one column for each of the view's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_on_the_path_reads_its_time() {
    let scene = Scene::new().await;
    let mut block = SpansBlock::new();
    for (number, critical) in [(0, 0), (1, 3_000_000), (2, 1), (3, 2), (4, 4_999_999)] {
        let context = throughline_clickhouse::SpanContext { critical_ns: critical, ..sample::context("tx") };
        sample::push(&mut block, "s", &sample::span(1, number), &context);
    }
    scene.write(vec![spans(1, block)]).await;
    let read = scene
        .ask("SELECT groupArray(CriticalTime) FROM (SELECT CriticalTime FROM otel_traces ORDER BY Timestamp)")
        .await;
    assert_eq!(read, "[0,3000000,1,2,4999999]");
}
