//! Many clients at once.

use crate::support::{MAX_CONCURRENT, percent, post, sql, table};

const CLIENTS: u64 = 50;
const ROUNDS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_clients_insert_and_ask() {
    assert!(MAX_CONCURRENT < CLIENTS as usize, "some must wait for their turn");
    let t = table("many", "client UInt64, round UInt64").await;
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let target = format!("/?query={}", percent(&format!("INSERT INTO {t} FORMAT CSV")));
        let own = format!("SELECT count(), getSetting('max_threads') FROM {t} WHERE client = {client}");
        tasks.spawn(async move {
            for round in 0..ROUNDS {
                post(&target, format!("{client},{round}\n")).await.ok();
                // settings do not mix between requests at the same time
                let threads = client % 5 + 1;
                let got = post(&format!("/?max_threads={threads}"), own.clone()).await.ok();
                assert_eq!(String::from_utf8(got).unwrap(), format!("{}\t{threads}\n", round + 1));
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(
        sql(&format!("SELECT count(), uniqExact(client, round) FROM {t}")).await,
        format!("{0}\t{0}\n", CLIENTS * ROUNDS)
    );
}
