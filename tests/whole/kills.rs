//! `kill -9` under load: nothing acknowledged is lost, nothing is stored twice.
//!
//! Few kills by default, for every run of all tests. Before a release, or after a change of what is durable when, many of them on a release build:
//! `THROUGHLINE_KILLS=20 cargo test --release -p throughline --test whole kill`. `THROUGHLINE_KILL_SEED` moves the moments.

use std::time::Duration;

use throughline_harness::Server;

use crate::load::{check, requests, send, start, transfers};

/// How long the load of one round lasts, beside its sending.
const ROUND: Duration = Duration::from_secs(3);

/// How often something is killed, where `THROUGHLINE_KILLS` does not say another number.
const KILLS: u64 = 3;

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: {text} is no number")))
}

/// Moments between kills, by a seed of their own.
fn pause(round: u64) -> Duration {
    let seed = round.wrapping_add(variable("THROUGHLINE_KILL_SEED").unwrap_or(0));
    Duration::from_millis(400 + seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 2_500)
}

/// Sends transfers round by round, with `harm` done to the server in the middle of each; then everything must be there once.
async fn under_load(seed: u64, harm: impl AsyncFn(Server) -> Server) {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path()).ready().await;
    let port = server.start.ports.grpc;
    let (mut count, mut spans) = (0, 0);
    for round in 0..variable("THROUGHLINE_KILLS").unwrap_or(KILLS) {
        let transfers = transfers(seed + round, 60);
        count += transfers.len() as u64;
        spans += transfers.iter().map(|transfer| transfer.spans.len() as u64).sum::<u64>();
        let load = tokio::spawn(async move {
            // A load that lasts: transfers of one round must meet the kill before, while and after they are decided.
            let requests = requests(&transfers);
            let pause = ROUND / requests.len() as u32;
            for request in requests {
                send(port, &[request]).await;
                tokio::time::sleep(pause).await;
            }
        });
        tokio::time::sleep(pause(seed + round)).await;
        server = harm(server).await;
        load.await.unwrap();
    }
    check(&server, count, spans).await;
}

/// Scenario: the whole process tree is killed at random moments under load and started again; clients send again what was not acknowledged.
/// Guarantee: every acknowledged span in the store once, one row a transfer, sums equal to the rows they count.
#[tokio::test(flavor = "multi_thread")]
async fn killing_everything_loses_and_doubles_nothing() {
    under_load(100, async |server| {
        // The same ports and data: clients know no others.
        server.kill().ready().await
    })
    .await;
}

/// Scenario: only the engine is killed, at random moments under load; its supervisor starts it again.
/// Guarantee: the same.
#[tokio::test(flavor = "multi_thread")]
async fn killing_the_engine_loses_and_doubles_nothing() {
    under_load(200, async |server| {
        server.kill_children();
        server
    })
    .await;
}
