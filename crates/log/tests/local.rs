//! The local engine keeps the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

mod contract;

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
