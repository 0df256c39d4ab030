//! Ordinary spans and transactions.

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use throughline_clickhouse::{SpanContext, SpanSource, SpansBlock};

/// 2026-03-01T10:00:00Z.
pub(crate) const START: u64 = 1_772_359_200_000_000_000;
/// Its day.
pub(crate) const DAY: u32 = (START / 86_400_000_000_000) as u32;

pub(crate) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

/// Span `number` of trace `trace`: the first is the root, the others its children.
pub(crate) fn span(trace: u8, number: u8) -> Span {
    Span {
        trace_id: vec![trace; 16],
        span_id: vec![number + 1; 8],
        parent_span_id: if number == 0 { Vec::new() } else { vec![1; 8] },
        name: if number == 0 { "POST /transfers".to_owned() } else { format!("step {number}") },
        kind: if number == 0 { 2 } else { 3 },
        start_time_unix_nano: START + u64::from(number) * 1_000_000,
        end_time_unix_nano: START + u64::from(number) * 1_000_000 + 5_000_000,
        attributes: vec![
            text("http.request.method", "POST"),
            pair("http.response.status_code", Value::IntValue(200 + i64::from(number % 2))),
            text("payment.uetr", &transaction(trace)),
            text("user.id", &format!("user-{trace}-{number}")),
        ],
        status: (number == 3).then(|| Status { message: "insufficient funds".to_owned(), code: 2 }),
        flags: 0x101,
        ..Span::default()
    }
}

pub(crate) fn transaction(trace: u8) -> String {
    format!("uetr-{trace:03}")
}

pub(crate) fn resource(service: &str) -> Vec<u8> {
    Resource {
        attributes: vec![text("service.name", service), text("k8s.pod.name", "pod-1")],
        ..Resource::default()
    }
    .encode_to_vec()
}

pub(crate) fn scope() -> Vec<u8> {
    InstrumentationScope { name: "lib".to_owned(), version: "1.2".to_owned(), ..Default::default() }
        .encode_to_vec()
}

pub(crate) fn context(transaction_id: &str) -> SpanContext<'_> {
    SpanContext {
        tenant: "",
        department: "payments",
        transaction_id,
        transaction_type: "transfer",
        self_ns: 3_000_000,
        critical_ns: 0,
        kept_by: "rest",
        weight: 20.0,
        threshold: None,
    }
}

pub(crate) fn push(block: &mut SpansBlock, service: &str, span: &Span, context: &SpanContext<'_>) {
    let (resource, scope, span) = (resource(service), scope(), span.encode_to_vec());
    let source = SpanSource {
        resource: &resource,
        resource_schema_url: "https://opentelemetry.io/schemas/1.30.0",
        scope: &scope,
        scope_schema_url: "",
        span: &span,
    };
    block.push(&source, context).unwrap();
}

/// `traces` traces of 10 spans each, the spans of two services.
pub(crate) fn block(traces: u8) -> SpansBlock {
    let mut block = SpansBlock::new();
    for trace in 1..=traces {
        let id = transaction(trace);
        for number in 0..10 {
            push(
                &mut block,
                if number % 2 == 0 { "payment-api" } else { "ledger" },
                &span(trace, number),
                &context(&id),
            );
        }
    }
    block
}
