//! The real intake over a real log: what is answered with success can be read back, and what cannot be appended is refused so that it comes again.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use common::{request, request_of, span};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use throughline_log::{Kind, Log, Position, Settings};
use throughline_otlp::{CompiledPlan, Facts, ScanPlan, TraceId, partition_of};
use throughline_receiver::{Intake, LogIntake, Pressure, Refusal};

const PARTITIONS: u32 = 3;

fn open(settings: Settings) -> (Arc<Log>, LogIntake) {
    let log = Arc::new(Log::open(settings).unwrap());
    let plan = Arc::new(ArcSwap::from_pointee(CompiledPlan::new(ScanPlan::default())));
    let intake = LogIntake::new(Arc::clone(&log), plan);
    (log, intake)
}

fn settings(dir: &tempfile::TempDir) -> Settings {
    Settings { segment_bytes: 4 << 20, reserve_bytes: 0, ..Settings::new(dir.path(), "span", PARTITIONS) }
}

fn bytes(request: &ExportTraceServiceRequest) -> Bytes {
    request.encode_to_vec().into()
}

#[tokio::test]
async fn accepted_spans_lie_in_the_log_each_in_its_partition_with_its_facts() {
    let dir = tempfile::tempdir().unwrap();
    let (log, intake) = open(settings(&dir));
    let mut spans: Vec<_> = (0..100).map(span).collect();
    spans[7].span_id = vec![0; 8];
    let accepted = intake.submit("retail".into(), bytes(&request_of(spans))).await.unwrap();
    assert_eq!((accepted.spans, accepted.rejected.total()), (99, 1));

    let mut names = Vec::new();
    for partition in 0..PARTITIONS {
        let record = log.fetch(partition, Position(0)).unwrap();
        assert_eq!((record.kind, &*record.tenant), (Kind::Spans, "retail"));
        let request = ExportTraceServiceRequest::decode(record.payload).unwrap();
        let spans: Vec<_> =
            request.resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans).collect();
        for span in &spans {
            let trace = TraceId(span.trace_id.clone().try_into().unwrap());
            assert_eq!(partition_of(trace, PARTITIONS), partition);
        }
        if let Some(facts) = record.cache {
            assert_eq!(facts.downcast_ref::<Facts>().unwrap().spans.len(), spans.len());
        }
        names.extend(spans.into_iter().map(|span| span.name));
    }
    names.sort_unstable();
    let mut sent: Vec<_> = (0..100).filter(|id| *id != 7).map(|id| span(id).name).collect();
    sent.sort_unstable();
    assert_eq!(names, sent);
}

#[tokio::test]
async fn a_full_log_refuses_with_the_number_of_spans_and_a_delay() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, intake) = open(Settings { max_bytes: Some(0), ..settings(&dir) });
    intake.submit("".into(), bytes(&request(1))).await.unwrap();
    let refusal = intake.submit("".into(), bytes(&request(5))).await.unwrap_err();
    assert!(refusal.is_retryable());
    let Refusal::Busy { pressure: Pressure::LogFull, spans: 5, retry_after } = refusal else {
        panic!("{refusal:?}")
    };
    assert!(retry_after > Duration::ZERO);
}

#[tokio::test]
async fn what_is_too_much_at_one_time_is_refused_with_a_delay() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, intake) = open(Settings { max_pending_bytes: 10, ..settings(&dir) });
    // All are queued before the first can be durable; one append alone is taken whatever its size.
    let submits = (0..50).map(|_| intake.submit("".into(), bytes(&request(5))));
    let results = futures_util::future::join_all(submits).await;
    assert!(results.iter().any(Result::is_ok));
    let refusal = results.into_iter().find_map(Result::err).unwrap();
    assert!(
        matches!(refusal, Refusal::Busy { pressure: Pressure::LogOverloaded, spans: 5, .. }),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn large_and_malformed_and_empty_requests() {
    let dir = tempfile::tempdir().unwrap();
    let (_log, intake) = open(settings(&dir));
    let large = request(80_000);
    assert!(large.encoded_len() > 4 << 20);
    assert_eq!(intake.submit("".into(), bytes(&large)).await.unwrap().spans, 80_000);
    assert!(matches!(
        intake.submit("".into(), Bytes::from_static(&[8, 1])).await,
        Err(Refusal::Malformed(_))
    ));
    assert_eq!(intake.submit("".into(), Bytes::new()).await.unwrap().spans, 0);
}
