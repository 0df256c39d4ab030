//! What is sent is what is stored: the bank's own account of each transfer against its row.

use std::time::Duration;

use throughline_bank::truth::Record;

use crate::load::{check, requests, send, start, transfers};

/// Times may differ from the bank's by a millisecond.
const TOLERANCE: u64 = 1_000_000;

/// Scenario: transfers of all kinds, each trace in several requests; then all of it sent a second time, long after.
/// Guarantee: one row a transfer with all its traces, its outcome and its times as the bank says; every span stored once; nothing changes by resending.
#[tokio::test(flavor = "multi_thread")]
async fn every_transfer_is_one_row_that_says_what_happened() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let transfers = transfers(7, 120);
    let spans: u64 = transfers.iter().map(|transfer| transfer.spans.len() as u64).sum();
    let requests = requests(&transfers);
    send(server.start.ports.grpc, &requests).await;
    check(&server, transfers.len() as u64, spans).await;
    for truth in transfers.iter().map(|transfer| Record::new(transfer, &[])) {
        let sql = format!(
            "SELECT Outcome, Duration, arrayStringConcat(TraceIds, ',') FROM transactions WHERE TransactionId = '{}'",
            truth.uetr
        );
        let row = server.query(&sql).await;
        let columns: Vec<&str> = row.split('\t').collect();
        let mut traces = truth.trace_ids.clone();
        traces.sort();
        assert_eq!(columns.len(), 3, "{}: {row}", truth.uetr);
        assert_eq!(
            (columns[0], columns[2]),
            (truth.outcome.as_str(), traces.join(",").as_str()),
            "{}",
            truth.uetr
        );
        let duration: u64 = columns[1].parse().unwrap();
        assert!(
            duration.abs_diff(truth.duration) <= TOLERANCE,
            "{}: {duration}, not {}",
            truth.uetr,
            truth.duration
        );
    }
    send(server.start.ports.grpc, &requests).await;
    let duplicates = "throughline_duplicate_spans_total";
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while server.metric(duplicates).await < spans as f64 {
        assert!(std::time::Instant::now() < until, "resends are not recognised");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, took) = server.stop();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(30), "the end took {took:?}");
    let server = start(dir.path()).ready().await;
    check(&server, transfers.len() as u64, spans).await;
}
