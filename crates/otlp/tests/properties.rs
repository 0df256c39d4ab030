//! What holds for every request: nothing lost, nothing twice, the same facts again, no panic.

#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod common;

use std::sync::Arc;

use common::{any_request, encode, plan, spans_in_context};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, common::v1::KeyValue, trace::v1::Span,
};
use proptest::prelude::*;
use prost::Message;
use throughline_otlp::{
    Facts, Fault, Scanner, TraceId, facts::flag, limits::MAX_RECORD_BYTES, partition_of, rescan, walk_spans,
    wire::WireError,
};

fn decode(payload: &[u8]) -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(payload).unwrap()
}

fn has_good_ids(span: &Span) -> bool {
    let nonzero = |id: &[u8]| id.iter().any(|byte| *byte != 0);
    let good = |id: &[u8], len| id.len() == len && nonzero(id);
    good(&span.trace_id, 16) && good(&span.span_id, 8) && matches!(span.parent_span_id.len(), 0 | 8)
}

/// What facts say of a span is what the decoded span says.
fn check_facts(payload: &[u8], facts: &Facts) {
    let decoded = decode(payload);
    let spans = spans_in_context(&decoded).into_iter().filter(|(_, _, span)| has_good_ids(span));
    for (index, (resource, _, span)) in spans.enumerate() {
        let fact = &facts.spans[index];
        assert_eq!(fact.trace_id.0[..], span.trace_id[..]);
        assert_eq!(fact.span_id.0.to_be_bytes()[..], span.span_id[..]);
        assert_eq!(fact.name.of(payload), span.name.as_bytes());
        // Compared as bytes, for a NaN is not equal to itself.
        let body = Span::decode(fact.body.of(payload)).unwrap();
        assert_eq!(body.encode_to_vec(), span.encode_to_vec());
        assert_eq!(fact.start, span.start_time_unix_nano);
        assert_eq!(fact.end, span.end_time_unix_nano.max(fact.start));
        assert_eq!(fact.flags & flag::CLAMPED != 0, span.end_time_unix_nano < span.start_time_unix_nano);
        assert_eq!(
            i32::from(fact.flags & flag::KIND),
            if (0..=5).contains(&span.kind) { span.kind } else { 0 }
        );
        let has_database = span.attributes.iter().any(|attribute| attribute.key == "db.system");
        assert_eq!(fact.flags & flag::DATABASE != 0, has_database);
        let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        let service = attributes.iter().filter(|attribute| attribute.key == "service.name").find_map(text_of);
        assert_eq!(facts.resource_text(fact.resource, 0), service.unwrap_or_default().as_bytes());
        let links = span
            .links
            .iter()
            .filter(|link| link.trace_id.len() == 16 && link.trace_id.iter().any(|b| *b > 0));
        let found: Vec<&[u8]> =
            facts.links.iter().filter(|l| l.span as usize == index).map(|l| &l.trace_id.0[..]).collect();
        assert_eq!(found, links.map(|link| &link.trace_id[..]).collect::<Vec<_>>());
        let uetr =
            span.attributes.iter().find(|attribute| attribute.key == "payment.uetr").and_then(text_of_any);
        let capture = facts.captures.iter().find(|c| c.span as usize == index && c.slot == 2);
        assert_eq!(capture.map(|c| String::from_utf8(c.text.of(&facts.text).to_vec()).unwrap()), uetr);
    }
}

fn text_of_any(attribute: &KeyValue) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::BoolValue(value) => Some(value.to_string()),
        Value::IntValue(value) => Some(value.to_string()),
        Value::DoubleValue(value) => {
            let mut out = Vec::new();
            throughline_otlp::put_f64(&mut out, *value);
            Some(String::from_utf8(out).unwrap())
        }
        _ => None,
    }
}

fn text_of(attribute: &KeyValue) -> Option<String> {
    text_of_any(attribute).filter(|text| !text.is_empty())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_span_is_in_one_part_with_what_surrounds_it(request in any_request(), partitions in 1..6u32) {
        let plan = Arc::new(plan());
        let scanned = Scanner::new(Arc::clone(&plan)).scan(encode(&request), partitions).unwrap();
        let all = spans_in_context(&request);
        let good: Vec<_> = all.iter().filter(|(_, _, span)| has_good_ids(span)).cloned().collect();
        prop_assert_eq!(scanned.accepted, good.len() as u64);
        prop_assert_eq!(scanned.rejected.total(), (all.len() - good.len()) as u64);
        let mut expected: Vec<Vec<_>> = vec![Vec::new(); partitions as usize];
        for found in good {
            let trace = TraceId(found.2.trace_id.clone().try_into().unwrap());
            expected[partition_of(trace, partitions) as usize].push(found);
        }
        let mut actual: Vec<Vec<_>> = vec![Vec::new(); partitions as usize];
        for part in &scanned.parts {
            prop_assert!(part.payload.len() <= MAX_RECORD_BYTES);
            actual[part.partition as usize].extend(spans_in_context(&decode(&part.payload)));
            check_facts(&part.payload, &part.facts);
            prop_assert_eq!(&rescan(&part.payload, &plan).unwrap(), &part.facts);
        }
        prop_assert_eq!(actual, expected);
    }

    #[test]
    fn walked_spans_are_those_asked_for(request in any_request(), chosen in any::<u64>()) {
        let plan = Arc::new(plan());
        for part in Scanner::new(plan).scan(encode(&request), 2).unwrap().parts {
            let is_chosen = |index: usize| chosen >> (index % 64) & 1 == 1;
            let bodies: Vec<u32> = part.facts.spans.iter().enumerate()
                .filter(|(index, _)| is_chosen(*index)).map(|(_, span)| span.body.start).collect();
            let mut visits = Vec::new();
            let visited = walk_spans(&part.payload, &bodies, |visit| {
                visits.push((visit.resource.to_vec(), visit.resource_schema_url.to_vec(), visit.scope.to_vec(),
                    visit.scope_schema_url.to_vec(), visit.span.to_vec()));
            }).unwrap();
            prop_assert_eq!(visited, bodies.len());
            let expected: Vec<_> = spans_in_context(&decode(&part.payload)).into_iter().enumerate()
                .filter(|(index, _)| is_chosen(*index))
                .map(|(_, (r, s, span))| (r.resource.unwrap_or_default().encode_to_vec(), r.schema_url.into_bytes(),
                    s.scope.unwrap_or_default().encode_to_vec(), s.schema_url.into_bytes(), span.encode_to_vec()))
                .collect();
            prop_assert_eq!(visits, expected);
        }
    }

    #[test]
    fn bytes_that_are_anything_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let plan = Arc::new(plan());
        let _ = Scanner::new(Arc::clone(&plan)).scan(bytes.clone().into(), 3);
        let _ = walk_spans(&bytes, &[2, 4], |_| ());
    }

    #[test]
    fn a_damaged_request_is_judged_as_prost_does(request in any_request(), at in any::<proptest::sample::Index>(), with in any::<u8>()) {
        let mut bytes = request.encode_to_vec();
        prop_assume!(!bytes.is_empty());
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let prost = ExportTraceServiceRequest::decode(&bytes[..]);
        let plan = Arc::new(plan());
        match (Scanner::new(Arc::clone(&plan)).scan(bytes.into(), 3), prost) {
            // Deep values and groups are read by prost to a greater depth.
            (Err(error), Ok(_)) => {
                prop_assert!(matches!(error.fault, Fault::Depth | Fault::Wire(WireError::Depth)), "{error}");
            }
            // One span's bad UTF-8 refuses that span (for a bad id, where it has one too).
            (Ok(scanned), Err(_)) => prop_assert!(!scanned.rejected.is_empty()),
            (Ok(scanned), Ok(decoded)) => {
                let good = spans_in_context(&decoded).into_iter().filter(|(_, _, span)| has_good_ids(span)).count();
                prop_assert_eq!(scanned.accepted, good as u64);
                for part in &scanned.parts {
                    check_facts(&part.payload, &part.facts);
                    prop_assert_eq!(&rescan(&part.payload, &plan).unwrap(), &part.facts);
                }
            }
            (Err(_), Err(_)) => {}
        }
    }
}
