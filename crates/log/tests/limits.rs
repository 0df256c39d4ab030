//! Refusals: another process, another partition count, a full disk, too much data, too large a record.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use throughline_log::{AppendError, FreeSpace, Kind, Log, OpenError, Settings};

mod contract;
use contract::{record, spans};

fn settings(dir: &tempfile::TempDir) -> Settings {
    Settings { segment_bytes: 64 << 10, ..Settings::new(dir.path(), "test", 2) }
}

/// Rule: a changed number of partitions is refused, naming the stored value.
#[test]
fn another_partition_count_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    drop(Log::open(settings(&dir)).unwrap());
    let error = Log::open(Settings { partitions: 5, ..settings(&dir) }).unwrap_err();
    assert!(matches!(error, OpenError::Partitions { stored: 2, asked: 5, .. }));
    assert!(error.to_string().contains("holds 2 partitions"));
}

/// One holder at a time; the folder is free once the last handle is dropped.
#[test]
fn a_second_holder_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(settings(&dir)).unwrap();
    assert!(matches!(Log::open(settings(&dir)), Err(OpenError::InUse { .. })));
    drop(log);
    Log::open(settings(&dir)).unwrap();
}

#[derive(Clone)]
struct Disk(Arc<AtomicU64>);

impl FreeSpace for Disk {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(self.0.load(Ordering::SeqCst))
    }
}

/// With less free than the reserve, clients' data are refused with a delay, other records are not; and it passes by itself.
#[tokio::test]
async fn a_short_disk_refuses_clients_only_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk(Arc::new(AtomicU64::new(0)));
    let log =
        Log::open_with(Settings { reserve_bytes: 1000, ..settings(&dir) }, Box::new(disk.clone())).unwrap();
    let error = log.append(vec![(0, spans("x"))]).await.unwrap_err();
    assert!(matches!(error, AppendError::Full { .. }) && error.is_retryable());
    log.append(vec![(0, record(Kind::Summary, "y"))]).await.unwrap();
    disk.0.store(1 << 30, Ordering::SeqCst);
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = log.append(vec![(0, spans("x"))]).await {
        assert!(matches!(error, AppendError::Full { .. }) && Instant::now() < deadline, "{error}");
        tokio::task::yield_now().await;
    }
}

/// Beyond the size that retention allows clients are refused, until trimming made room.
#[tokio::test]
async fn more_than_retention_allows_is_refused_until_trimmed() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(Settings { max_bytes: Some(100_000), reserve_bytes: 0, ..settings(&dir) }).unwrap();
    let error = loop {
        if let Err(error) = log.append(vec![(1, spans(vec![0; 5000]))]).await {
            break error;
        }
        assert!(log.usage().live_bytes < 110_000);
    };
    assert!(matches!(error, AppendError::Full { .. }));
    log.append(vec![(1, record(Kind::Tick, ""))]).await.unwrap();
    log.trim(1, log.end(1));
    log.append(vec![(1, spans("fits"))]).await.unwrap();
}

/// A record over the limit is refused and says so; the log goes on.
#[tokio::test]
async fn a_large_record_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(Settings { reserve_bytes: 0, ..settings(&dir) }).unwrap();
    let error = log.append(vec![(0, spans(vec![0; 64 << 10]))]).await.unwrap_err();
    assert!(matches!(error, AppendError::TooLarge { .. }) && !error.is_retryable());
    log.append(vec![(0, spans(vec![0; (64 << 10) - 40]))]).await.unwrap();
}

/// What waits in memory is bounded, and refused as overload; nothing that was taken is lost.
#[tokio::test]
async fn too_much_in_flight_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::open(Settings { max_pending_bytes: 10_000, reserve_bytes: 0, ..settings(&dir) }).unwrap();
    let mut taken = Vec::new();
    let error = loop {
        match log.enqueue(vec![(0, spans(vec![0; 4000]))]) {
            Ok(pending) => taken.push(pending),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, AppendError::Overloaded { .. }) && error.is_retryable());
    let count = taken.len();
    for pending in taken {
        pending.await.unwrap();
    }
    assert_eq!(log.end(0).0, count as u64 * 4040);
}
