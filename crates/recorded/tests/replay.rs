//! Whole replays against a real OTLP/gRPC server.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::collections::{HashMap, HashSet};
use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use throughline_recorded::limits::MAX_REQUEST;
use throughline_recorded::{ReplayError, ReplayOptions, ReplayReport, Speed, replay};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

fn options(address: SocketAddr, files: Vec<PathBuf>) -> ReplayOptions {
    ReplayOptions {
        files,
        endpoint: format!("http://{address}"),
        speed: Speed::Max,
        ..ReplayOptions::default()
    }
}

async fn run(options: ReplayOptions) -> Result<ReplayReport, ReplayError> {
    replay(options, |_| {}, pending()).await
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

#[tokio::test]
async fn all_that_is_recorded_arrives_unchanged() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 30);
    let file = common::write(folder.path(), "a.jsonl.gz", &requests);
    let mut last = None;
    let report = replay(options(address, vec![file]), |progress| last = Some(progress.clone()), pending())
        .await
        .unwrap();
    let expected = common::spans(&requests);
    assert_eq!(collector.spans(), expected);
    assert_eq!((report.accepted, report.rejected, report.failed), (expected.len() as u64, 0, 0));
    assert_eq!(last.unwrap().report, report, "the last progress is the end");
    assert!(report.requests < requests.len() as u64, "small requests are merged");
}

#[tokio::test]
async fn large_requests_are_split() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let mut one = common::requests(1, 400).into_iter();
    let mut whole = one.next().unwrap();
    whole.resource_spans.extend(one.flat_map(|request| request.resource_spans));
    let file = common::write(folder.path(), "a.pb.zst", std::slice::from_ref(&whole));
    let report = run(options(address, vec![file])).await.unwrap();
    assert!(report.bytes > MAX_REQUEST as u64 && report.requests >= 2, "{} bytes", report.bytes);
    // The server's own limit for a request is 4 MiB: a larger one would have been refused.
    assert_eq!(report.failed, 0);
    assert_eq!(collector.spans(), common::spans(&[whole]));
}

#[tokio::test]
async fn times_move_to_now_together() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 10);
    let file = common::write(folder.path(), "a.pb", &requests);
    let before = now();
    run(ReplayOptions { shift_to_now: true, ..options(address, vec![file]) }).await.unwrap();
    let (recorded, arrived) = (common::spans(&requests), collector.spans());
    let shift = arrived[0].start_time_unix_nano - recorded[0].start_time_unix_nano;
    let first =
        common::spans(&requests[..1]).iter().map(|span| span.start_time_unix_nano).min().unwrap() + shift;
    assert!((before..=now()).contains(&first), "the first request's first span starts now");
    for (old, new) in recorded.iter().zip(&arrived) {
        assert_eq!(new.start_time_unix_nano, old.start_time_unix_nano + shift);
        assert_eq!(new.end_time_unix_nano, old.end_time_unix_nano + shift);
        for (old, new) in old.events.iter().zip(&new.events) {
            assert_eq!(new.time_unix_nano, old.time_unix_nano + shift);
        }
        assert_eq!(
            (&new.trace_id, &new.attributes, &new.links),
            (&old.trace_id, &old.attributes, &old.links)
        );
    }
}

#[tokio::test]
async fn fresh_ids_keep_traces_and_links_together_across_files() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 10);
    let (one, two) = requests.split_at(requests.len() / 2);
    let files = vec![common::write(folder.path(), "a.pb", one), common::write(folder.path(), "b.jsonl", two)];
    run(ReplayOptions { new_ids: true, ..options(address, files) }).await.unwrap();
    let by_span = |spans: Vec<Span>| spans.into_iter().map(|span| (span.span_id.clone(), span)).collect();
    let recorded: HashMap<Vec<u8>, Span> = by_span(common::spans(&requests));
    let arrived: HashMap<Vec<u8>, Span> = by_span(collector.spans());
    assert_eq!(recorded.len(), arrived.len());
    let mut fresh: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
    for (id, old) in &recorded {
        let new = &arrived[id];
        let seen = fresh.entry(old.trace_id.clone()).or_insert_with(|| new.trace_id.clone());
        assert_eq!(*seen, new.trace_id, "one fresh id for each old one");
        assert_ne!(old.trace_id, new.trace_id);
    }
    assert_eq!(
        fresh.values().collect::<HashSet<_>>().len(),
        fresh.len(),
        "different ones for different ones"
    );
    let linked: Vec<_> = recorded.values().filter(|span| !span.links.is_empty()).collect();
    assert!(!linked.is_empty());
    for old in linked {
        assert_eq!(arrived[&old.span_id].links[0].trace_id, fresh[&old.links[0].trace_id]);
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_as_it_wishes() {
    let (collector, address) = common::serve(|call| match call {
        0 => Err(Status::unavailable("busy")),
        1 => {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(20)));
            Err(Status::with_error_details(Code::ResourceExhausted, "slower", details))
        }
        _ => common::take(call),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 5);
    let file = common::write(folder.path(), "a.pb", &requests);
    let report = run(options(address, vec![file])).await.unwrap();
    assert_eq!((report.retries, report.failed), (2, 0));
    assert_eq!(collector.spans(), common::spans(&requests));
}

#[tokio::test]
async fn refusals_are_counted_and_the_rest_goes_on() {
    let (_collector, address) = common::serve(|call| match call {
        0 => Err(Status::resource_exhausted("too large")),
        1 => {
            let partial =
                ExportTracePartialSuccess { rejected_spans: 2, error_message: "two bad ids".to_owned() };
            Ok(ExportTraceServiceResponse { partial_success: Some(partial) })
        }
        _ => common::take(call),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    // Large enough for several requests.
    let requests = common::requests(1, 300);
    let file = common::write(folder.path(), "a.pb", &requests);
    let report = run(options(address, vec![file])).await.unwrap();
    assert!(report.requests > 2 && report.failed > 0 && report.retries == 0, "{report}");
    assert_eq!(report.rejected, 2);
    assert_eq!(report.accepted + report.rejected + report.failed, common::spans(&requests).len() as u64);
    assert!(report.refusal.is_some());
}

#[tokio::test]
async fn it_gives_up_on_a_server_that_is_away() {
    // Nobody listens.
    let address = throughline_ports::own_one();
    let folder = tempfile::tempdir().unwrap();
    // One request: it gives up while others have not been read yet, and only what was tried counts as failed.
    let requests = &common::requests(1, 1)[..1];
    let file = common::write(folder.path(), "a.pb", requests);
    let options = ReplayOptions { give_up_after: Duration::from_millis(300), ..options(address, vec![file]) };
    let error = run(options).await.unwrap_err();
    assert!(matches!(&error, ReplayError::GaveUp { .. }) && error.is_retryable());
    assert_eq!(error.report().unwrap().failed, common::spans(requests).len() as u64);
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn what_cannot_be_read_is_left_out_and_told() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 2);
    let good = common::write(folder.path(), "a.pb", &requests);
    let bad = folder.path().join("b.jsonl");
    std::fs::write(&bad, "{}\nnonsense\n").unwrap();
    let report = run(options(address, vec![bad.clone(), good])).await.unwrap();
    assert_eq!(report.left_out.count, 1);
    assert!(report.left_out.first[0].contains("b.jsonl, line 2"), "{:?}", report.left_out);
    assert_eq!(report.accepted, common::spans(&requests).len() as u64);
    assert_eq!(collector.spans(), common::spans(&requests));
    std::fs::write(&bad, "nonsense\n").unwrap();
    let error = run(options(address, vec![bad])).await.unwrap_err();
    assert!(error.to_string().contains("b.jsonl, line 1"), "{error}");
}

#[tokio::test]
async fn spans_that_a_store_would_not_keep_are_counted() {
    let (_collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 3);
    let file = common::write(folder.path(), "a.pb", &requests);
    let all = common::spans(&requests).len() as u64;
    let hour = Some(Duration::from_secs(3_600));
    let old = ReplayOptions { warn_older_than: hour, ..options(address, vec![file]) };
    assert_eq!(run(old.clone()).await.unwrap().too_old, all);
    assert_eq!(run(ReplayOptions { shift_to_now: true, ..old }).await.unwrap().too_old, 0);
}

#[tokio::test]
async fn shutdown_ends_a_slow_replay() {
    let (collector, address) = common::serve(common::take).await;
    let folder = tempfile::tempdir().unwrap();
    let requests = common::requests(1, 100);
    let file = common::write(folder.path(), "a.pb", &requests);
    let options = ReplayOptions { speed: Speed::Times(0.5), ..options(address, vec![file]) };
    let (tell, mut told) = tokio::sync::watch::channel(0);
    let on_progress = move |progress: &throughline_recorded::Progress| {
        tell.send_replace(progress.report.accepted);
    };
    let shutdown = async move {
        told.wait_for(|accepted| *accepted > 0).await.unwrap();
    };
    let report = replay(options, on_progress, shutdown).await.unwrap();
    assert_eq!(report.accepted, collector.spans().len() as u64);
    assert!(report.accepted < common::spans(&requests).len() as u64);
}

#[tokio::test]
async fn an_endpoint_that_is_none_is_refused() {
    let options = ReplayOptions { endpoint: "https://127.0.0.1:1".to_owned(), ..ReplayOptions::default() };
    assert!(matches!(run(options).await, Err(ReplayError::Endpoint(_))));
}
