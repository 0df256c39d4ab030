//! Start, stop, drop, failure.

use std::time::{Duration, Instant};

use throughline_embedded_clickhouse::supervise::{Settings, State, Supervisor};

use crate::child;
use crate::client::{Outcome, lives, pid, request, sql, until};

#[tokio::test]
async fn stop_lets_running_statements_end() {
    let dir = tempfile::tempdir().unwrap();
    let settings = child::settings("engine_process", dir.path());
    let address = settings.address;
    let supervisor = Supervisor::start(settings).unwrap();
    let child = pid(&supervisor).await;
    assert!(supervisor.restarts() == 0 && lives(child));
    sql(address, "CREATE TABLE kept (a UInt8) ENGINE = MergeTree ORDER BY a").await;
    let slow = tokio::spawn(async move { request(address, "/", "SELECT sleep(1), 'slow'".to_owned()).await });
    while !sql(address, "SELECT query FROM system.processes").await.contains("slow") {}
    supervisor.stop().await;
    assert_eq!(slow.await.unwrap(), Outcome::Done("0\tslow\n".to_owned()));
    assert!(!lives(child));
    // and what it held is there for the next one
    let settings = child::settings("engine_process", dir.path());
    let address = settings.address;
    let next = Supervisor::start(settings).unwrap();
    pid(&next).await;
    assert_eq!(sql(address, "EXISTS kept").await, "1\n");
    next.stop().await;
}

#[tokio::test]
async fn stop_ends_a_statement_that_would_not() {
    let dir = tempfile::tempdir().unwrap();
    let settings = child::settings("engine_process", dir.path());
    let address = settings.address;
    let supervisor = Supervisor::start(settings).unwrap();
    let child = pid(&supervisor).await;
    let endless = "SELECT count() FROM numbers(10000000000000) WHERE sipHash64(number) = 1";
    let endless = tokio::spawn(async move { request(address, "/", endless.to_owned()).await });
    while !sql(address, "SELECT query FROM system.processes").await.contains("sipHash64(number) =") {}
    let began = Instant::now();
    supervisor.stop().await;
    assert!(began.elapsed() < Duration::from_secs(24), "it was killed, not stopped");
    assert!(!lives(child));
    assert!(!matches!(endless.await.unwrap(), Outcome::Done(_)));
}

#[tokio::test]
async fn dropping_the_supervisor_kills_the_child() {
    let dir = tempfile::tempdir().unwrap();
    let supervisor = Supervisor::start(child::settings("engine_process", dir.path())).unwrap();
    let child = pid(&supervisor).await;
    drop(supervisor);
    until("the child is gone", || !lives(child)).await;
}

#[tokio::test]
async fn a_second_engine_waits_for_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let first = Supervisor::start(child::settings("engine_process", dir.path())).unwrap();
    pid(&first).await;
    let second = Supervisor::start(child::settings("engine_process", dir.path())).unwrap();
    let early = second.ready(Duration::from_millis(500)).await.unwrap_err();
    assert!(early.is_retryable() && early.to_string().contains("Starting"), "{early}");
    first.stop().await;
    pid(&second).await;
    assert_eq!(second.restarts(), 0, "it waited, it was not started again");
    second.stop().await;
}

#[tokio::test]
async fn a_child_that_cannot_start_is_tried_again_ever_more_slowly() {
    let address = "127.0.0.1:1".parse().unwrap();
    let mut settings = Settings::new("/bin/false".into(), Vec::new(), address);
    settings.backoff.first = Duration::from_millis(10);
    settings.backoff.most = Duration::from_millis(40);
    let began = Instant::now();
    let supervisor = Supervisor::start(settings).unwrap();
    let mut state = supervisor.state();
    let waiting = state.wait_for(|s| matches!(s, State::Waiting { .. })).await.unwrap().clone();
    assert!(
        matches!(&waiting, State::Waiting { reason } if reason.contains("exit status: 1")),
        "{waiting:?}"
    );
    until("some restarts", || supervisor.restarts() >= 6).await;
    assert!(began.elapsed() >= Duration::from_millis(10 + 20 + 40 + 40 + 40 + 40));
    supervisor.stop().await;
}

/// The data folder of [`supervise_for_ever`].
const PARENT: &str = "supervising-parent";

/// Supervises an engine until it is killed, where it was started for that; does nothing in a usual run of ignored tests.
pub(crate) fn supervise_for_ever() {
    let Some(dir) = std::env::args().skip_while(|a| a != PARENT).nth(1) else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let supervisor =
            Supervisor::start(child::settings("engine_process", std::path::Path::new(&dir))).unwrap();
        let child = pid(&supervisor).await;
        std::fs::write(format!("{dir}/pid.new"), child.to_string()).unwrap();
        std::fs::rename(format!("{dir}/pid.new"), format!("{dir}/pid")).unwrap();
        std::future::pending::<()>().await;
    });
}

#[tokio::test]
async fn the_child_dies_with_a_killed_parent() {
    let dir = tempfile::tempdir().unwrap();
    let mut parent = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "supervising_parent", "--ignored", PARENT])
        .arg(dir.path())
        .spawn()
        .unwrap();
    let file = dir.path().join("pid");
    until("the parent's child answers", || file.exists()).await;
    let child = std::fs::read_to_string(file).unwrap().parse().unwrap();
    assert!(lives(child));
    parent.kill().await.unwrap();
    until("the child is gone too", || !lives(child)).await;
}
