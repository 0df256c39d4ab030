//! What a person asks, from the first trace of a transfer to its row: by the command line and by JSON.

use std::{
    process::{Command, Output},
    time::{Duration, Instant},
};

use serde_json::Value;
use throughline_bank::truth::Record;
use throughline_harness::{Server, Start};

use crate::load::{CONFIG, PATIENCE, binary, check, requests, send, start, transfers};

/// Runs a question of the command line against a server.
pub(crate) fn ask(server: &Server, arguments: &[&str]) -> Output {
    let endpoint = format!("http://127.0.0.1:{}", server.start.ports.api);
    Command::new(binary()).args(arguments).args(["--endpoint", &endpoint]).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// The objects that a command printed, one a line.
pub(crate) fn objects(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Asks until the answer is right.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} has not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn explanation(server: &Server, key: &str) -> Option<Value> {
    let output = ask(server, &["explain", key, "--output", "json"]);
    (code(&output) == 0).then(|| objects(&output).remove(0))
}

fn sum(list: &Value, field: &str) -> u64 {
    list.as_array().unwrap().iter().map(|each| each[field].as_u64().unwrap()).sum()
}

/// What must hold of every answer with a row behind it.
fn assert_explained(answer: &Value, truth: &Record) {
    let transaction = &answer["transaction"];
    let duration = transaction["duration"].as_u64().unwrap();
    assert_eq!(transaction["transaction_id"], truth.uetr.as_str(), "{answer}");
    assert_eq!(transaction["type"], "transfer");
    assert_eq!(transaction["spans"], truth.spans.len());
    assert!(duration.abs_diff(truth.duration) < 1_000_000, "{duration}, not {}", truth.duration);
    for (list, field) in [("hops", "critical"), ("by_kind", "time"), ("by_department", "time")] {
        assert_eq!(sum(&answer[list], field), duration, "{list}: {answer}");
    }
    assert_ne!(answer["sentence"], "");
}

/// Scenario: the first traces of a transfer arrive, then, when it has been asked for, the rest.
/// Guarantee: it is explained by its key as in flight; then, by its key and by the id of any of its traces, as stored, whole, with times that add up; the command line
/// and the JSON of the API say the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_explained_in_flight_and_when_it_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let port = server.start.ports.grpc;
    let all = transfers(500, 20);
    let truth = Record::new(&all[0], &[]);
    let mut first = all[0].clone();
    let last_trace = *first.trace_ids.last().unwrap();
    let mut rest = first.clone();
    first.spans.retain(|span| span.trace_id != last_trace);
    rest.spans.retain(|span| span.trace_id == last_trace);
    send(port, &requests(&[first.clone()])).await;

    let answer = wait_for("what is in flight", || {
        explanation(&server, &truth.uetr).filter(|answer| answer["transaction"]["spans"] == first.spans.len())
    });
    assert_eq!(answer["transaction"]["state"], "in flight", "{answer}");
    assert_eq!(sum(&answer["hops"], "critical"), answer["transaction"]["duration"].as_u64().unwrap());
    let of_trace = explanation(&server, &truth.trace_ids[0]).expect("one of its traces finds it");
    assert_eq!(of_trace["transaction"]["transaction_id"], truth.uetr.as_str());
    let open = ask(&server, &["transactions", "--in-flight", "--output", "json"]);
    assert_eq!(code(&open), 0, "{open:?}");
    assert_eq!(objects(&open)[0]["transaction_id"], truth.uetr.as_str());
    let text = ask(&server, &["explain", &truth.uetr]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("in flight"), "{text:?}");

    let mut later = requests(&[rest]);
    later.extend(requests(&all[1..]));
    send(port, &later).await;
    check(&server, all.len() as u64, all.iter().map(|transfer| transfer.spans.len() as u64).sum()).await;
    for key in truth.trace_ids.iter().chain([&truth.uetr]) {
        let answer = explanation(&server, key).expect("it is stored");
        assert_eq!(answer["transaction"]["state"], "stored");
        assert_explained(&answer, &truth);
        let (status, json) = server.api(&format!("/api/v1/explain/{key}")).await;
        assert_eq!((status, &json), (200, &answer), "JSON of the API and of the command line");
    }
    let text = ask(&server, &["explain", &truth.uetr]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    // One screen: what takes no time may be left out, but no department is.
    assert!(truth.hops.iter().all(|hop| text.contains(&hop.department)), "{text}");
    assert!(text.lines().count() <= 45 && text.contains(&truth.uetr), "{text}");
    assert_lists(&server, &all).await;
    assert_refusals(&server).await;
}

/// Quiet times that no test waits for: what is sent stays open in the first fold.
const NEVER: &str = "traces: { quiet_time: 5m, quiet_time_without_root: 5m }\n";

/// Scenario: all traces of some transfers arrive and none of them closes.
/// Guarantee: as soon as a request was answered, what it brought is found by key and by trace id, as in flight, all traces of one transfer together, and stands in
/// the list; nothing else is found.
#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_is_explained_from_its_first_span_on() {
    let dir = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("traces: { quiet_time: 3s, quiet_time_without_root: 6s }\n", NEVER);
    assert!(config.contains(NEVER));
    let server = Start::new(binary(), dir.path(), &config).ready().await;
    let all = transfers(501, 10);
    for transfer in &all {
        send(server.start.ports.grpc, &requests(std::slice::from_ref(transfer))).await;
        let truth = Record::new(transfer, &[]);
        for key in truth.trace_ids.iter().chain([&truth.uetr]) {
            let (status, answer) = server.api(&format!("/api/v1/explain/{key}")).await;
            assert_eq!(status, 200, "{key}: {answer}");
            assert_eq!(answer["transaction"]["state"], "in flight", "{answer}");
            assert_eq!(answer["trace_ids"].as_array().unwrap().len(), truth.trace_ids.len(), "{answer}");
            assert_explained(&answer, &truth);
        }
    }
    let uetr = Record::new(&all[0], &[]).uetr;
    let answer = explanation(&server, &uetr).expect("the command line finds it too");
    assert_eq!(
        (&answer["transaction"]["state"], answer["hops"].as_array().unwrap().is_empty()),
        (&"in flight".into(), false)
    );
    let text = ask(&server, &["explain", &uetr]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("in flight"), "{text:?}");
    let listed = objects(&ask(&server, &["transactions", "--in-flight", "--output", "json"]));
    let mut listed: Vec<_> = listed.iter().map(|each| each["transaction_id"].as_str().unwrap()).collect();
    let mut sent: Vec<_> = all.iter().map(|transfer| Record::new(transfer, &[]).uetr).collect();
    listed.sort_unstable();
    sent.sort_unstable();
    assert_eq!(listed, sent);
    let (status, answer) = server.api("/api/v1/explain/no-such-key").await;
    assert_eq!(status, 404, "{answer}");
}

/// Lists are filtered, and say the same by both ways.
async fn assert_lists(server: &Server, all: &[throughline_bank::plan::Transfer]) {
    let list = |arguments: &[&str]| {
        let output = ask(server, &[&["transactions", "--output", "json"], arguments].concat());
        let mut ids: Vec<String> =
            objects(&output).iter().map(|each| each["transaction_id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        (code(&output), ids)
    };
    let wanted = |keep: &dyn Fn(&Record) -> bool| {
        let mut ids: Vec<String> = all
            .iter()
            .map(|transfer| Record::new(transfer, &[]))
            .filter(|truth| keep(truth))
            .map(|truth| truth.uetr)
            .collect();
        ids.sort();
        (if ids.is_empty() { 3 } else { 0 }, ids)
    };
    assert_eq!(list(&[]), wanted(&|_| true));
    let mut durations: Vec<u64> = all.iter().map(|transfer| transfer.end - transfer.start).collect();
    durations.sort_unstable();
    let limit = u64::midpoint(durations[9], durations[10]) / 1_000_000;
    assert_eq!(
        list(&["--slower-than", &format!("{limit}ms")]),
        wanted(&|truth| truth.duration > limit * 1_000_000)
    );
    assert_eq!(list(&["--outcome", "ok"]), wanted(&|truth| truth.outcome == "ok"));
    assert_eq!(list(&["--type", "transfer"]), wanted(&|_| true));
    assert_eq!(list(&["--type", "loan"]), (3, Vec::new()));
    assert_eq!(
        list(&["--department", "core-banking"]),
        wanted(&|truth| truth.spans.iter().any(|span| span.department == "core-banking"))
    );
    assert_eq!(list(&["--department", "marketing"]), (3, Vec::new()));
    assert_eq!(list(&["--in-flight"]), (3, Vec::new()));
    assert_eq!(list(&["--limit", "4"]).1.len(), 4);
    let (status, json) = server.api("/api/v1/transactions?limit=1000").await;
    assert_eq!((status, json["transactions"].as_array().unwrap().len()), (200, all.len()));
}

/// What is not there, or not a question, is said in words and by the exit status.
async fn assert_refusals(server: &Server) {
    for output in [["explain", "no-such-key"], ["explain", "no-such-key\"'; DROP"]]
        .map(|question| ask(server, &question))
    {
        assert_eq!(code(&output), 3, "{output:?}");
        assert!(output.stdout.is_empty());
        assert!(String::from_utf8_lossy(&output.stderr).contains("no-such-key"), "{output:?}");
    }
    let nothing = ask(server, &["transactions", "--outcome", "incomplete"]);
    assert_eq!((code(&nothing), nothing.stdout.is_empty()), (3, true), "{nothing:?}");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no transaction matches"), "{nothing:?}");
    for wrong in [
        ["transactions", "--slower-than", "soon"],
        ["transactions", "--outcome", "fine"],
        ["transactions", "--limit", "0"],
    ] {
        let output = ask(server, &wrong);
        assert_eq!(code(&output), 2, "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(wrong[2]), "{output:?}");
    }
    assert_eq!(code(&ask(server, &["explain", ""])), 2, "an empty key is no question");
    let (status, json) = server.api("/api/v1/explain/no-such-key").await;
    assert_eq!(status, 404, "{json}");
    assert!(json["error"].as_str().unwrap_or_default().contains("no-such-key"), "{json}");
    let (status, json) = server.api("/api/v1/transactions?limit=many").await;
    assert_eq!(status, 400, "{json}");
    // What cannot be asked in this way is told as everything else is.
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", server.start.ports.api);
    let client = reqwest::Client::new();
    for (question, status, allowed, word) in [
        (client.delete(url("/api/v1/incidents")), 405, Some("GET,HEAD"), "does not take DELETE"),
        (client.get(url("/api/v1/config/reload")), 405, Some("POST"), "does not take GET"),
        (client.post(url("/")), 405, Some("GET,HEAD"), "does not take POST"),
        (client.get(url("/api/v1/explain/%ff")), 400, None, "UTF-8"),
    ] {
        let answer = question.send().await.unwrap();
        let allow = answer.headers().get("allow").map(|allow| allow.to_str().unwrap().to_owned());
        assert_eq!((answer.status().as_u16(), allow.as_deref()), (status, allowed));
        let json: Value = answer.json().await.unwrap();
        assert!(json["error"].as_str().unwrap_or_default().contains(word), "{json}");
    }
}
