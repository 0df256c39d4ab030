//! What the query API says in figures, asked as an outsider does: by JSON, by gRPC, by the command line, and by a browser.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use throughline_api::query::{
    KpisRequest, ListBaselinesRequest, ListDeploymentsRequest, query_client::QueryClient,
};
use throughline_harness::{Server, Start};
use tonic::Code;

use crate::{
    answers::{ask, code, objects},
    load::{CONFIG, PATIENCE, binary, requests, send, transfers},
};

/// A server with a service level that some transfers miss, and a snapshot that comes soon.
async fn running(dir: &std::path::Path) -> Server {
    let config =
        CONFIG.replace("deadline: 20s", "deadline: 20s\n      slo: { latency: 500ms, objective: 0.9 }");
    Start::new(binary(), dir, &config).ready().await
}

async fn get(server: &Server, path: &str) -> reqwest::Response {
    reqwest::get(format!("http://127.0.0.1:{}{path}", server.start.ports.api)).await.unwrap()
}

/// Scenario: sixty transfers of which the store has all.
/// Guarantee: figures of departments agree with the table, and are the same by JSON, gRPC and the command line; their shares of the time add up, and the misses of
/// departments are those of the level; the topology has the services; baselines come; there is no new version; what makes no sense is refused with a word that helps.
#[tokio::test(flavor = "multi_thread")]
async fn figures_are_the_same_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let server = running(dir.path()).await;
    let sent = transfers(910, 60);
    send(server.start.ports.grpc, &requests(&sent)).await;
    server.wait_for("SELECT countIf(ClosedBy != 'age') FROM transactions", sent.len() as u64, PATIENCE).await;
    server.wait_for("SELECT max(Transactions) FROM slo", sent.len() as u64, PATIENCE).await;

    let (status, kpis) = server.api("/api/v1/kpis").await;
    assert_eq!(status, 200, "{kpis}");
    let departments = kpis["departments"].as_array().unwrap();
    assert!(departments.len() >= 5, "{kpis}");
    let payments = departments.iter().find(|of| of["department"] == "payments").unwrap();
    let with_payments = "SELECT countIf(has(Hops.Department, 'payments')) FROM transactions";
    assert_eq!(payments["transactions"], json!(server.count(with_payments).await));
    let shares: f64 = departments.iter().map(|of| of["critical_share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-6, "{kpis}");
    let level = &kpis["levels"][0];
    let missed: u64 = departments.iter().map(|of| of["missed"].as_u64().unwrap()).sum();
    let bad = level["transactions"].as_u64().unwrap() - level["good"].as_u64().unwrap();
    assert_eq!((&level["type"], &level["latency"], missed), (&json!("transfer"), &json!(500_000_000), bad));
    let good = "SELECT countIf(Outcome = 'ok' AND Duration <= 500000000) FROM transactions";
    assert_eq!(level["good"], json!(server.count(good).await));

    let printed = ask(&server, &["kpis", "--output", "json"]);
    assert_eq!((code(&printed), &objects(&printed)[0]["levels"]), (0, &kpis["levels"]), "{printed:?}");
    let one = ask(&server, &["kpis", "--department", "payments"]);
    let text = String::from_utf8_lossy(&one.stdout).into_owned();
    assert!(text.contains("payments") && !text.contains("core-banking") && text.contains("500 ms"), "{text}");
    let topology = ask(&server, &["topology", "--type", "transfer"]);
    assert!(String::from_utf8_lossy(&topology.stdout).contains("ledger"), "{topology:?}");
    assert_eq!(code(&ask(&server, &["alerts"])), 3, "none was sent");
    assert_eq!(code(&ask(&server, &["compare"])), 3, "no new version has come");
    assert_eq!(code(&ask(&server, &["kpis", "--since", "90d"])), 2, "too far back");
    over_grpc(&server, departments.len()).await;
    refused(&server).await;
}

async fn over_grpc(server: &Server, departments: usize) {
    let endpoint = format!("http://127.0.0.1:{}", server.start.ports.api);
    let mut client = QueryClient::connect(endpoint).await.unwrap();
    let kpis = client.get_kpis(KpisRequest::default()).await.unwrap().into_inner();
    assert_eq!(kpis.departments.len(), departments);
    let none = client.list_deployments(ListDeploymentsRequest::default()).await.unwrap().into_inner();
    assert_eq!(none.deployments, []);
    let until = Instant::now() + PATIENCE;
    loop {
        let request = ListBaselinesRequest { service: "ledger".to_owned(), limit: 1, ..Default::default() };
        let found = client.list_baselines(request).await.unwrap().into_inner();
        if let [only] = &found.baselines[..] {
            assert!(only.service == "ledger" && only.median > 0.0 && found.matching > 1, "{found:?}");
            break;
        }
        assert!(Instant::now() < until, "no baseline\n{}", server.output());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let far = KpisRequest { since_seconds: u64::MAX, ..KpisRequest::default() };
    let status = client.get_kpis(far).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
}

async fn refused(server: &Server) {
    for (path, status, word) in [
        ("/api/v1/kpis?since_seconds=999999999", 400, "at most 2678400"),
        ("/api/v1/kpis?since_seconds=soon", 400, "since_seconds"),
        ("/api/v1/deployments?verdict=bad", 400, "not worse"),
        ("/api/v1/deployments?limit=100000", 400, "at most 1000"),
        ("/api/v1/baselines?limit=100000", 400, "at most 10000"),
        ("/api/v1/transactions?outcome=odd", 400, "incomplete"),
        ("/api/v1/compare?by=version", 400, "service"),
        ("/api/v1/compare?service=nobody", 404, "nobody"),
        ("/api/v1/incidents?state=odd", 400, "recovered"),
        ("/api/v1/incidents/none", 404, "none"),
        ("/api/v1/explain/none", 404, "none"),
        ("/api/v1/nowhere", 404, "/openapi.json"),
    ] {
        let answer = get(server, path).await;
        let (code, body): (u16, Value) = (answer.status().as_u16(), answer.json().await.unwrap_or_default());
        let error = body["error"].as_str().unwrap_or_default();
        assert!(code == status && error.contains(word), "{path}: {code} {body}");
    }
}

/// Scenario: a browser opens the console.
/// Guarantee: page, script and style come with a policy that lets nothing in from elsewhere, and every path that the script asks is one that the API has.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_is_served_and_asks_only_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = running(dir.path()).await;
    for (path, kind) in [("/", "text/html"), ("/console.js", "text/javascript"), ("/console.css", "text/css")]
    {
        let answer = get(&server, path).await;
        let header = |name: &str| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(answer.status(), 200);
        assert!(header("content-type").starts_with(kind), "{path}");
        assert!(header("content-security-policy").starts_with("default-src 'none'"), "{path}");
    }
    let script = get(&server, "/console.js").await.text().await.unwrap();
    let (_, document) = server.api("/openapi.json").await;
    let paths = document["paths"].as_object().unwrap();
    let asked: Vec<&str> = script.split("ask(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(asked.len() >= 7, "{asked:?}");
    for path in asked {
        let is_known = |known: &String| known == path || known.starts_with(&format!("{path}{{"));
        assert!(paths.keys().any(is_known), "{path}");
    }
}
