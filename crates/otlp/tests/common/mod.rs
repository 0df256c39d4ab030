//! Requests to test with: strategies that make them, and small ones by hand.
#![allow(dead_code, reason = "each test binary uses its share")]

pub(crate) mod raw;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{
        AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    resource::v1::Resource,
    trace::v1::{
        ResourceSpans, ScopeSpans, Span, Status,
        span::{Event, Link},
    },
};
use proptest::{collection::vec, prelude::*};
use prost::Message;
use throughline_otlp::{AttributeTest, CompiledPlan, MatchScope, Matcher, ScanPlan};

/// A plan with slots, a name in two slots, and matchers of every kind, over the names that [`key`] makes.
pub(crate) fn plan() -> CompiledPlan {
    let mut plan = ScanPlan { version: 7, ..ScanPlan::default() };
    plan.resource_keys.extend(["department".into(), "k1".into()]);
    plan.span_keys.extend(["payment.uetr".into(), "k1".into(), "k2".into(), "k1".into()]);
    let tests = [
        AttributeTest::StringIn(vec![b"a"[..].into(), b""[..].into()]),
        AttributeTest::StringMatches(vec![regex::bytes::Regex::new("a|b").unwrap()]),
        AttributeTest::Number { min: Some(0.0), max: None },
        AttributeTest::Integer { min: None, max: Some(10) },
        AttributeTest::Bool(true),
    ];
    let scopes = [MatchScope::Any, MatchScope::Span, MatchScope::Resource];
    for (bit, (scope, test)) in (0..).zip(scopes.into_iter().flat_map(|s| tests.iter().map(move |t| (s, t))))
    {
        plan.matchers.push(Matcher { scope, key: "k2".into(), test: test.clone(), bit });
    }
    plan.into()
}

pub(crate) fn encode(request: &ExportTraceServiceRequest) -> Bytes {
    request.encode_to_vec().into()
}

pub(crate) fn string(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.into())) }
}

pub(crate) fn attribute(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

/// A good span with nothing special about it; `n` from 1.
pub(crate) fn span(n: u64) -> Span {
    let mut trace_id = n.to_be_bytes().to_vec();
    trace_id.extend(n.wrapping_mul(31).to_be_bytes());
    Span {
        trace_id,
        span_id: n.to_be_bytes().to_vec(),
        name: format!("operation {n}"),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + n,
        end_time_unix_nano: 1_700_000_000_000_001_000 + n,
        attributes: vec![attribute("payment.uetr", string(&format!("uetr-{n}")))],
        ..Span::default()
    }
}

pub(crate) fn resource(service: &str) -> Resource {
    Resource { attributes: vec![attribute("service.name", string(service))], ..Resource::default() }
}

/// One resource, one scope, these spans.
pub(crate) fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: "scope".into(), ..InstrumentationScope::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource("ledger")),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, schema_url: "scope-url".into() }],
            schema_url: "resource-url".into(),
        }],
    }
}

/// Every span with all that surrounds it.
pub(crate) fn spans_in_context(
    request: &ExportTraceServiceRequest,
) -> Vec<(ResourceSpans, ScopeSpans, Span)> {
    let mut all = Vec::new();
    for resource in &request.resource_spans {
        let around = ResourceSpans {
            resource: resource.resource.clone(),
            scope_spans: Vec::new(),
            schema_url: resource.schema_url.clone(),
        };
        for scope in &resource.scope_spans {
            let within = ScopeSpans {
                scope: scope.scope.clone(),
                spans: Vec::new(),
                schema_url: scope.schema_url.clone(),
            };
            all.extend(scope.spans.iter().map(|span| (around.clone(), within.clone(), span.clone())));
        }
    }
    all
}

pub(crate) fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("k1".to_owned()),
        Just("k2".to_owned()),
        Just("payment.uetr".to_owned()),
        Just("service.name".to_owned()),
        Just("db.system".to_owned()),
        ".{0,12}",
    ]
}

pub(crate) fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        prop_oneof![Just(String::new()), Just("a".to_owned()), ".{0,40}"]
            .prop_map(|s| Some(Value::StringValue(s))),
        any::<bool>().prop_map(|b| Some(Value::BoolValue(b))),
        prop_oneof![any::<i64>(), -3..20i64, Just(i64::MAX)].prop_map(|i| Some(Value::IntValue(i))),
        prop_oneof![
            -1e3..1e3f64,
            Just(1.5e-9),
            Just(f64::INFINITY),
            any::<f64>().prop_filter("a NaN is not equal to itself", |d| !d.is_nan())
        ]
        .prop_map(|d| Some(Value::DoubleValue(d))),
        vec(any::<u8>(), 0..20).prop_map(|b| Some(Value::BytesValue(b))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4)
                .prop_map(|values| AnyValue { value: Some(Value::ArrayValue(ArrayValue { values })) }),
            vec((key(), inner), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| attribute(&key, value)).collect();
                AnyValue { value: Some(Value::KvlistValue(KeyValueList { values })) }
            }),
        ]
    })
}

pub(crate) fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((key(), proptest::option::of(value())), 0..5).prop_map(|pairs| {
        pairs.into_iter().map(|(key, value)| KeyValue { key, value, ..KeyValue::default() }).collect()
    })
}

/// Ids: mostly good, from few values so that traces share partitions; some of a wrong length or all zero.
fn id(len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => vec(0..3u8, len).prop_filter("not all zero", |id| id.iter().any(|byte| *byte > 0)),
        1 => Just(vec![0; len]),
        1 => vec(any::<u8>(), 0..20),
    ]
}

pub(crate) fn any_span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), prop_oneof![Just(Vec::new()), Just(vec![0; 8]), id(8)]);
    let event = (any::<u64>(), ".{0,9}", attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    );
    let link = (id(16), id(8), ".{0,9}", attributes(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            flags,
            ..Link::default()
        },
    );
    let status =
        proptest::option::of((".{0,9}", -1..4i32).prop_map(|(message, code)| Status { message, code }));
    let times = (any::<u64>(), 0..1000u64, 0..900u64);
    let rest = (".{0,20}", ".{0,9}", -1..8i32, any::<u32>());
    (ids, times, rest, attributes(), vec(event, 0..3), vec(link, 0..3), status).prop_map(
        |(
            ids,
            (time, before, after),
            (name, trace_state, kind, flags),
            attributes,
            events,
            links,
            status,
        )| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            name,
            trace_state,
            kind,
            flags,
            start_time_unix_nano: time.saturating_add(before),
            end_time_unix_nano: time.saturating_add(after.max(before / 2)),
            attributes,
            events,
            links,
            status,
            ..Span::default()
        },
    )
}

pub(crate) fn any_request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = proptest::option::of((".{0,9}", attributes()).prop_map(|(name, attributes)| {
        InstrumentationScope { name, attributes, ..InstrumentationScope::default() }
    }));
    let scope_spans = (scope, vec(any_span(), 0..5), ".{0,9}")
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let entity =
        ".{0,9}".prop_map(|r#type| EntityRef { r#type, id_keys: vec!["id".into()], ..EntityRef::default() });
    let resource =
        proptest::option::of((attributes(), vec(entity, 0..2)).prop_map(|(attributes, entity_refs)| {
            Resource { attributes, entity_refs, ..Resource::default() }
        }));
    let resource_spans = (resource, vec(scope_spans, 0..4), ".{0,9}")
        .prop_map(|(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url });
    vec(resource_spans, 0..4).prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}
