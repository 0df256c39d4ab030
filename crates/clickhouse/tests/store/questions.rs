//! Questions beyond single transactions.

use throughline_clickhouse::questions::{After, CompareFilter, ComparedCell, TransactionFilter};

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

/// Incidents name types by what they have in common; the rows of such a type are found by that name, and no others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_are_found_by_their_general_name() {
    let scene = Scene::new().await;
    let names = [
        "GET /orders/8213",
        "GET /orders/99431",
        "GET /orders/8213/items",
        "GET /carts/8213",
        "SELECT * FROM t WHERE a = 'it (is)'",
        "transfer.v1",
        "transferXv1",
    ];
    let mut all: Vec<_> = (1..=names.len() as u64).map(|number| closed(number, START, 0)).collect();
    for (of, name) in all.iter_mut().zip(names) {
        of.row.as_mut().unwrap().r#type = name.into();
    }
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    for (asked, found) in [
        ("GET /orders/*", 2),
        ("GET /orders/*/items", 1),
        ("GET /orders/8213", 1),
        ("GET /*/*", 3),
        ("SELECT * FROM t WHERE a = *", 1),
        ("transfer.v*", 1),
        ("transfer.v1", 1),
        ("*(", 0),
        ("", 7),
    ] {
        let kind = (!asked.is_empty()).then(|| asked.to_owned());
        let filter = TransactionFilter { kind, limit: 100, ..TransactionFilter::default() };
        assert_eq!(scene.store.find_transactions(&filter).await.unwrap().len(), found, "{asked}");
    }
}

/// Pages of a list, put together, are the list, in either order, where starts and durations are the same and rows come between two pages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_the_list() {
    let scene = Scene::new().await;
    let mut all: Vec<_> = (1..=23).map(|number| closed(number, START + number / 5 * 1000, 0)).collect();
    for (number, of) in all.iter_mut().enumerate() {
        let row = of.row.as_mut().unwrap();
        row.tenant = ["acme", "retail"][number % 2].into();
        row.transaction_id = format!("tx-{}", number / 2);
        row.end = row.start + 1_000 * (number as u64 % 4);
    }
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    for (number, slowest_first) in [(2, false), (3, true)] {
        let find = async |limit, after| {
            let filter = TransactionFilter { slowest_first, after, limit, ..TransactionFilter::default() };
            scene.store.find_transactions(&filter).await.unwrap()
        };
        let whole = find(1000, None).await;
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = find(4, after).await;
            let Some(last) = page.last() else { break };
            let at = if slowest_first { last.duration } else { last.start };
            after = Some(After { at, id: last.transaction_id.clone(), tenant: last.tenant.clone() });
            pages.extend(page);
            if pages.len() == 8 {
                let mut new = closed(900 + number, START + 1_000_000, 0);
                let row = new.row.as_mut().unwrap();
                row.end = row.start + 1_000_000_000;
                write(&scene, number, &[&new]).await;
            }
        }
        assert_eq!(pages, whole, "slowest first: {slowest_first}");
    }
}

/// The sums behind a comparison: a transaction is one draw, however often it calls, and however it names what it calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_counts_transactions_and_their_calls() {
    let scene = Scene::new().await;
    let all: Vec<_> = (1..=5).map(|number| closed(number, START, 0)).collect();
    write(&scene, 1, &all.iter().collect::<Vec<_>>()).await;
    let of_ledger = CompareFilter {
        service: "ledger".to_owned(),
        by: "version".to_owned(),
        kind: "transf*".to_owned(),
        ..CompareFilter::default()
    };
    let cells = scene.store.compared_cells(&of_ledger, ["v2", "none"]).await.unwrap();
    let sums = |name: &str| {
        let of: Vec<_> = cells.iter().filter(|cell| cell.operation == name && !cell.own).collect();
        let sum = |what: fn(&ComparedCell) -> u64| of.iter().map(|cell| what(cell)).sum::<u64>();
        [sum(|of| of.transactions), sum(|of| of.calls), sum(|of| of.calls_squared), sum(|of| of.errors)]
    };
    assert_eq!(sums("SELECT"), [5, 20, 80, 0], "four calls each: {cells:?}");
    assert_eq!(sums("book"), [5, 10, 20, 0], "two hops each: {cells:?}");
    let own: Vec<_> = cells.iter().filter(|cell| cell.operation == "book" && cell.own).collect();
    let bucket = (8.0 * (5_000_001.0_f64 / 2.0).log2()).floor() as i32;
    assert!(matches!(own[..], [only] if (only.bucket, only.transactions) == (bucket, 5)), "{own:?}");
    let calls = scene.store.compared_calls(&of_ledger, ["v2", "none"]).await.unwrap();
    let [only] = &calls[..] else { panic!("{calls:?}") };
    assert_eq!((only.operation.as_str(), only.callee.as_str()), ("book", "ledger SELECT"));
    assert_eq!((only.calls, only.calls_squared, only.products), (20, 80, 40));
}
