//! Spans a second on one core: `cargo bench -p throughline-otlp`. Each figure is the median of several rounds.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench reports to its terminal and may stop where it fails"
)]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message;
use throughline_otlp::{
    AttributeTest, CompiledPlan, MatchScope, Matcher, ScanPlan, Scanner, json, partition_of, walk_spans,
};

const SPANS: u64 = 8192;
const SPANS_A_RESOURCE: u64 = 512;
const SPANS_A_TRACE: u64 = 8;
const ROUNDS: usize = 40;

fn main() {
    let request = request();
    let bytes: Bytes = request.encode_to_vec().into();
    println!("{} spans of {} bytes each, resources included", SPANS, bytes.len() as u64 / SPANS);
    let plan = Arc::new(plan());
    let mut scanner = Scanner::new(Arc::clone(&plan));

    report("prost decode", || drop(black_box(ExportTraceServiceRequest::decode(&bytes[..]).unwrap())));
    report("rescan (scan alone)", || drop(black_box(scanner.rescan(&bytes).unwrap())));
    for partitions in [1, 2, 16, 64] {
        report(&format!("scan and split, {partitions} partitions"), || {
            let scanned = scanner.scan(bytes.clone(), partitions).unwrap();
            assert_eq!(scanned.accepted, SPANS);
            black_box(scanned);
        });
    }
    let facts = scanner.rescan(&bytes).unwrap().facts;
    let kept: Vec<u32> = facts
        .spans
        .iter()
        .filter(|span| partition_of(span.trace_id, 20) == 0)
        .map(|span| span.body.start)
        .collect();
    report("walk to 5 % of spans", || {
        let mut total = 0;
        assert_eq!(walk_spans(&bytes, &kept, |visit| total += visit.span.len()).unwrap(), kept.len());
        black_box(total);
    });
    let body = serde_json::to_vec(&request).unwrap();
    report("JSON to protobuf", || drop(black_box(json::to_protobuf(&body).unwrap())));
}

fn report(name: &str, mut work: impl FnMut()) {
    let mut rounds: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    let median = rounds[ROUNDS / 2].as_secs_f64();
    let rate = SPANS as f64 / median / 1e6;
    println!("{name:<32} {rate:>8.2} M spans/s {:>8.0} ns a span", median * 1e9 / SPANS as f64);
}

fn plan() -> CompiledPlan {
    let mut plan = ScanPlan::default();
    plan.resource_keys.push("department".into());
    let keys =
        ["payment.uetr", "payment.end_to_end_id", "bank.transfer.id", "payment.amount", "payment.currency"];
    plan.span_keys.extend(keys.map(Into::into));
    plan.matchers.push(Matcher {
        scope: MatchScope::Any,
        key: "http.response.status_code".into(),
        test: AttributeTest::Number { min: Some(500.0), max: None },
        bit: 0,
    });
    plan.into()
}

fn request() -> ExportTraceServiceRequest {
    let resource_spans = (0..SPANS / SPANS_A_RESOURCE)
        .map(|resource| {
            let attributes =
                ["service.name", "service.version", "service.instance.id", "host.name", "department"]
                    .map(|key| attribute(key, Value::StringValue(format!("{key}-{resource}"))));
            let first = resource * SPANS_A_RESOURCE;
            let spans = (first..first + SPANS_A_RESOURCE).map(span).collect();
            let scope = InstrumentationScope {
                name: "io.opentelemetry.http".into(),
                ..InstrumentationScope::default()
            };
            ResourceSpans {
                resource: Some(Resource { attributes: attributes.into(), ..Resource::default() }),
                scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn span(n: u64) -> Span {
    // A multiplier with good high bits stands for random ids.
    let random = |n: u64| n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut trace_id = random(n / SPANS_A_TRACE).to_be_bytes().to_vec();
    trace_id.extend(random((n / SPANS_A_TRACE) ^ 0xffff).to_be_bytes());
    Span {
        trace_id,
        span_id: random(n).to_be_bytes().to_vec(),
        parent_span_id: if n.is_multiple_of(SPANS_A_TRACE) {
            Vec::new()
        } else {
            random(n - 1).to_be_bytes().to_vec()
        },
        name: "POST /transfers/{id}/settle".into(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000 + n * 1000,
        end_time_unix_nano: 1_700_000_000_005_000_000 + n * 1000,
        flags: 257,
        attributes: vec![
            attribute("http.request.method", Value::StringValue("POST".into())),
            attribute("http.response.status_code", Value::IntValue(200)),
            attribute("url.path", Value::StringValue(format!("/transfers/{n}/settle"))),
            attribute("network.peer.address", Value::StringValue(format!("10.2.3.{}", n % 256))),
            attribute("user_agent.original", Value::StringValue("okhttp/4.12.0 (bank-mobile 8.1)".into())),
            attribute(
                "payment.uetr",
                Value::StringValue(format!("{:032x}", u128::from(random(n / SPANS_A_TRACE)))),
            ),
        ],
        status: Some(Status { code: 1, message: String::new() }),
        ..Span::default()
    }
}
