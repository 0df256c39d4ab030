//! What records hold: envelopes with their spans, whatever the order of fields, and facts that fit.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod common;

use std::sync::Arc;

use bytes::Bytes;
use common::{
    attribute, encode, plan,
    raw::{field, ids, key_value, text, with_span},
    request, resource, span, spans_in_context, string,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Link},
};
use prost::Message;
use throughline_otlp::{
    CompiledPlan, Facts, ScanPlan, Scanned, Scanner, SpanId, facts::flag, limits::MAX_RECORD_BYTES,
    plan::slot, rescan, walk_spans,
};

fn scan(bytes: impl Into<Bytes>, partitions: u32) -> Scanned {
    Scanner::new(Arc::new(plan())).scan(bytes.into(), partitions).unwrap()
}

/// Facts of a request that becomes one record.
fn facts(bytes: impl Into<Bytes>) -> Facts {
    let mut parts = scan(bytes, 1).parts;
    assert_eq!(parts.len(), 1);
    parts.remove(0).facts
}

fn decode(bytes: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(bytes).unwrap()
}

#[test]
fn empty_requests_and_envelopes_succeed_without_records() {
    for bytes in
        [vec![], field(1, ""), field(1, field(2, "")), [field(1, field(1, "")), field(1, "")].concat()]
    {
        let scanned = scan(bytes, 4);
        assert!(scanned.parts.is_empty() && scanned.rejected.is_empty() && scanned.accepted == 0);
    }
}

#[test]
fn a_request_of_one_partition_is_its_record_without_a_copy() {
    let bytes = encode(&request((1..50).map(span).collect()));
    let part = scan(bytes.clone(), 1).parts.remove(0);
    assert_eq!(part.payload.as_ptr(), bytes.as_ptr());
    assert_eq!(part.payload, bytes);
    // One trace has one partition, however many there are.
    let bytes = encode(&request(vec![span(1), Span { span_id: vec![9; 8], ..span(1) }]));
    let parts = scan(bytes.clone(), 64).parts;
    assert_eq!((parts.len(), parts[0].payload.as_ptr()), (1, bytes.as_ptr()));
}

#[test]
fn a_large_request_is_cut_between_spans() {
    let request = request((1..=20_000).map(span).collect());
    let bytes = encode(&request);
    assert!(bytes.len() > 2 * MAX_RECORD_BYTES);
    let scanned = scan(bytes.clone(), 1);
    assert_eq!(scanned.parts.len(), bytes.len().div_ceil(MAX_RECORD_BYTES));
    let mut found = Vec::new();
    for part in &scanned.parts {
        assert!(part.payload.len() <= MAX_RECORD_BYTES);
        found.extend(spans_in_context(&decode(&part.payload)));
        assert_eq!(rescan(&part.payload, &Arc::new(plan())).unwrap(), part.facts);
    }
    assert!(found == spans_in_context(&request));
}

#[test]
fn a_resource_that_stands_after_its_spans_counts_for_them() {
    let body =
        [field(2, field(2, ids())), field(1, field(1, key_value("service.name", text("late"))))].concat();
    let facts = facts(field(1, body));
    assert_eq!(facts.resource_text(facts.spans[0].resource, slot::SERVICE), b"late");
}

#[test]
fn pieces_of_one_message_merge() {
    let piece = |key: &str, value: &str| field(1, field(1, key_value(key, text(value))));
    let spans = field(2, [field(1, field(1, "sc")), field(2, ids()), field(1, field(2, "ver"))].concat());
    let body = [piece("service.name", "a"), spans, piece("host.name", "b")].concat();
    let payload = field(1, body);
    let facts = facts(payload.clone());
    assert_eq!(facts.resource_text(0, slot::SERVICE), b"a");
    assert_eq!(facts.resource_text(0, slot::HOST), b"b");
    let mut visited = 0;
    walk_spans(&payload, &[facts.spans[0].body.start], |visit| {
        let merged = decode(&payload).resource_spans.remove(0);
        assert_eq!(visit.resource, merged.resource.unwrap().encode_to_vec());
        assert_eq!(visit.scope, merged.scope_spans[0].scope.as_ref().unwrap().encode_to_vec());
        visited += 1;
    })
    .unwrap();
    assert_eq!(visited, 1);

    // Of a value's pieces the last choice counts, and a piece without one changes nothing; of scalars the last counts.
    let attribute =
        [field(1, "x"), key_value("payment.uetr", text("a")), field(2, text("b")), field(2, "")].concat();
    let names = [field(5, "old"), field(5, "new")].concat();
    let bytes = with_span([ids(), names, field(9, attribute)].concat());
    let facts = self::facts(bytes.clone());
    assert_eq!(facts.captures[0].text.of(&facts.text), b"b");
    assert_eq!(facts.spans[0].name.of(&bytes), b"new");
}

#[test]
fn unknown_fields_travel_with_their_spans() {
    let unknown = field(1000, "unknown");
    let numbers = [0xb8, 0x3e, 5, 0xbd, 0x3e, 1, 2, 3, 4, 0xb9, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8];
    let span = |id: u8| {
        field(2, [field(1, [id; 16]), field(2, [id; 8]), unknown.clone(), numbers.to_vec()].concat())
    };
    let scope =
        [span(1), unknown.clone(), span(2), numbers.to_vec(), span(3), span(4), field(3, "url")].concat();
    let request = field(1, [unknown.clone(), field(2, scope), numbers.to_vec()].concat());
    let scanned = scan(request, 3);
    assert!(scanned.parts.len() > 1, "spans must lie in several partitions");
    for part in &scanned.parts {
        let common = [unknown.clone(), numbers.to_vec()].concat();
        let spans: Vec<u8> = part.facts.spans.iter().flat_map(|fact| span(fact.span_id.0 as u8)).collect();
        let scope = [common.clone(), field(3, "url"), spans].concat();
        assert_eq!(part.payload, field(1, [common, field(2, scope)].concat()));
    }
}

#[test]
fn flags_say_kind_status_database_and_links() {
    let flags = |change: &dyn Fn(&mut Span)| {
        let mut span = span(1);
        span.attributes.clear();
        change(&mut span);
        facts(encode(&request(vec![span]))).spans[0].flags
    };
    assert_eq!(flags(&|_| ()), 2);
    assert_eq!(flags(&|span| span.kind = 5), 5);
    assert_eq!(flags(&|span| span.kind = 6), 0);
    assert_eq!(flags(&|span| span.kind = -1), 0);
    let status = |code| Some(Status { code, message: String::new() });
    assert_eq!(flags(&|span| span.status = status(1)), 2 | flag::OK);
    assert_eq!(flags(&|span| span.status = status(2)), 2 | flag::ERROR);
    assert_eq!(flags(&|span| span.status = status(3)), 2);
    for key in ["db.system", "db.system.name"] {
        assert_eq!(flags(&|span| span.attributes.push(attribute(key, string("mysql")))), 2 | flag::DATABASE);
    }
    assert_eq!(
        flags(&|span| span.attributes.push(attribute("peer.service", string("x")))),
        2 | flag::CAPTURES
    );
    assert_eq!(flags(&|span| span.trace_state = "ot=th:8".into()), 2 | flag::TRACE_STATE);
    let link = |trace_id: Vec<u8>| Link { trace_id, span_id: vec![1; 8], ..Link::default() };
    assert_eq!(flags(&|span| span.links.push(link(vec![1; 16]))), 2 | flag::LINKS);
    assert_eq!(flags(&|span| span.links.push(link(vec![0; 16]))), 2);
    assert_eq!(flags(&|span| span.links.push(link(vec![1; 8]))), 2);
}

#[test]
fn a_link_needs_a_trace_and_may_lack_a_span() {
    let link = |trace_id: Vec<u8>, span_id: Vec<u8>| Link { trace_id, span_id, ..Link::default() };
    let links = vec![
        link(vec![7; 16], vec![0, 0, 0, 0, 0, 0, 0, 9]),
        link(vec![], vec![1; 8]),
        link(vec![8; 16], vec![]),
        link(vec![9; 16], vec![1; 9]),
    ];
    let facts = facts(encode(&request(vec![span(1), Span { links, ..span(2) }])));
    let found: Vec<_> =
        facts.links.iter().map(|link| (link.span, link.trace_id.0[0], link.span_id)).collect();
    assert_eq!(found, [(1, 7, SpanId(9)), (1, 8, SpanId(0)), (1, 9, SpanId(0))]);
}

#[test]
fn of_attributes_of_one_name_the_first_is_captured_for_each_slot() {
    let attributes = vec![attribute("k1", string("first")), attribute("k1", string("second"))];
    let facts = facts(encode(&request(vec![Span { attributes, ..span(1) }, span(2)])));
    let captures: Vec<_> = facts
        .captures
        .iter()
        .map(|capture| (capture.span, capture.slot, capture.text.of(&facts.text)))
        .collect();
    // Slots 0 and 1 are fixed ones, 2 is `payment.uetr`, `k1` stands twice in the plan.
    assert_eq!(captures, [(0, 3, &b"first"[..]), (0, 5, b"first"), (1, 2, b"uetr-2")]);
}

#[test]
fn matchers_of_a_resource_count_for_its_spans_only() {
    let with = |value: &str| {
        let mut resource = resource("s");
        resource.attributes.push(attribute("k2", string(value)));
        let scope_spans = vec![ScopeSpans { spans: vec![span(1)], ..ScopeSpans::default() }];
        ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }
    };
    let resource_spans = vec![with("b"), with("zzz")];
    let facts = facts(encode(&ExportTraceServiceRequest { resource_spans }));
    // Pattern `a|b`: bit 1 looks anywhere, 6 at spans, 11 at resources.
    assert_eq!((facts.spans[0].matches, facts.spans[1].matches), (1 << 1 | 1 << 11, 0));
}

#[test]
fn a_hundred_thousand_resources_are_one_pass() {
    let one = |n: u64| ResourceSpans {
        resource: Some(resource("s")),
        scope_spans: vec![ScopeSpans { spans: vec![span(n)], ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    let request = ExportTraceServiceRequest { resource_spans: (1..=100_000).map(one).collect() };
    let bytes = encode(&request);
    let scanned = scan(bytes.clone(), 4);
    assert_eq!(scanned.accepted, 100_000);
    let payloads: usize = scanned.parts.iter().map(|part| part.payload.len()).sum();
    assert_eq!(payloads, bytes.len());
    assert!(scanned.parts.len() <= 4 * (bytes.len() / MAX_RECORD_BYTES + 1));
    // Without spans they leave nothing behind.
    let empty = field(1, field(2, "")).repeat(1_000_000);
    assert!(scan(empty, 4).parts.is_empty());
}

#[test]
fn facts_tell_the_version_of_their_plan() {
    let plan = ScanPlan { version: 42, ..ScanPlan::default() };
    let mut scanner = Scanner::new(Arc::new(CompiledPlan::new(plan)));
    let bytes = encode(&request((1..10).map(span).collect()));
    for part in scanner.scan(bytes.clone(), 3).unwrap().parts {
        assert_eq!(part.facts.version, 42);
    }
    scanner.set_plan(Arc::new(plan_of_tests()));
    assert_eq!(scanner.rescan(&bytes).unwrap().facts.version, 7);
}

fn plan_of_tests() -> CompiledPlan {
    plan()
}

#[test]
fn walking_stops_where_offsets_do_not_fit() {
    let bytes = encode(&request(vec![span(1), span(2)]));
    let facts = facts(bytes.clone());
    let second = facts.spans[1].body.start;
    let visited = |bodies: &[u32]| walk_spans(&bytes, bodies, |_| ()).unwrap();
    assert_eq!(visited(&[second]), 1);
    assert_eq!(visited(&[second + 1]), 0);
    assert_eq!(visited(&[facts.spans[0].body.start, second]), 2);
    assert_eq!(visited(&[]), 0);
    assert!(walk_spans(&bytes[..bytes.len() - 1], &[second], |_| ()).is_err());
}
