//! A real file system that is full: clients are refused with a delay, nothing acknowledged is lost, and it passes without a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]
#![allow(clippy::print_stderr, reason = "who runs the tests is told what could not be checked")]

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use throughline_log::{AppendError, Kind, Log, Settings};

mod contract;
use contract::{record, spans};

const DISK: &str = "size=1m";
const DEADLINE: Duration = Duration::from_secs(20);

/// A small file system in memory, for as long as this lives.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// Nothing where this user may not mount.
    fn new() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(dir.path()).output();
        match mount {
            Ok(output) if output.status.success() => Some(Self(dir)),
            Ok(output) => {
                eprintln!("SKIPPED: no tmpfs can be mounted: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                eprintln!("SKIPPED: no tmpfs can be mounted: {error}");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn open(dir: &Path, reserve_bytes: u64) -> Log {
    let settings =
        Settings { segment_bytes: 64 << 10, reserve_bytes, ..Settings::new(dir.join("log"), "full", 1) };
    Log::open(settings).unwrap()
}

fn payload(number: u32) -> Vec<u8> {
    let mut payload = number.to_le_bytes().to_vec();
    payload.resize(5000, number as u8);
    payload
}

/// Appends until the disk is full; the numbers that were acknowledged are added.
async fn fill(log: &Log, taken: &mut Vec<u32>, next: &mut u32) -> AppendError {
    for _ in 0..10_000 {
        *next += 1;
        match log.append(vec![(0, spans(payload(*next)))]).await {
            Ok(_) => taken.push(*next),
            Err(error) => return error,
        }
    }
    panic!("the disk holds more than it can");
}

/// Appends until it is taken.
async fn retry(log: &Log, taken: &mut Vec<u32>, next: &mut u32) {
    let until = Instant::now() + DEADLINE;
    loop {
        *next += 1;
        match log.append(vec![(0, spans(payload(*next)))]).await {
            Ok(_) => return taken.push(*next),
            Err(error) => assert!(error.is_retryable() && Instant::now() < until, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}

fn numbers(log: &Log) -> Vec<u32> {
    let mut reader = log.reader(0, log.start(0));
    let mut numbers = Vec::new();
    while let Some(record) = reader.try_next().unwrap() {
        if record.kind == Kind::Spans {
            let number = u32::from_le_bytes(record.payload[..4].try_into().unwrap());
            assert_eq!(record.payload, payload(number));
            numbers.push(number);
        }
    }
    numbers
}

/// Another's file fills the disk, then goes: refused meanwhile, and nothing refused is ever found.
#[tokio::test]
async fn a_full_disk_is_recovered_from_without_a_restart() {
    let Some(disk) = Mounted::new() else { return };
    let log = open(disk.path(), 0);
    let (mut taken, mut next) = (Vec::new(), 0);
    let other = disk.path().join("another's");
    for bytes in [400 << 10, 150 << 10] {
        std::fs::write(&other, vec![1; bytes]).unwrap();
        let error = fill(&log, &mut taken, &mut next).await;
        assert!(matches!(error, AppendError::Full { retry_after } if !retry_after.is_zero()), "{error}");
        assert_eq!(numbers(&log), taken);
        std::fs::remove_file(&other).unwrap();
        retry(&log, &mut taken, &mut next).await;
    }
    assert_eq!(numbers(&log), taken);
    drop(log);
    let log = open(disk.path(), 0);
    assert_eq!(numbers(&log), taken);
    assert!(log.recovery().damaged.is_empty(), "{:?}", log.recovery());
}

/// Clients are refused while the reserve is still free: what lets the log shrink is written, and after trimming clients are taken again.
#[tokio::test]
async fn the_reserve_lets_the_log_shrink_again() {
    let Some(disk) = Mounted::new() else { return };
    let log = open(disk.path(), 300 << 10);
    let (mut taken, mut next) = (Vec::new(), 0);
    let error = fill(&log, &mut taken, &mut next).await;
    assert!(matches!(error, AppendError::Full { .. }), "{error}");
    for _ in 0..20 {
        log.append(vec![(0, record(Kind::Summary, vec![9; 5000]))]).await.unwrap();
    }
    log.trim(0, log.end(0));
    retry(&log, &mut taken, &mut next).await;
    assert_eq!(numbers(&log).last(), taken.last());
}
