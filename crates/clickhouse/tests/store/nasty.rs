//! Spans with everything that bites.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sample::START;

fn words() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("tx-1".to_owned()),
        Just("\0".to_owned()),
        Just("\u{1}".to_owned()),
        Just("\u{1}t".to_owned()),
        Just("\u{1}z\u{1}e\0\u{1}".to_owned()),
        Just("a\"b\\c\n\r\t\u{7f}\u{1f}".to_owned()),
        Just("\u{1F4B8} 四 ß".to_owned()),
        Just("POST".to_owned()),
        "[a-z.]{1,12}",
        any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = Option<AnyValue>> {
    let leaf = prop_oneof![
        6 => words().prop_map(Value::StringValue),
        3 => prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(0), Just((1 << 53) - 1), any::<i64>()].prop_map(Value::IntValue),
        2 => prop_oneof![
            Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(1.5e-9), Just(1e21), Just(5e-324), Just(f64::MAX), any::<f64>()
        ]
        .prop_map(Value::DoubleValue),
        1 => any::<bool>().prop_map(Value::BoolValue),
        1 => vec(any::<u8>(), 0..9).prop_map(Value::BytesValue),
    ];
    let nested = leaf.prop_recursive(3, 12, 4, |inner| {
        let item = prop::option::weighted(0.9, inner).prop_map(|value| AnyValue { value });
        prop_oneof![
            vec(item.clone(), 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec((words(), prop::option::weighted(0.9, item)), 0..4).prop_map(|pairs| {
                let pair = |(key, value)| KeyValue { key, value, ..KeyValue::default() };
                Value::KvlistValue(KeyValueList { values: pairs.into_iter().map(pair).collect() })
            }),
        ]
    });
    prop::option::weighted(0.95, prop::option::weighted(0.95, nested).prop_map(|value| AnyValue { value }))
}

fn attributes(most: usize) -> impl Strategy<Value = Vec<KeyValue>> {
    let pair = (prop_oneof![Just("k".to_owned()), Just("http.method".to_owned()), words()], value());
    vec(pair.prop_map(|(key, value)| KeyValue { key, value, ..KeyValue::default() }), 0..most)
}

fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![6 => vec(any::<u8>(), len), 1 => Just(vec![0; len]), 1 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..20)]
}

fn few(most: u32) -> impl Strategy<Value = u32> {
    prop_oneof![8 => Just(0), 1 => 1..=most]
}

fn event() -> impl Strategy<Value = Event> {
    (prop_oneof![Just(START), any::<u64>()], words(), attributes(4), few(9)).prop_map(
        |(time, name, attributes, dropped)| Event {
            time_unix_nano: time,
            name,
            attributes,
            dropped_attributes_count: dropped,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (id(16), id(8), words(), attributes(3), few(3), few(0x301)).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count: dropped,
            flags,
        },
    )
}

/// Any span of the trace, on the sample's day.
pub(crate) fn spans(trace_id: Vec<u8>) -> impl Strategy<Value = Vec<Span>> {
    let times = (0..1_000_000_000u64, prop_oneof![0..1_000_000_000u64, Just(u64::MAX - START)]);
    let status = prop::option::of((words(), 0..5i32).prop_map(|(message, code)| Status { message, code }));
    let lists = (attributes(10), vec(event(), 0..3), vec(link(), 0..3));
    let counts = (few(5), few(5), few(5), prop_oneof![Just(0u32), Just(0x101), Just(0x301), any::<u32>()]);
    let names = (words(), words(), id(8), 0..8i32);
    let one = (names, times, status, lists, counts).prop_map(
        move |((name, trace_state, parent_span_id, kind), (start, duration), status, lists, counts)| Span {
            trace_id: trace_id.clone(),
            trace_state,
            parent_span_id,
            name,
            kind,
            start_time_unix_nano: START + start,
            end_time_unix_nano: (START + start).saturating_add(duration),
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            dropped_attributes_count: counts.0,
            dropped_events_count: counts.1,
            dropped_links_count: counts.2,
            flags: counts.3,
            status,
            ..Span::default()
        },
    );
    vec(one, 1..120).prop_map(|mut spans| {
        for (number, span) in (1u64..).zip(&mut spans) {
            span.span_id = number.to_be_bytes().to_vec();
        }
        spans
    })
}
