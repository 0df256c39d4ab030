//! Questions beyond single transactions.

use crate::engine::{Scene, spans};
use crate::sample::{self, START};
use crate::transactions::{closed, write};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_baseline_tells_what_is_usual() {
    let scene = Scene::new().await;
    let all: Vec<_> = (1..=5).map(|number| closed(number, START, 0)).collect();
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    let baseline = scene.store.baseline("transfer", START - 1).await.unwrap();
    let database = baseline.iter().find(|hop| hop.kind == "database").unwrap();
    assert_eq!(
        (database.service.as_str(), database.operation.as_str(), database.hops),
        ("ledger", "SELECT", 5)
    );
    assert_eq!(
        (database.own, database.duration),
        (1_000_000.0, 1_000_000.0),
        "four folded calls count as their mean"
    );
    let root = baseline.iter().find(|hop| hop.operation == "POST /transfers").unwrap();
    assert_eq!((root.own, root.duration), (30_000_000.0, 50_000_003.0));
    assert!(scene.store.baseline("other", 0).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_traces_spans_come_in_order() {
    let scene = Scene::new().await;
    scene.write(vec![spans(1, sample::block(3))]).await;
    let rows = scene.store.trace_spans(&"02".repeat(16).to_uppercase()).await.unwrap();
    assert_eq!(rows.len(), 10);
    assert!(rows.windows(2).all(|two| two[0].start < two[1].start));
    assert_eq!(
        (rows[0].parent_span_id.as_str(), rows[0].kind.as_str(), rows[0].service.as_str()),
        ("", "Server", "payment-api")
    );
    assert_eq!(rows[3].attributes["user.id"], "user-2-3");
    assert_eq!((rows[3].status.as_str(), rows[3].status_message.as_str()), ("Error", "insufficient funds"));
    assert!(scene.store.trace_spans(&"ff".repeat(16)).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_looked_up_in_the_indexes() {
    let scene = Scene::new().await;
    let mut all: Vec<_> = (1..=20_000).map(|number| closed(number, START + number, 0)).collect();
    all[76].row.as_mut().unwrap().trace_ids[0] = b"aaaaaaaabbbbbbbb".as_slice().into();
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    let trace = hex::encode("aaaaaaaabbbbbbbb");
    let by_trace = format!(" OR has(Traces, toFixedString(unhex('{trace}'), 16))");
    for (key, more) in [("a-77", ""), ("tx-77", ""), (trace.as_str(), by_trace.as_str())] {
        let inner = format!(
            "SELECT Tenant, TransactionId FROM transactions_data WHERE TransactionId = '{key}' OR has(MoreKeys, '{key}'){more}"
        );
        let outer = format!("SELECT Start FROM transactions WHERE (Tenant, TransactionId) IN ({inner})");
        for sql in [&inner, &outer] {
            let plan = scene.ask(&format!("EXPLAIN indexes = 1 {sql}")).await;
            assert!(plan.contains("Granules: 1/2"), "one granule is read:\n{plan}");
        }
    }
}
