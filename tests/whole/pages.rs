//! Lists that are longer than a page: put together, the pages are the list, whatever comes meanwhile.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use throughline_api::query::{ListTransactionsRequest, query_client::QueryClient};
use throughline_bank::truth::Record;
use throughline_harness::Server;

use crate::{
    answers::{ask, code, objects},
    load::{PATIENCE, requests, send, start, transfers},
};

/// What each row of a list is known by, page by page, and how many pages it took; `between` runs after the first.
async fn read(server: &Server, path: &str, list: &str, id: &str, between: impl AsyncFn()) -> Vec<String> {
    let (mut ids, mut next) = (Vec::new(), String::new());
    loop {
        let (status, page) = server.api(&format!("{path}&page_token={next}")).await;
        assert_eq!(status, 200, "{path}: {page}");
        let rows = page[list].as_array().unwrap();
        ids.extend(rows.iter().map(|row| row[id].as_str().unwrap().to_owned()));
        if next.is_empty() {
            between().await;
        }
        page["next_page_token"].as_str().unwrap().clone_into(&mut next);
        if next.is_empty() {
            return ids;
        }
        assert!(!rows.is_empty(), "a page without rows is the last");
    }
}

/// Scenario: 220 transfers, then 20 more while their list is read; alerts of two services.
/// Guarantee: pages of transactions, newest or slowest first, of alerts and of incidents are the whole list, each row once, and what comes meanwhile is not
/// in it; the command line asks for as many pages as its limit needs; a word that is none of this question is refused, by JSON and by gRPC.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_the_whole_list() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let (port, all) = (server.start.ports.grpc, transfers(800, 220));
    send(port, &requests(&all)).await;
    server.wait_for("SELECT count() FROM transactions", 220, PATIENCE).await;
    let sent: BTreeSet<String> = all.iter().map(|transfer| Record::new(transfer, &[]).uetr).collect();
    let later = transfers(801, 20);
    let more = async || {
        send(port, &requests(&later)).await;
        server.wait_for("SELECT count() FROM transactions", 240, PATIENCE).await;
    };
    let path = "/api/v1/transactions?limit=60";
    let newest = read(&server, path, "transactions", "transaction_id", more).await;
    assert_eq!(newest.len(), 220, "each row once");
    assert_eq!(newest.iter().cloned().collect::<BTreeSet<_>>(), sent);
    let slowest = "/api/v1/transactions?limit=60&slowest_first=true";
    let slowest = read(&server, slowest, "transactions", "transaction_id", async || ()).await;
    assert_eq!(slowest.len(), 240);
    let lines = |limit: &str| {
        let output = ask(&server, &["transactions", "--limit", limit, "--output", "json"]);
        assert_eq!(code(&output), 0, "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr).contains("there are more");
        (objects(&output).len(), told)
    };
    assert_eq!(lines("220"), (220, true));
    assert_eq!(lines("5000"), (240, false));
    assert_words(&server).await;
    assert_alerts(&server).await;
}

/// What is no word of the question is refused.
async fn assert_words(server: &Server) {
    let (_, page) = server.api("/api/v1/transactions?limit=1").await;
    let word = page["next_page_token"].as_str().unwrap().to_owned();
    for question in [
        "transactions?page_token=2".to_owned(),
        format!("transactions?limit=1&outcome=ok&page_token={word}"),
        format!("transactions?limit=1&page_token={}", &word[1..]),
        format!("incidents?page_token={word}"),
        format!("alerts?page_token={word}"),
    ] {
        let (status, answer) = server.api(&format!("/api/v1/{question}")).await;
        let why = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && why.contains("page_token"), "{question}: {status} {answer}");
    }
    let (status, other) = server.api(&format!("/api/v1/transactions?limit=2&page_token={word}")).await;
    assert_eq!((status, other["transactions"].as_array().map(Vec::len)), (200, Some(2)), "another limit");
    let endpoint = format!("http://127.0.0.1:{}", server.start.ports.api);
    let mut client = QueryClient::connect(endpoint).await.unwrap();
    let request = ListTransactionsRequest { page_token: "odd".to_owned(), ..Default::default() };
    let refused = client.list_transactions(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
}

/// Alerts and incidents come in pages, too.
async fn assert_alerts(server: &Server) {
    let alerts: Vec<Value> = (0..24)
        .map(|number| {
            let service = ["ledger", "notification-hub"][number % 2];
            json!({"name": format!("Alert{number:02}"), "service": service, "starts_at": "2026-01-01T00:00:00Z"})
        })
        .collect();
    let url = format!("http://127.0.0.1:{}/api/v1/alerts", server.start.ports.api);
    let taken = reqwest::Client::new().post(url).json(&alerts).send().await.unwrap();
    assert_eq!(taken.status().as_u16(), 200);
    server.wait_for("SELECT count() FROM alerts", 24, PATIENCE).await;
    // Those of one service are an incident at least.
    server.wait_for("SELECT count() >= 12 FROM alerts WHERE Incident != ''", 1, PATIENCE).await;
    let of = async |limit: u32| {
        let path = format!("/api/v1/alerts?limit={limit}");
        read(server, &path, "alerts", "name", async || ()).await
    };
    let whole = of(1000).await;
    assert_eq!((whole.len(), whole.iter().collect::<BTreeSet<_>>().len()), (24, 24));
    assert_eq!((of(5).await, of(24).await), (whole.clone(), whole));
    let of = async |limit: u32| {
        let path = format!("/api/v1/incidents?limit={limit}");
        read(server, &path, "incidents", "id", async || ()).await
    };
    let whole = of(1000).await;
    assert_eq!(of(1).await, whole);
    assert!(!whole.is_empty());
}
