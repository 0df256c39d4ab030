//! Planned spans as the SDK's own data, and as OTLP requests without an SDK.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::{Event, Link, SpanContext, SpanId, Status, TraceFlags, TraceId, TraceState};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use prost::Message;

use super::model::{Span, SpanEvent, SpanLink, Transfer};
use super::topology::Instance;

/// Name of the instrumentation scope of all spans.
pub const SCOPE: &str = "throughline.bank";

/// Spans of one pod that end within so many nanoseconds travel in one request, as a batch processor with this delay sends them.
const WINDOW: u64 = 1_000_000_000;
/// Spans in one request at most: the batch size that SDKs have by default.
const BATCH: usize = 512;

pub(crate) fn time(unix_nano: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nano)
}

pub(crate) fn context(trace_id: [u8; 16], span_id: [u8; 8], remote: bool) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, remote, TraceState::default())
}

pub(crate) fn event(event: SpanEvent) -> Event {
    Event::new(event.name, time(event.time), event.attributes, 0)
}

pub(crate) fn link(link: SpanLink) -> Link {
    Link::new(context(link.trace_id, link.span_id, true), link.attributes, 0)
}

pub(crate) fn status(span: &Span) -> Status {
    span.error.as_ref().map_or(Status::Unset, |message| Status::error(message.clone()))
}

pub(crate) fn resource(instance: &Instance) -> Resource {
    Resource::builder_empty().with_attributes(instance.attributes()).build()
}

pub(crate) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION")).build()
}

/// A span as the SDK hands it to an exporter.
#[must_use]
pub fn span_data(span: &Span) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span.events.iter().cloned().map(event).collect();
    let mut links = SpanLinks::default();
    links.links = span.links.iter().cloned().map(link).collect();
    SpanData {
        span_context: context(span.trace_id, span.span_id, false),
        parent_span_id: span.parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: span.parent_is_remote,
        span_kind: span.kind.clone(),
        name: span.name.clone(),
        start_time: time(span.start),
        end_time: time(span.end),
        attributes: span.attributes.clone(),
        dropped_attributes_count: 0,
        events,
        links,
        status: status(span),
        instrumentation_scope: scope(),
    }
}

/// One request with these spans, each under the resource of its pod, as it is sent.
#[must_use]
pub fn encoded_request(spans: &[&Span]) -> Vec<u8> {
    request_of(spans).encode_to_vec()
}

/// One request with these spans, each under the resource of its pod.
fn request_of(spans: &[&Span]) -> ExportTraceServiceRequest {
    let mut pods: BTreeMap<usize, Vec<&Span>> = BTreeMap::new();
    for span in spans {
        pods.entry(span.instance.index).or_default().push(span);
    }
    let resource_spans = pods.values().flat_map(|spans| {
        let resource = ResourceAttributesWithSchema::from(&resource(&spans[0].instance));
        let data = spans.iter().map(|span| span_data(span)).collect();
        group_spans_by_resource_and_scope(data, &resource)
    });
    ExportTraceServiceRequest { resource_spans: resource_spans.collect() }
}

/// The requests that the bank's pods would send for these transfers: per pod and second of ends, 512 spans at most each, in the order of time.
#[must_use]
pub fn to_otlp(transfers: &[Transfer]) -> Vec<ExportTraceServiceRequest> {
    let mut batches: BTreeMap<(u64, usize), Vec<&Span>> = BTreeMap::new();
    for span in transfers.iter().flat_map(|transfer| &transfer.spans) {
        batches.entry((span.end / WINDOW, span.instance.index)).or_default().push(span);
    }
    let mut requests = Vec::new();
    for spans in batches.values_mut() {
        spans.sort_by_key(|span| span.end);
        requests.extend(spans.chunks(BATCH).map(request_of));
    }
    requests
}
