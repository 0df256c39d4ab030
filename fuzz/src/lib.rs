//! What the targets share: a plan that looks for much, and what must hold for every record.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use throughline_otlp::{
    AttributeTest, CompiledPlan, MatchScope, Matcher, ScanPlan, Scanned, limits::MAX_RECORD_BYTES,
    partition_of, rescan, walk_spans,
};

/// A plan over short names, which a fuzzer finds.
///
/// # Panics
/// Never: its pattern is valid.
#[must_use]
pub fn plan() -> Arc<CompiledPlan> {
    let mut plan = ScanPlan::default();
    plan.resource_keys.extend(["".into(), "a".into()]);
    plan.span_keys.extend(["a".into(), "b".into(), "a".into()]);
    let tests = [
        AttributeTest::StringIn(vec![b""[..].into()]),
        AttributeTest::StringMatches(vec![regex::bytes::Regex::new("[ab]+$").expect("valid pattern")]),
        AttributeTest::Number { min: Some(0.0), max: None },
        AttributeTest::Integer { min: None, max: Some(0) },
        AttributeTest::Bool(true),
    ];
    plan.matchers = (0..)
        .zip(tests)
        .map(|(bit, test)| Matcher { scope: MatchScope::Any, key: "a".into(), test, bit })
        .collect();
    Arc::new(plan.into())
}

/// Checks records against all that is promised of them.
///
/// # Panics
/// Where a promise is broken.
pub fn check(scanned: &Scanned, partitions: u32, plan: &Arc<CompiledPlan>) {
    let mut spans = 0;
    for part in &scanned.parts {
        assert!(part.partition < partitions && part.payload.len() <= MAX_RECORD_BYTES);
        assert_eq!(rescan(&part.payload, plan).expect("a record is valid"), part.facts);
        assert!(
            part.facts.spans.iter().all(|span| partition_of(span.trace_id, partitions) == part.partition)
        );
        let bodies: Vec<u32> = part.facts.spans.iter().map(|span| span.body.start).collect();
        assert_eq!(walk_spans(&part.payload, &bodies, |_| ()), Ok(bodies.len()));
        spans += bodies.len() as u64;
    }
    assert_eq!(spans, scanned.accepted);
}

/// Spans of a request as prost reads it; `None` where it refuses.
#[must_use]
pub fn spans_by_prost(request: &[u8]) -> Option<u64> {
    let request = ExportTraceServiceRequest::decode(request).ok()?;
    let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
    Some(scopes.map(|scope| scope.spans.len() as u64).sum())
}
