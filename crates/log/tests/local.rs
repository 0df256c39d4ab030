//! The local engine keeps the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod contract;

use bytes::Bytes;
use contract::spans;
use throughline_log::{Log, Settings};

fn open(dir: &std::path::Path, name: &str, tail_bytes: usize) -> Log {
    let settings = Settings {
        segment_bytes: 64 << 10,
        tail_bytes,
        reserve_bytes: 0,
        ..Settings::new(dir.join(name), "test", 3)
    };
    Log::open(settings).unwrap()
}

#[tokio::test]
async fn the_contract_holds() {
    let dir = tempfile::tempdir().unwrap();
    contract::all(|name| open(dir.path(), name, 1 << 20)).await;
}

/// Once a record is durable the log holds nothing of its caller's memory, though no reader has come yet; readers find its bytes all the
/// same.
#[tokio::test]
async fn payloads_are_not_held_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path(), "held", 1 << 20);
    let mut reader = log.reader(0, log.start(0));
    for bytes in [1, 1000, 30_000] {
        let payload = Bytes::from(vec![7; bytes]);
        log.append(vec![(0, spans(payload.clone()))]).await.unwrap();
        assert!(payload.is_unique(), "{bytes} bytes are held");
        assert_eq!(reader.try_next().unwrap().unwrap().payload, payload);
    }
}
