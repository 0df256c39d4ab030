//! A configuration that changes under load: by file, by SIGHUP, by the API; and one that is wrong.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use throughline_harness::{Sender, Server, Start};

use crate::load::{CONFIG, PATIENCE, RESEND, binary, check, counted_requests, start, transfers};

/// Counter of reloads.
const RELOADS: &str = "throughline_config_reloads_total";

/// Where a reload is asked for.
const RELOAD: &str = "/api/v1/config/reload";

/// Transfers that are sent in all.
const TRANSFERS: usize = 240;

/// Departments of the changed configuration.
const OTHERS: &str = "departments: [{ services: { everyone: [\"*\"] } }]";

/// As Kubernetes lays a ConfigMap: what the server reads is a link into a folder that is a link itself, which is swapped.
fn lay_config_map(dir: &Path, name: &str, config: &str) {
    fs::create_dir(dir.join(name)).unwrap();
    fs::write(dir.join(name).join("live.yaml"), config).unwrap();
    symlink(name, dir.join("..next")).unwrap();
    fs::rename(dir.join("..next"), dir.join("..data")).unwrap();
}

async fn wait_for_reloads(server: &Server, count: f64) {
    let until = Instant::now() + PATIENCE;
    while server.metric(RELOADS).await < count {
        assert!(Instant::now() < until, "{count} reloads do not come:\n{}", server.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Kept rows by the policy that kept them.
async fn kept_by(server: &Server, policy: &str) -> u64 {
    server.count(&format!("SELECT count() FROM transactions WHERE KeptBy = '{policy}'")).await
}

/// Scenario: while a client sends, the folder behind the configuration is swapped for one with another policy and other departments; then a file with faults lies
/// there, and SIGHUP and the API ask for it; then a right one, which changes a key of the store too, and the API is asked again.
/// Guarantee: each right change holds from then on, the wrong one is refused with all its faults and changes nothing, what needs a restart is named; every transfer
/// is one row with all its spans, across all of it, and after a restart too.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_changes_under_load_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    lay_config_map(dir.path(), "first", CONFIG);
    symlink("..data/live.yaml", dir.path().join("throughline.yaml")).unwrap();
    let server = start(dir.path()).ready().await;
    let transfers = transfers(800, TRANSFERS);
    let spans: u64 = transfers.iter().map(|transfer| transfer.spans.len() as u64).sum();
    let sent = Arc::new(AtomicBool::new(false));
    let port = server.start.ports.grpc;
    let (requests, done) = (counted_requests(&transfers), Arc::clone(&sent));
    let load = tokio::spawn(async move {
        let sender = Sender::new(port);
        for (request, _) in requests {
            sender.send_until_taken(&request, RESEND).await;
            // Slow enough that all changes come in between.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done.store(true, Ordering::Relaxed);
    });

    server.wait_for("SELECT count() > 0 FROM transactions", 1, PATIENCE).await;
    let second = CONFIG
        .replace("name: all", "name: second")
        .replace("departments: [{ attribute: department }]", OTHERS);
    lay_config_map(dir.path(), "second", &second);
    wait_for_reloads(&server, 1.0).await;
    assert!(!sent.load(Ordering::Relaxed), "all was sent before the change: nothing was tested");

    let wrong = CONFIG.replace("quiet_time: 3s", "quiet_time: soon").replace("settle: 4s", "settle: 4");
    fs::write(dir.path().join("second/live.yaml"), wrong).unwrap();
    server.hang_up();
    wait_for_reloads(&server, 2.0).await;
    let (status, refusal) = server.api_post(RELOAD).await;
    assert_eq!((status, refusal["result"].as_str()), (422, Some("refused")), "{refusal}");
    let faults: Vec<_> =
        refusal["faults"].as_array().unwrap().iter().map(|fault| fault["key"].as_str().unwrap()).collect();
    assert_eq!(faults, ["traces.quiet_time", "transactions.types[0].settle"], "{refusal}");
    assert!(
        server.output().contains("throughline.yaml:3:") && server.output().contains("soon"),
        "{}",
        server.output()
    );

    server.wait_for("SELECT count() > 0 FROM transactions WHERE KeptBy = 'second'", 1, PATIENCE).await;
    let third = second.replace("name: second", "name: third") + "clickhouse: { retention: { spans: 9d } }\n";
    fs::write(dir.path().join("second/live.yaml"), third).unwrap();
    let (status, taken) = server.api_post(RELOAD).await;
    assert_eq!(status, 200, "{taken}");
    assert!(
        taken["result"] == "taken" || taken["result"] == "unchanged",
        "the file may be seen first: {taken}"
    );
    assert_eq!(taken["needs_restart"], serde_json::json!(["clickhouse.retention.spans"]), "{taken}");

    load.await.unwrap();
    check(&server, transfers.len() as u64, spans).await;
    for policy in ["all", "second", "third"] {
        assert!(kept_by(&server, policy).await > 0, "no row is of {policy}");
    }
    let of_others = "SELECT count() FROM transactions WHERE Departments = ['everyone']";
    assert!(server.count(of_others).await > 0, "no row has the changed departments");
    let of_before = "SELECT count() FROM transactions WHERE NOT has(Departments, 'everyone')";
    assert!(server.count(of_before).await > 0, "no row has the departments of before");

    let server = server.kill().ready().await;
    check(&server, transfers.len() as u64, spans).await;
}

/// A rule pack whose only condition is this.
fn lay_pack(path: &Path, name: &str, when: &str) {
    let pack =
        format!("pack: {name}\nversion: 1\nrules:\n  - name: a\n    when: {when}\n    advice: call {name}\n");
    fs::write(path, pack).unwrap();
}

/// Reloads that came to this.
async fn wait_for_result(server: &Server, result: &str, count: f64) {
    let series = format!("{RELOADS}{{result=\"{result}\"}}");
    let until = Instant::now() + PATIENCE;
    while server.metric_of(&series).await < count {
        assert!(Instant::now() < until, "{count} {result} reloads do not come:\n{}", server.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Scenario: a rule pack is made faulty and mended; then the configuration names a second one that is faulty, and that one alone is mended.
/// Guarantee: each is seen by itself; the faulty ones are refused with their place, the mended ones taken.
#[tokio::test(flavor = "multi_thread")]
async fn rule_packs_are_taken_when_they_change() {
    let dir = tempfile::tempdir().unwrap();
    let [first, second] = ["first.yaml", "second.yaml"].map(|name| dir.path().join(name));
    let names = |packs: &[&Path]| format!("{CONFIG}diagnosis: {{ rules: {{ files: {packs:?} }} }}\n");
    lay_pack(&first, "first", "suspect.rank > 0.0");
    let server = Start::new(binary(), dir.path(), &names(&[&first])).ready().await;

    lay_pack(&first, "first", "nobody.rank > 0.0");
    wait_for_result(&server, "refused", 1.0).await;
    assert!(server.output().contains("first.yaml:5:11: rules[0].when"), "{}", server.output());
    lay_pack(&first, "first", "suspect.rank > 1.0");
    wait_for_result(&server, "taken", 1.0).await;

    lay_pack(&second, "second", "nobody.rank > 0.0");
    fs::write(dir.path().join("throughline.yaml"), names(&[&first, &second])).unwrap();
    wait_for_result(&server, "refused", 2.0).await;
    assert!(server.output().contains("second.yaml:5:11: rules[0].when"), "{}", server.output());
    lay_pack(&second, "second", "suspect.rank > 0.0");
    wait_for_result(&server, "taken", 2.0).await;
}
