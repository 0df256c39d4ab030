//! The bank against a real OTLP/gRPC server: what arrives is what was planned, and what is reported is what arrived.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::collections::HashMap;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use throughline_bank::plan::{PlanOptions, generate, to_otlp};
use throughline_bank::truth::Record;
use throughline_bank::{BankError, OnProgress, Options, Progress, run};
use tonic::Status;

const RATE: f64 = 50.0;

/// A seed whose first transfers are all over soon, so that a test in real time is short.
fn quick_seed(transfers: usize) -> u64 {
    let plan = |seed| PlanOptions {
        seed,
        transfers_per_second: RATE,
        speed: 0.0,
        pods: 2,
        ..PlanOptions::default()
    };
    let lasts = |seed| {
        let options = plan(seed);
        let ends = generate(&options, transfers).into_iter().map(|transfer| transfer.end);
        ends.max().unwrap() - options.start_unix_nano
    };
    (1..).find(|seed| lasts(*seed) < 2_000_000_000).unwrap()
}

fn options(address: std::net::SocketAddr, transfers: usize) -> Options {
    Options {
        endpoint: format!("http://{address}"),
        seed: quick_seed(transfers),
        transfers_per_second: RATE,
        speed: 0.0,
        pods: 2,
        transfers: Some(transfers as u64),
        batch_delay: Duration::from_millis(100),
        ..Options::default()
    }
}

/// Ready once progress is as wanted.
fn once<F: Fn(&Progress) -> bool + Send + Sync + 'static>(
    options: &mut Options,
    wanted: F,
) -> impl Future<Output = ()> + use<F> {
    let (tell, mut told) = tokio::sync::watch::channel(false);
    options.on_progress = Some(OnProgress::new(move |progress| {
        tell.send_replace(wanted(progress));
    }));
    async move {
        told.wait_for(|wanted| *wanted).await.unwrap();
    }
}

fn read_truth(path: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

type Found = HashMap<(Vec<u8>, Vec<u8>), (Vec<KeyValue>, String, Span)>;

/// All spans by their ids, with the resource attributes and the scope that they came with.
fn spans(requests: &[ExportTraceServiceRequest]) -> Found {
    let mut found = HashMap::new();
    for resource_spans in requests.iter().flat_map(|request| &request.resource_spans) {
        let mut attributes = resource_spans.resource.clone().unwrap().attributes;
        attributes.sort_by(|a, b| a.key.cmp(&b.key));
        for scope_spans in &resource_spans.scope_spans {
            let scope = scope_spans.scope.clone().unwrap().name;
            for span in &scope_spans.spans {
                let key = (span.trace_id.clone(), span.span_id.clone());
                let seen = found.insert(key, (attributes.clone(), scope.clone(), span.clone()));
                assert!(seen.is_none(), "a span came twice");
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_is_what_was_planned_and_the_truth_says_so() {
    let (collector, address) = common::serve(|_| Ok(())).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.jsonl");
    let told = Arc::new(AtomicU64::new(0));
    let hears = Arc::clone(&told);
    let mut options = options(address, 12);
    options.truth = Some(path.clone());
    options.on_progress =
        Some(OnProgress::new(move |progress| hears.store(progress.spans, Ordering::Relaxed)));
    let seed = options.seed;
    let report = run(options, pending()).await.unwrap();

    let truth = read_truth(&path);
    assert_eq!((truth.len(), report.transfers, report.failed, report.unfinished), (12, 12, 0, 0));
    let plan =
        PlanOptions { seed, transfers_per_second: RATE, speed: 0.0, pods: 2, ..PlanOptions::default() };
    let planned = generate(&plan, 12);
    let first = truth.iter().find(|record| record.number == 0).unwrap();
    let start_unix_nano = plan.start_unix_nano + (first.start - planned[0].start);
    let planned = generate(&PlanOptions { start_unix_nano, ..plan }, 12);
    let (expected, arrived) = (spans(&to_otlp(&planned)), spans(&collector.requests.lock().unwrap()));
    assert_eq!(expected.len(), arrived.len());
    for (key, span) in &expected {
        assert_eq!(Some(span), arrived.get(key));
    }
    for record in &truth {
        assert_eq!(*record, Record::new(&planned[usize::try_from(record.number).unwrap()], &[]));
        assert_eq!(record.hops.iter().map(|hop| hop.critical).sum::<u64>(), record.duration);
    }
    assert_eq!(report.spans, arrived.len() as u64);
    assert_eq!(told.load(Ordering::Relaxed), report.spans, "the last progress is the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_busy_for_a_while_loses_nothing() {
    let (collector, address) = common::serve(|call| match call {
        0..20 => Err(Status::unavailable("busy")),
        _ => Ok(()),
    })
    .await;
    let report = run(options(address, 3), pending()).await.unwrap();
    assert_eq!((report.transfers, report.failed), (3, 0));
    assert_eq!(spans(&collector.requests.lock().unwrap()).len() as u64, report.spans);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_counted_and_named() {
    let (_collector, address) = common::serve(|_| Err(Status::invalid_argument("no"))).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("truth.jsonl");
    let options = Options { truth: Some(path.clone()), ..options(address, 3) };
    let report = run(options, pending()).await.unwrap();
    assert_eq!((report.transfers, report.spans), (3, 0));
    let truth = read_truth(&path);
    let unacknowledged: usize = truth.iter().map(|record| record.unacknowledged.len()).sum();
    assert_eq!(report.failed, unacknowledged as u64);
    assert!(truth.iter().all(|record| record.unacknowledged.len() == record.spans.len()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_ends_it_soon_and_says_what_was_cut_off() {
    let (_collector, address) = common::serve(|_| Ok(())).await;
    let mut options = options(address, 3);
    options.transfers = None;
    let shutdown = once(&mut options, |progress| progress.spans > 0);
    let started = Instant::now();
    let report = run(options, shutdown).await.unwrap();
    assert!(report.spans > 0 && report.unfinished > 0 && report.failed == 0, "{report}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_does_not_hold_up_shutdown_for_long() {
    // Nobody listens.
    let address = throughline_ports::own_one();
    let mut options = Options { transfers: None, ..options(address, 3) };
    let shutdown = once(&mut options, |progress| progress.under_way > 0);
    let started = Instant::now();
    let report = run(options, shutdown).await.unwrap();
    assert!(report.spans == 0 && report.failed > 0, "{report}");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused() {
    let refused = async |options| run(options, pending()).await.unwrap_err();
    let good = Options::default;
    assert!(matches!(refused(Options { pods: 0, ..good() }).await, BankError::Setting { name: "pods", .. }));
    let rate = Options { transfers_per_second: 0.0, ..good() };
    assert!(matches!(refused(rate).await, BankError::Setting { name: "transfers-per-second", .. }));
    let secure = Options { endpoint: "https://127.0.0.1:4317".to_owned(), ..good() };
    assert!(matches!(refused(secure).await, BankError::Endpoint { .. }));
    let truth = Options { truth: Some("/nowhere/at/all".into()), ..good() };
    let error = refused(truth).await;
    assert!(error.is_retryable() && error.to_string().contains("/nowhere/at/all"));
}
