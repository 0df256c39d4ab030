//! `kill -9` of the engine under load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use throughline_embedded_clickhouse::supervise::Supervisor;

use crate::child;
use crate::client::{Outcome, kill, pid, request, sql};

const ROUNDS: u32 = 8;
const ROWS_A_BATCH: u64 = 100;

/// How long a batch may take to be taken, with an engine that is killed again and again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Sends one batch until it is acknowledged: the same bytes under the same token, as the writer does.
async fn insert_surely(address: SocketAddr, batch: u64) {
    let rows: String = (0..ROWS_A_BATCH).map(|i| format!("{batch},{i}\n")).collect();
    let target = format!(
        "/?async_insert=0&deduplicate_insert=enable&insert_deduplication_token=batch-{batch}&query=INSERT%20INTO%20t%20FORMAT%20CSV"
    );
    let deadline = Instant::now() + PATIENCE;
    loop {
        match request(address, &target, rows.clone()).await {
            Outcome::Done(_) => return,
            Outcome::Refused(why) => panic!("batch {batch}: {why}"),
            Outcome::Unknown if Instant::now() > deadline => panic!("batch {batch} is not taken"),
            Outcome::Unknown => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_once_after_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = child::settings("engine_process", &dir.path().join("data"));
    settings.backoff.most = settings.backoff.first;
    let address = settings.address;
    let supervisor = Supervisor::start(settings).unwrap();
    let mut victim = pid(&supervisor).await;
    sql(address, "CREATE TABLE t (batch UInt64, i UInt64) ENGINE = MergeTree ORDER BY (batch, i) SETTINGS non_replicated_deduplication_window = 10000").await;
    let (sender, mut acknowledged) = tokio::sync::watch::channel(0_u64);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let load = tokio::spawn(async move {
        let mut batch = 0;
        while !*stopped.borrow() {
            insert_surely(address, batch).await;
            batch += 1;
            sender.send_replace(batch);
        }
        batch
    });
    for round in 1..=ROUNDS {
        // some batches later, so that each kill meets another moment of an insert
        let goal = *acknowledged.borrow() + 5 + u64::from(round);
        acknowledged.wait_for(|done| *done >= goal).await.unwrap();
        kill(victim);
        crate::client::until("the engine is started again", || supervisor.restarts() == u64::from(round))
            .await;
        victim = pid(&supervisor).await;
        let done = *acknowledged.borrow();
        let stored = sql(address, &format!("SELECT count() FROM t WHERE batch < {done}")).await;
        assert_eq!(stored.trim().parse(), Ok(done * ROWS_A_BATCH), "after kill {round}");
    }
    stop.send_replace(true);
    let batches = load.await.unwrap();
    let stored = sql(address, "SELECT count(), uniqExact(batch, i) FROM t").await;
    assert_eq!(stored, format!("{0}\t{0}\n", batches * ROWS_A_BATCH));
    supervisor.stop().await;
}
