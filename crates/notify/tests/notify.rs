//! Targets are told of what opens and of what is over, whatever happens in between.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use serde_json::Value;
use throughline_api::query::{Advice, Incident, Suspect};
use throughline_notify::{Notifier, Settings, Source, Target};
use tokio_util::sync::CancellationToken;

type Seen = Arc<Mutex<(Vec<Value>, bool)>>;

/// A server that notes what it is sent, and refuses while it is told to.
async fn target() -> (String, Seen) {
    let seen = Seen::default();
    let take = |State(seen): State<Seen>, Json(body): Json<Value>| async move {
        let mut seen = seen.lock().unwrap();
        if seen.1 {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        if body["incident"]["id"] == "odd" {
            return StatusCode::BAD_REQUEST;
        }
        seen.0.push(body);
        StatusCode::OK
    };
    let router = Router::new()
        .route("/api/v2/alerts", post(take))
        .route("/hook", post(take))
        .with_state(Arc::clone(&seen));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, seen)
}

fn incident(state: &str, service: &str) -> Incident {
    Incident {
        id: "ab12".to_owned(),
        state: state.to_owned(),
        start: 1_700_000_000_000_000_000,
        end: if state == "open" { 0 } else { 1_700_000_060_000_000_000 },
        summary: "the ledger waits".to_owned(),
        suspects: vec![Suspect {
            service: service.to_owned(),
            department: "core-banking".to_owned(),
            ..Suspect::default()
        }],
        advice: vec![Advice { text: "look at blocking sessions".to_owned(), ..Advice::default() }],
        ..Incident::default()
    }
}

fn run(dir: &Path, targets: Vec<Target>, now: &Arc<Mutex<Vec<Incident>>>) -> (Notifier, CancellationToken) {
    let now = Arc::clone(now);
    let source: Source = Arc::new(move || now.lock().unwrap().clone());
    let stop = CancellationToken::new();
    (Notifier::start(Settings { targets, dir: dir.to_owned() }, &source, &stop), stop)
}

async fn wait_for(seen: &Seen, count: usize) -> Vec<Value> {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let found = seen.lock().unwrap().0.clone();
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < until, "{count} are wanted: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Scenario: an incident opens, its suspect changes, it recovers while nobody runs and the target refuses at first.
/// Guarantee: a webhook is told of each once, in order; Alertmanager has one alert with the same labels throughout, which ends.
#[tokio::test]
async fn what_opens_is_told_and_what_is_over_too() {
    let dir = tempfile::tempdir().unwrap();
    let (hook, seen_hook) = target().await;
    let (manager, seen_manager) = target().await;
    let now = Arc::new(Mutex::new(vec![incident("recovered", "old"), incident("open", "ledger")]));
    now.lock().unwrap()[0].id = "over before".to_owned();
    let targets = vec![Target::Webhook(format!("{hook}/hook")), Target::Alertmanager(manager)];
    let (notifier, stop) = run(dir.path(), targets.clone(), &now);
    assert_eq!(wait_for(&seen_hook, 1).await[0]["event"], "opened");
    now.lock().unwrap()[1] = incident("open", "accounts");
    assert_eq!(wait_for(&seen_hook, 2).await[1]["event"], "changed");
    wait_for(&seen_manager, 2).await;
    stop.cancel();
    notifier.stopped().await;

    now.lock().unwrap()[1] = incident("recovered", "accounts");
    seen_hook.lock().unwrap().1 = true;
    let (notifier, stop) = run(dir.path(), targets, &now);
    let alerts = wait_for(&seen_manager, 3).await;
    seen_hook.lock().unwrap().1 = false;
    let events = wait_for(&seen_hook, 3).await;
    stop.cancel();
    notifier.stopped().await;
    let told: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["opened", "changed", "recovered"]);
    let labels: Vec<_> = alerts.iter().map(|list| list[0]["labels"].clone()).collect();
    assert!(labels.iter().all(|other| *other == labels[0]), "{labels:?}");
    assert_eq!(labels[0]["service"], "ledger");
    assert_eq!(alerts[0][0]["annotations"]["advice"], "look at blocking sessions");
    assert_eq!(events[0]["incident"]["advice"][0]["text"], "look at blocking sessions");
    assert_eq!(alerts.last().unwrap()[0]["endsAt"], "2023-11-14T22:14:20.000Z");
    assert!(
        alerts.iter().all(|list| list.as_array().unwrap().len() == 1),
        "what was over before is not told"
    );
}

/// Scenario: a webhook does not take one of two incidents, whatever happens; a restart; the other one recovers.
/// Guarantee: it is told of the other one, once each time.
#[tokio::test]
async fn what_is_not_taken_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (hook, seen) = target().await;
    let now = Arc::new(Mutex::new(vec![incident("open", "odd"), incident("open", "ledger")]));
    now.lock().unwrap()[0].id = "odd".to_owned();
    let targets = vec![Target::Webhook(format!("{hook}/hook"))];
    let (notifier, stop) = run(dir.path(), targets.clone(), &now);
    wait_for(&seen, 1).await;
    now.lock().unwrap()[1] = incident("open", "accounts");
    wait_for(&seen, 2).await;
    // What was told is noted though something is still to be told.
    let noted = dir.path().join("0.json");
    let until = Instant::now() + Duration::from_secs(30);
    while !std::fs::read_to_string(&noted).is_ok_and(|told| told.contains("accounts")) {
        assert!(Instant::now() < until, "it is not noted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stop.cancel();
    notifier.stopped().await;
    now.lock().unwrap()[1] = incident("recovered", "accounts");
    let (notifier, stop) = run(dir.path(), targets, &now);
    let events = wait_for(&seen, 3).await;
    stop.cancel();
    notifier.stopped().await;
    let told: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(told, ["opened", "changed", "recovered"]);
}
