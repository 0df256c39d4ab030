//! Requests as tests say them.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Link},
};
use prost::Message;
use throughline_assembly::time::SECOND;

pub fn trace_id(n: u8) -> Vec<u8> {
    vec![n; 16]
}

/// A span in seconds from a base moment, as a test says it.
#[derive(Clone)]
pub struct TestSpan {
    pub trace: u8,
    pub id: u64,
    pub parent: u64,
    pub name: &'static str,
    pub service: &'static str,
    pub start_ms: u64,
    pub end_ms: u64,
    pub error: bool,
    pub attributes: Vec<(&'static str, String)>,
    /// As OTLP numbers it.
    pub kind: i32,
    /// Trace and span that it links to.
    pub link: Option<(u8, u64)>,
}

pub const BASE: u64 = 1_700_000_000 * SECOND;

pub fn span(trace: u8, id: u64, parent: u64, name: &'static str) -> TestSpan {
    TestSpan {
        trace,
        id,
        parent,
        name,
        service: "bff",
        start_ms: id.min(50) * 10,
        end_ms: 1000 - id.min(50) * 10,
        error: false,
        attributes: Vec::new(),
        kind: 2,
        link: None,
    }
}

impl TestSpan {
    pub fn with(mut self, key: &'static str, value: &str) -> Self {
        self.attributes.push((key, value.into()));
        self
    }

    pub fn linked(mut self, trace: u8, span: u64) -> Self {
        self.link = Some((trace, span));
        self
    }

    pub fn failed(mut self) -> Self {
        self.error = true;
        self
    }

    pub fn of(mut self, service: &'static str) -> Self {
        self.service = service;
        self
    }

    pub fn at(mut self, start_ms: u64, end_ms: u64) -> Self {
        (self.start_ms, self.end_ms) = (start_ms, end_ms);
        self
    }
}

fn link((trace, span): &(u8, u64)) -> Link {
    Link { trace_id: trace_id(*trace), span_id: span.to_be_bytes().to_vec(), ..Link::default() }
}

pub fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    }
}

pub fn request(spans: &[TestSpan]) -> Bytes {
    let resource_spans = spans.iter().map(|span| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("service.name", span.service)],
            ..Resource::default()
        }),
        scope_spans: vec![ScopeSpans {
            spans: vec![Span {
                trace_id: trace_id(span.trace),
                span_id: span.id.to_be_bytes().to_vec(),
                parent_span_id: if span.parent == 0 {
                    Vec::new()
                } else {
                    span.parent.to_be_bytes().to_vec()
                },
                name: span.name.into(),
                kind: span.kind,
                links: span.link.iter().map(link).collect(),
                start_time_unix_nano: BASE + span.start_ms * 1_000_000,
                end_time_unix_nano: BASE + span.end_ms * 1_000_000,
                attributes: span.attributes.iter().map(|(key, value)| text(key, value)).collect(),
                status: Some(Status { code: if span.error { 2 } else { 0 }, ..Status::default() }),
                ..Span::default()
            }],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec().into()
}

/// Traces of one span each, numbered.
pub fn many(numbers: std::ops::Range<u64>) -> Bytes {
    let span = |n: u64| Span {
        trace_id: (u128::from(n) << 64 | 0xabcd).to_be_bytes().to_vec(),
        span_id: (n + 1).to_be_bytes().to_vec(),
        name: "GET /".into(),
        start_time_unix_nano: BASE,
        end_time_unix_nano: BASE + 1_000_000,
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: numbers.map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}
