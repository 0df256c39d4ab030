//! SIGTERM under load: what was acknowledged is stored, in time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use throughline_harness::Sender;

use crate::load::{RESEND, check, counted_requests, requests, send, start, transfers};

/// How long an end may take.
const END: Duration = Duration::from_secs(30);

/// Transfers that are sent before the end is asked for, and in all.
const TRANSFERS: (usize, usize) = (200, 400);

/// Clients that send at once.
const LANES: usize = 4;

/// Scenario: SIGTERM while a client sends as fast as it can; the server is started again, and the client sends again what was not acknowledged.
/// Guarantee: it ends by itself with 0 within the time, its children too; then every span is stored once and every transfer is one row.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_ends_in_time_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let port = server.start.ports.grpc;
    let transfers = transfers(600, TRANSFERS.1);
    let spans: u64 = transfers.iter().map(|transfer| transfer.spans.len() as u64).sum();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let ending = Arc::new(AtomicBool::new(false));
    let mut load = tokio::task::JoinSet::new();
    // The parts of a trace shall not be far apart in time.
    for lane in transfers.chunks(TRANSFERS.1 / LANES) {
        let (lane, acknowledged, ending) =
            (counted_requests(lane), Arc::clone(&acknowledged), Arc::clone(&ending));
        load.spawn(async move {
            let sender = Sender::new(port);
            let mut again = 0;
            for (request, spans) in lane {
                again += sender.send_until_taken(&request, RESEND).await;
                acknowledged.fetch_add(spans, Ordering::Relaxed);
            }
            assert!(ending.load(Ordering::Relaxed), "all was sent before the end: nothing was tested");
            again
        });
    }
    let enough = spans * TRANSFERS.0 as u64 / TRANSFERS.1 as u64;
    while acknowledged.load(Ordering::Relaxed) < enough {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    ending.store(true, Ordering::Relaxed);
    let again = server.start.clone();
    let (status, took) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(took < END, "the end took {took:?}");
    let server = again.ready().await;
    let refused: u64 = load.join_all().await.into_iter().sum();
    assert!(refused > 0, "no request met the end");
    check(&server, transfers.len() as u64, spans).await;
}

/// Scenario: a server starts, stores some transfers, and is told to end.
/// Guarantee: nothing of that is worth a warning.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_and_an_end_in_order_warn_of_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let transfers = transfers(601, 5);
    send(server.start.ports.grpc, &requests(&transfers)).await;
    let spans = transfers.iter().map(|transfer| transfer.spans.len() as u64).sum();
    check(&server, transfers.len() as u64, spans).await;
    let (status, _) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert_eq!(status.code(), Some(0));
    let log = std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    let warnings: Vec<&str> =
        log.lines().filter(|line| ["WARN", "ERROR"].iter().any(|level| line.contains(level))).collect();
    assert!(warnings.is_empty(), "{}", warnings.join("\n"));
}
