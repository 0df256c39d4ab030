//! Recorded data of others, where they are at hand: `THROUGHLINE_DATASETS` names the folder that holds them.

use std::{path::PathBuf, process::Command, time::Duration};

use throughline_harness::{Server, Start};

use crate::load::binary;

/// How long the store may take to have all of it, on a busy machine and without optimisation.
const PATIENCE: Duration = Duration::from_secs(300);

/// Online Boutique, 511,789 spans as recorded: distinct ones, and traces.
const BOUTIQUE: (u64, u64) = (508_439, 11_803);

/// Spans of years ago shall stay; traces that were recorded over minutes are sent within seconds.
const CONFIG: &str = "
log: { reserve_gib: 0 }
traces: { quiet_time: 5s }
transactions: { quiet_time: 3s }
clickhouse: { retention: { spans: 10000d, transactions: 10000d } }
batch: { max_delay: 1s }
sampling: { policies: [{ name: all, type: always_sample }] }
";

/// A data set's folder; nothing, and a word about it, where it is not there.
fn dataset(name: &str) -> Option<PathBuf> {
    let Some(root) = std::env::var_os("THROUGHLINE_DATASETS") else {
        eprintln!("skipped: THROUGHLINE_DATASETS names no folder of data sets");
        return None;
    };
    let folder = PathBuf::from(root).join(name);
    let there = folder.is_dir();
    if !there {
        eprintln!("skipped: there is no {}", folder.display());
    }
    there.then_some(folder)
}

fn replay(server: &Server, folder: &PathBuf) {
    let endpoint = format!("http://127.0.0.1:{}", server.start.ports.grpc);
    let mut command = Command::new(binary());
    let output =
        command.arg("replay").arg(folder).args(["--speed", "max", "--endpoint", &endpoint]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

async fn check(server: &Server) {
    let (spans, traces) = BOUTIQUE;
    server.wait_for("SELECT count() FROM otel_traces", spans, PATIENCE).await;
    server.wait_for("SELECT sum(Spans) FROM transactions", spans, PATIENCE).await;
    for (sql, wanted) in [
        ("SELECT uniqExact(TraceId, SpanId, SpanKind) FROM otel_traces", spans),
        ("SELECT count() FROM transactions", traces),
        ("SELECT uniqExact(TransactionId) FROM transactions", traces),
        ("SELECT countIf(length(TraceIds) = 1) FROM transactions", traces),
        ("SELECT countIf(arraySum(Hops.Critical) != Duration) FROM transactions", 0),
        (
            "SELECT (SELECT sum(Count) FROM operation_minutes) - (SELECT sum(arraySum(Hops.Count)) FROM transactions)",
            0,
        ),
    ] {
        assert_eq!(server.count(sql).await, wanted, "{sql}");
    }
}

/// Scenario: all of Online Boutique as fast as it is taken, then all of it once more.
/// Guarantee: each distinct span once, one transaction a trace; the second time changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn online_boutique_is_stored_once_however_often_it_is_replayed() {
    let Some(folder) = dataset("online-boutique") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Start::new(binary(), dir.path(), CONFIG).ready().await;
    replay(&server, &folder);
    check(&server).await;
    let before = server.metric("throughline_duplicate_spans_total").await;
    replay(&server, &folder);
    // All of the second time has been looked at.
    let until = std::time::Instant::now() + PATIENCE;
    while server.metric("throughline_duplicate_spans_total").await < before + BOUTIQUE.0 as f64 {
        assert!(std::time::Instant::now() < until, "spans that came again are not recognised");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    check(&server).await;
}
