//! What is sent again is not stored again.

use throughline_clickhouse::audit;

use crate::engine::{Scene, spans};
use crate::sample::{self, START};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_sent_again_changes_nothing_anywhere() {
    let scene = Scene::new().await;
    let cut = || {
        let mut batches = vec![spans(1, sample::block(20))];
        batches.extend(audit(&batches, START));
        batches
    };
    assert_eq!(cut(), cut(), "the same pushes give the same bytes");
    let counts = "SELECT (SELECT count() FROM spans), (SELECT count() FROM otel_traces_trace_id_ts), (SELECT count() FROM batches)";
    scene.write(cut()).await;
    assert_eq!(scene.ask(counts).await, "200\t20\t1");
    for _ in 0..3 {
        scene.write(cut()).await;
    }
    assert_eq!(scene.ask(counts).await, "200\t20\t1");
    scene.write(vec![spans(2, sample::block(20))]).await;
    assert_eq!(scene.ask(counts).await, "400\t40\t1", "another cut is another batch");
    let audit = scene.ask("SELECT Name, Table, Day, Rows, toUnixTimestamp64Nano(LogTime) FROM batches").await;
    assert_eq!(audit, format!("log/0/1/spans/20513/0\tspans\t2026-03-01\t200\t{START}"));
}
