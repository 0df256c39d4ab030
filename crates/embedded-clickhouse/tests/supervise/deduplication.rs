//! A token that a crash left behind without its part.

use std::path::{Path, PathBuf};

use throughline_embedded_clickhouse::supervise::Supervisor;

use crate::child;
use crate::client::{Outcome, kill, pid, request, sql, until};

/// The folder of a part of the only table with parts under `data`.
fn find_part(data: &Path, part: &str) -> Option<PathBuf> {
    std::fs::read_dir(data).ok()?.filter_map(Result::ok).filter(|e| e.path().is_dir()).find_map(|entry| {
        if entry.file_name() == part { Some(entry.path()) } else { find_part(&entry.path(), part) }
    })
}

#[tokio::test]
async fn the_batch_is_taken_when_it_is_sent_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = child::settings("engine_process", dir.path());
    // time to take the part away
    settings.backoff.first = std::time::Duration::from_secs(1);
    let address = settings.address;
    let supervisor = Supervisor::start(settings).unwrap();
    let victim = pid(&supervisor).await;
    sql(address, "CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 100").await;
    let insert = |token: &'static str| async move {
        let target = format!(
            "/?async_insert=0&insert_deduplication_token={token}&query=INSERT%20INTO%20t%20FORMAT%20CSV"
        );
        assert_eq!(request(address, &target, "1\n2\n".to_owned()).await, Outcome::Done(String::new()));
    };
    insert("stored").await;
    insert("torn").await;
    kill(victim);
    // what a kill between the token's line and the part's rename leaves: the line, but no part
    let part = find_part(&dir.path().join("store"), "all_2_2_0").expect("the part of the second batch");
    until("the engine is dead", || !crate::client::lives(victim)).await;
    std::fs::remove_dir_all(part).unwrap();
    until("it is started again", || supervisor.restarts() >= 1).await;
    pid(&supervisor).await;
    assert_eq!(sql(address, "SELECT count() FROM t").await, "2\n");
    insert("stored").await;
    assert_eq!(sql(address, "SELECT count() FROM t").await, "2\n");
    insert("torn").await;
    assert_eq!(sql(address, "SELECT count() FROM t").await, "4\n");
    insert("torn").await;
    assert_eq!(sql(address, "SELECT count() FROM t").await, "4\n");
    supervisor.stop().await;
}
