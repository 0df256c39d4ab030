//! What is wrong, told by a running server: from alerts and from transactions, across `kill -9`.

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use throughline_harness::{Server, Start};

use crate::{
    answers::{ask, code, objects},
    load::{CONFIG, PATIENCE, binary, requests, send, start, transfers},
};

async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("http://127.0.0.1:{}{path}", server.start.ports.api);
    let answer = reqwest::Client::new().post(url).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Asks the API until an answer is right.
async fn wait_for(
    server: &Server,
    path: &str,
    patience: Duration,
    is_right: impl Fn(&Value) -> bool,
) -> Value {
    let until = Instant::now() + patience;
    loop {
        let (status, answer) = server.api(path).await;
        if status == 200 && is_right(&answer) {
            return answer;
        }
        assert!(Instant::now() < until, "{path}: {answer}\n{}", server.output());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn incidents(answer: &Value) -> &[Value] {
    answer["incidents"].as_array().map_or(&[], Vec::as_slice)
}

/// A webhook as Alertmanager posts it.
fn webhook(status: &str, alerts: &[(&str, &str)]) -> Value {
    let alert = |(name, pod): &(&str, &str)| {
        json!({"status": status, "labels": {"alertname": name, "pod": pod, "severity": "critical"}, "annotations": {"summary": "it is slow"},
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": if status == "resolved" { "2026-01-01T00:10:00Z" } else { "0001-01-01T00:00:00Z" },
            "generatorURL": "http://prometheus/graph", "fingerprint": "0"})
    };
    json!({"version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": status, "receiver": "throughline", "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://alertmanager", "alerts": alerts.iter().map(alert).collect::<Vec<_>>()})
}

/// Alerts of the ledger's pods and of one that calls it.
const LEDGER: [(&str, &str); 5] = [
    ("HighLatency", "ledger-0"),
    ("PoolExhausted", "ledger-1"),
    ("ErrorRate", "ledger-1"),
    ("SlowRequests", "payment-orchestrator-7d9f"),
    ("ErrorRate", "payment-orchestrator-7d9f"),
];

/// Scenario: transfers, then alerts of the ledger and of who calls it by Alertmanager's webhook, one of something unknown by JSON; `kill -9`; a person
/// confirms; the alerts end.
/// Guarantee: one incident that names the ledger and its department, the same after the kill, by API, command line and SQL; the unknown alert stays visible
/// and unexplained; the incident recovers; one row for each alert and incident.
#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_one_incident_across_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = start(dir.path()).ready().await;
    let sent = transfers(600, 40);
    send(server.start.ports.grpc, &requests(&sent)).await;
    server.wait_for("SELECT count() FROM transactions", 40, PATIENCE).await;

    let (status, answer) = post(&server, "/api/v1/alerts/alertmanager", &webhook("firing", &LEDGER)).await;
    assert_eq!((status, &answer["taken"]), (200, &json!(5)), "{answer}");
    let unknown = json!({"name": "NtpDrift", "labels": {"host": "backup-7"}, "summary": "clock is off"});
    assert_eq!(post(&server, "/api/v1/alerts", &unknown).await.0, 200);
    assert_eq!(post(&server, "/api/v1/alerts", &json!({"name": "x", "status": "odd"})).await.0, 400);

    let path = "/api/v1/incidents";
    let is_there = |answer: &Value| incidents(answer).iter().any(|incident| incident["alerts"] == 5);
    let answer = wait_for(&server, path, PATIENCE, is_there).await;
    assert_eq!(incidents(&answer).len(), 1, "{answer}");
    let first = incidents(&answer)[0].clone();
    let id = first["id"].as_str().unwrap().to_owned();
    let suspect = &first["suspects"][0];
    assert_eq!(
        (&suspect["service"], &suspect["department"]),
        (&json!("ledger"), &json!("core-banking")),
        "{first}"
    );
    server
        .wait_for("SELECT count() FROM incidents WHERE State = 'open' AND Service = 'ledger'", 1, PATIENCE)
        .await;
    server.wait_for(&format!("SELECT count() FROM alerts WHERE Incident = '{id}'"), 5, PATIENCE).await;

    server = server.kill().ready().await;
    let answer = wait_for(&server, path, PATIENCE, |answer| !incidents(answer).is_empty()).await;
    assert_eq!(incidents(&answer).len(), 1, "{answer}");
    assert_eq!(
        (&incidents(&answer)[0]["id"], &incidents(&answer)[0]["start"]),
        (&first["id"], &first["start"])
    );
    assert_eq!(server.api(&format!("/api/v1/incidents/{id}")).await.1["id"], first["id"]);

    let listed = ask(&server, &["incidents", "--output", "json"]);
    assert_eq!((code(&listed), &objects(&listed)[0]["id"]), (0, &first["id"]), "{listed:?}");
    let text = ask(&server, &["incidents", &id]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("core-banking") && text.contains("ledger") && text.contains("Why 1."), "{text}");
    let said = ask(&server, &["incidents", "confirm", &id, "1", "--by", "ann", "--output", "json"]);
    assert_eq!(code(&said), 0, "{said:?}");
    assert_eq!(objects(&said)[0]["feedback"][0]["by"], "ann", "{said:?}");
    assert_said(&server, &id).await;
    assert_eq!(code(&ask(&server, &["incidents", "confirm", &id, "9"])), 2, "there is no such suspect");
    assert_eq!(code(&ask(&server, &["incidents", "no-such-incident"])), 3);

    let (_, alerts) = server.api("/api/v1/alerts?unexplained=true").await;
    assert_eq!(alerts["alerts"].as_array().map(Vec::len), Some(1), "{alerts}");
    assert_eq!(
        (&alerts["alerts"][0]["name"], &alerts["alerts"][0]["labels"]["host"]),
        (&json!("NtpDrift"), &json!("backup-7"))
    );
    assert_eq!(post(&server, "/api/v1/alerts/alertmanager", &webhook("resolved", &LEDGER)).await.0, 200);
    wait_for(&server, path, Duration::from_secs(120), |answer| incidents(answer)[0]["state"] == "recovered")
        .await;
    server.wait_for("SELECT count() FROM incidents WHERE State = 'recovered'", 1, PATIENCE).await;
    server.wait_for("SELECT count() FROM alerts WHERE State = 'resolved'", 5, PATIENCE).await;
    assert_twice_nothing(&server).await;
    let (_, topology) = server.api("/api/v1/topology?type=transfer").await;
    let calls = topology["calls"].as_array().unwrap();
    assert!(
        calls.iter().any(|call| call["callee"] == "ledger" && call["calls"].as_u64() > Some(0)),
        "{topology}"
    );
}

/// What a person said is in the table's summary, too, and a tenant sees what only alerts tell of.
async fn assert_said(server: &Server, id: &str) {
    let told = "SELECT count() FROM incidents WHERE Summary LIKE '%ann says that ledger (%) was the cause%'";
    server.wait_for(told, 1, PATIENCE).await;
    assert_eq!(code(&ask(server, &["incidents", id, "--tenant", "acme"])), 0, "it is everybody's");
}

/// No version of an incident and no batch is there twice.
async fn assert_twice_nothing(server: &Server) {
    for sql in [
        "SELECT count() - uniqExact(Id, Version) FROM incidents_data",
        "SELECT count() - uniqExact(Id) FROM incidents",
        "SELECT count() - uniqExact(Start, Fingerprint) FROM alerts_data FINAL",
        "SELECT count() - uniqExact(Name) FROM batches",
    ] {
        assert_eq!(server.count(sql).await, 0, "{sql}");
    }
}

/// Scenario: two versions of a service, one of them slower.
/// Guarantee: the comparison answers by API and command line, with a verdict; what cannot be compared is said, with exit status 3.
#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let sent = transfers(700, 120);
    send(server.start.ports.grpc, &requests(&sent)).await;
    server.wait_for("SELECT count() FROM transactions", 120, PATIENCE).await;
    let output = ask(
        &server,
        &["compare", "--by", "instance", "--service", "payment-orchestrator", "--output", "json"],
    );
    assert_eq!(code(&output), 0, "{output:?}");
    let answer = objects(&output).remove(0);
    assert_ne!(answer["verdict"], "worse", "{answer}");
    assert_ne!(answer["baseline"]["value"], answer["candidate"]["value"], "{answer}");
    let calls: u64 =
        answer["values"].as_array().unwrap().iter().map(|value| value["calls"].as_u64().unwrap()).sum();
    let hops = sent.iter().flat_map(|transfer| &transfer.hops);
    let own = hops.filter(|hop| hop.service().name() == "payment-orchestrator").count() as u64;
    assert_eq!(calls, own, "every call is counted: {answer}");
    let regions =
        ask(&server, &["compare", "--by", "region", "--service", "payment-orchestrator", "--output", "json"]);
    assert_eq!(code(&regions), 0, "without configuration: {regions:?}");
    let answer = objects(&regions).remove(0);
    let calls: u64 =
        answer["values"].as_array().unwrap().iter().map(|value| value["calls"].as_u64().unwrap()).sum();
    assert_eq!(calls, own, "every call ran in a region: {answer}");
    let text = ask(&server, &["compare", "--by", "bank.channel", "--service", "api-gateway"]);
    assert!(matches!(code(&text), 0 | 3), "{text:?}");
    let none = ask(&server, &["compare", "--service", "no-such-service"]);
    assert_eq!(code(&none), 3, "{none:?}");
    assert_eq!(server.api("/api/v1/compare?service=").await.0, 400);
}

/// The bank, sending until it is dropped.
struct Bank(Child);

impl Bank {
    fn start(server: &Server, fault: &str, per_second: u32) -> Self {
        let child = Command::new(binary())
            .args(["bank", "--endpoint", &format!("http://127.0.0.1:{}", server.start.ports.grpc)])
            .args([
                "--transfers-per-second",
                &per_second.to_string(),
                "--speed",
                "0",
                "--fault",
                fault,
                "--seed",
                "3",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// When the bank's database locks, and for how long it does, seconds.
const LOCK: (u64, u64) = (330, 150);

/// Scenario: the bank sends as usual for five minutes and a half, then a lock in a database; `kill -9` while it lasts.
/// Guarantee: an incident names the department, within a minute and a half of the fault; after the kill it is the same one; it recovers; no version twice.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: what is usual is learnt first; `make test-slow`"]
async fn a_fault_of_the_bank_is_an_incident_across_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Start::new(binary(), dir.path(), CONFIG).ready().await;
    let fault = format!("database-lock@{}s+{}s", LOCK.0, LOCK.1);
    let began = Instant::now();
    let _bank = Bank::start(&server, &fault, 10);
    let is_found = |answer: &Value| !incidents(answer).is_empty();
    let answer = wait_for(&server, "/api/v1/incidents", Duration::from_secs(LOCK.0 + 90), is_found).await;
    let found = began.elapsed();
    assert!(found > Duration::from_secs(LOCK.0), "found before it began: {answer}");
    let first = incidents(&answer)[0].clone();
    assert_eq!(first["suspects"][0]["kind"], "database", "{first}");
    assert_eq!(first["suspects"][0]["department"], "core-banking", "{first}");
    server = server.kill().ready().await;
    let is_over = |answer: &Value| {
        incidents(answer)
            .iter()
            .any(|incident| incident["id"] == first["id"] && incident["state"] == "recovered")
    };
    wait_for(&server, "/api/v1/incidents", Duration::from_secs(420), is_over).await;
    server.wait_for("SELECT count() FROM incidents WHERE State = 'recovered'", 1, PATIENCE).await;
    assert_twice_nothing(&server).await;
}
