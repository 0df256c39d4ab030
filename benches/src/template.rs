//! One request of the load: 40 traces of 25 spans over 6 services, patched anew for each sending.

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message;
use throughline_otlp::wire::{Reader, Value as Wire};

/// Traces in a request.
pub(crate) const TRACES: usize = 40;
/// Spans in a trace.
pub(crate) const SPANS: usize = 25;
const SERVICES: [&str; 6] =
    ["mobile-bff", "api-gateway", "fraud-check", "ledger", "payment-router", "notification"];

/// Where the parts of one span lie in the request.
struct Place {
    trace: usize,
    number: usize,
    trace_id: usize,
    span_id: usize,
    parent_id: Option<(usize, usize)>,
    start: usize,
    end: usize,
}

/// An encoded request and where to patch it.
pub(crate) struct Template {
    bytes: Vec<u8>,
    places: Vec<Place>,
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    }
}

fn number(key: &str, value: i64) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::IntValue(value)) }),
        ..KeyValue::default()
    }
}

fn resource(service: &str) -> Resource {
    let attributes = vec![
        text("service.name", service),
        text("service.version", "1.4.2"),
        text("service.instance.id", &format!("{service}-6f7d8c9b5-x2x4k")),
        text("department", service.split('-').next().unwrap()),
        text("host.name", "node-07"),
        text("deployment.environment.name", "production"),
    ];
    Resource { attributes, ..Resource::default() }
}

fn span(trace: usize, at: usize) -> Span {
    let parent = if at == 0 { Vec::new() } else { marker(trace, (at - 1) / 2).to_vec() };
    let mut attributes = vec![
        text("http.request.method", "POST"),
        text("url.path", "/v2/accounts/transfers/execute"),
        text("network.peer.address", "10.42.17.23"),
        text("user_agent.original", "BankApp/7.12.0 (iOS 19.1)"),
        text("bank.channel", if trace.is_multiple_of(3) { "mobile" } else { "web" }),
        text("thread.name", &format!("http-nio-8080-exec-{}", at % 16)),
        number("http.response.status_code", 200),
        number("server.port", 8443),
    ];
    if at.is_multiple_of(6) {
        attributes.push(text("db.system.name", "postgresql"));
    }
    Span {
        trace_id: [&[0xaa; 8][..], &(trace as u64).to_be_bytes()].concat(),
        span_id: marker(trace, at).to_vec(),
        parent_span_id: parent,
        name: format!("operation-{}", at % 12),
        kind: [2, 1, 3, 2, 1][at % 5],
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        attributes,
        // One trace in a hundred fails.
        status: Some(Status { code: i32::from(trace == 7 && at == 0) * 2, ..Status::default() }),
        ..Span::default()
    }
}

fn marker(trace: usize, at: usize) -> [u8; 8] {
    ((trace * SPANS + at + 1) as u64).to_be_bytes()
}

impl Template {
    pub(crate) fn bank() -> Self {
        let resource_spans = SERVICES.iter().enumerate().map(|(service, name)| {
            let own = (0..TRACES * SPANS).filter(|index| (index % SPANS) % SERVICES.len() == service);
            ResourceSpans {
                resource: Some(resource(name)),
                scope_spans: vec![ScopeSpans {
                    scope: Some(InstrumentationScope {
                        name: "io.bank.http".into(),
                        version: "2.1.0".into(),
                        ..InstrumentationScope::default()
                    }),
                    spans: own.map(|index| span(index / SPANS, index % SPANS)).collect(),
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }
        });
        let bytes = ExportTraceServiceRequest { resource_spans: resource_spans.collect() }.encode_to_vec();
        let places = find_places(&bytes);
        assert_eq!(places.len(), TRACES * SPANS);
        Self { bytes, places }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn spans(&self) -> usize {
        self.places.len()
    }

    /// Request number `request`: no id in it was in another one. `now` is Unix nanoseconds.
    pub(crate) fn request(&self, request: u64, now: u64) -> Bytes {
        let mut bytes = self.bytes.clone();
        for place in &self.places {
            let trace = mix(request * TRACES as u64 + place.trace as u64 + 1);
            bytes[place.trace_id..place.trace_id + 8].copy_from_slice(&trace.to_be_bytes());
            bytes[place.trace_id + 8..place.trace_id + 16].copy_from_slice(&mix(trace).to_be_bytes());
            let id = |number: usize| {
                (trace ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes()
            };
            bytes[place.span_id..place.span_id + 8].copy_from_slice(&id(place.number));
            if let Some((at, parent)) = place.parent_id {
                bytes[at..at + 8].copy_from_slice(&id(parent));
            }
            // Milliseconds of a tree: a parent covers its children.
            let depth = u64::from((place.number as u32 + 1).ilog2());
            let start = now + depth * 2_000_000 + place.number as u64 * 10_000;
            let end = now + 40_000_000 - depth * 5_000_000 + trace % 4_000_000;
            bytes[place.start..place.start + 8].copy_from_slice(&start.to_le_bytes());
            bytes[place.end..place.end + 8].copy_from_slice(&end.to_le_bytes());
        }
        bytes.into()
    }
}

/// The finalizer of SplitMix64: distinct numbers give distinct ids.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn find_places(bytes: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    for (at, resource_spans) in messages(bytes, 0, 1) {
        for (at, scope_spans) in messages(resource_spans, at, 2) {
            for (at, span) in messages(scope_spans, at, 2) {
                places.push(place(span, at));
            }
        }
    }
    places
}

fn messages(bytes: &[u8], base: usize, wanted: u32) -> Vec<(usize, &[u8])> {
    let mut found = Vec::new();
    let mut reader = Reader::new(bytes);
    while let Some((field, value)) = reader.next_field().unwrap() {
        if let (true, Wire::Bytes(body)) = (field == wanted, value) {
            found.push((base + reader.offset() - body.len(), body));
        }
    }
    found
}

fn place(span: &[u8], base: usize) -> Place {
    let mut place = Place { trace: 0, number: 0, trace_id: 0, span_id: 0, parent_id: None, start: 0, end: 0 };
    let word = |bytes: &[u8]| u64::from_be_bytes(bytes.try_into().unwrap()) as usize;
    let mut reader = Reader::new(span);
    while let Some((field, value)) = reader.next_field().unwrap() {
        let end = base + reader.offset();
        match (field, value) {
            (1, Wire::Bytes(id)) => (place.trace_id, place.trace) = (end - 16, word(&id[8..])),
            (2, Wire::Bytes(id)) => (place.span_id, place.number) = (end - 8, (word(id) - 1) % SPANS),
            (4, Wire::Bytes(id)) if !id.is_empty() => {
                place.parent_id = Some((end - 8, (word(id) - 1) % SPANS));
            }
            (7, Wire::Fixed64(_)) => place.start = end - 8,
            (8, Wire::Fixed64(_)) => place.end = end - 8,
            _ => {}
        }
    }
    place
}
