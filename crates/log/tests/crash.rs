//! A process that appends is killed at any moment: everything it acknowledged is there, in order, once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use throughline_log::{Log, Settings};

const KILLS: u64 = 20;
const PARTITIONS: u32 = 3;

/// The example lies beside the tests: `cargo test` builds it with them.
fn appender() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/appender")
}

/// Lets the appender run until it has acknowledged `count` records, kills it, and returns all that it acknowledged.
fn run_and_kill(dir: &Path, first: u64, count: u64) -> Vec<u64> {
    let mut child = Command::new(appender())
        .args([dir.to_str().unwrap(), &first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the example `appender` is built by `cargo test`");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<u64> = Vec::new();
    for line in lines.by_ref().take(count as usize) {
        acknowledged.push(line.unwrap().parse().unwrap());
    }
    child.kill().unwrap();
    // What it said before it died counts too. It writes a line at once, so none is cut short.
    acknowledged.extend(lines.map(|line| line.unwrap().parse::<u64>().unwrap()));
    child.wait().unwrap();
    acknowledged
}

#[test]
fn what_was_acknowledged_survives_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    let mut seed = 0x2545_F491_4F6C_DD1D_u64;
    for round in 0..KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let count = seed >> 33 & 0x7F;
        let said = run_and_kill(dir.path(), round * 1_000_000, count);
        assert!(said.len() as u64 >= count, "the appender ended by itself");
        acknowledged.extend(said);
        check(dir.path(), &acknowledged);
    }
}

fn check(dir: &Path, acknowledged: &BTreeSet<u64>) {
    let settings = Settings { segment_bytes: 64 << 10, ..Settings::new(dir, "crash", PARTITIONS) };
    let log = Log::open(settings).unwrap();
    assert!(log.recovery().damaged.is_empty(), "{:?}", log.recovery());
    let mut found = BTreeSet::new();
    for partition in 0..PARTITIONS {
        let mut reader = log.reader(partition, log.start(partition));
        let mut last = None;
        while let Some(record) = reader.try_next().unwrap() {
            let number = u64::from_le_bytes(record.payload[..8].try_into().unwrap());
            assert!(last < Some(number), "partition {partition}: {number} after {last:?}");
            assert_eq!(record.payload.len(), 8.max(8 + (number as usize * 37) % 6000));
            last = Some(number);
            found.insert(number);
        }
    }
    let lost: Vec<_> = acknowledged.difference(&found).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}
