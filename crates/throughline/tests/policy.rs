//! `throughline policy test` over recorded transfers of the simulated bank.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::path::Path;
use std::process::{Command, Output};

use prost::Message;
use throughline_bank::plan::{PlanOptions, generate, to_otlp};
use throughline_log::{Kind, Log, NewRecord, Settings};

/// What both configurations share.
const BASE: &str = "departments: [{ attribute: department }]\ntransactions:\n  types:\n    - name: transfer\n      \
                    match: root.name == \"POST /transfers\"\n      terminal: span.name == \"settlement.confirm\"\n";

/// A noon long ago.
const START: u64 = 1_700_000_000_000_000_000;

fn policy_test(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_throughline")).args(["policy", "test"]).args(arguments).output().unwrap()
}

/// So many transfers, length-delimited, and two configurations: one that keeps errors, one that keeps all.
fn prepare(folder: &Path, transfers: usize) -> [String; 3] {
    let options = PlanOptions { seed: 11, start_unix_nano: START, ..PlanOptions::default() };
    let mut recorded = Vec::new();
    for chunk in generate(&options, transfers).chunks(3) {
        for request in to_otlp(chunk) {
            recorded.extend(request.encode_length_delimited_to_vec());
        }
    }
    let errors = "sampling: { policies: [{ name: errors, type: status_code, status_code: { status_codes: [ERROR] } }] }\n";
    let all = "sampling: { policies: [{ name: everything, type: always_sample }] }\n";
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [
        write("recorded.pb", &recorded),
        write("old.yaml", format!("{BASE}{errors}").as_bytes()),
        write("new.yaml", format!("{BASE}{all}").as_bytes()),
    ]
}

#[test]
fn a_changed_policy_is_compared_with_the_present_one() {
    let folder = tempfile::tempdir().unwrap();
    let [recorded, old, new] = prepare(folder.path(), 60);
    let arguments = [recorded.as_str(), "--config", &new, "--config-old", &old];
    let output = policy_test(&[&arguments[..], &["--output", "json"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["recorded"]["transactions"], 60, "{report}");
    assert_eq!((&report["new"]["kept"], &report["new"]["dropped"]), (&60.into(), &0.into()), "{report}");
    let before = report["old"]["kept"].as_u64().unwrap();
    let failed = report["outcomes"].as_array().unwrap().iter().find(|line| line["name"] == "error");
    let failed = failed.map_or(0, |line| line["old"]["kept"].as_u64().unwrap());
    assert!(before >= failed && before < 60, "{report}");
    assert_eq!(report["types"][0]["name"], "transfer");
    assert_eq!(report["types"][0]["newly_kept"], 60 - before, "{report}");
    assert_eq!(report["policies"][0]["name"], "everything");
    assert!(report["new"]["cost_per_day"].as_f64().unwrap() > 0.0, "{report}");

    let text = policy_test(&arguments);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.starts_with("60 transactions of ") && text.contains("\ndifference "), "{text}");
    assert!(text.contains("newly kept, such as\n"), "{text}");
}

/// A server's data folder whose log holds so many transfers; the log stays open, as under a running server.
fn logged(data: &Path, transfers: usize) -> Log {
    let dir = data.join("log").join("span");
    std::fs::create_dir_all(&dir).unwrap();
    let log =
        Log::open(Settings { segment_bytes: 1 << 20, reserve_bytes: 0, ..Settings::new(dir, "span", 2) });
    let log = log.unwrap();
    let of = |kind, payload: Vec<u8>| NewRecord {
        kind,
        tenant: "".into(),
        cause: None,
        payload: payload.into(),
        cache: None,
    };
    let options = PlanOptions { seed: 11, start_unix_nano: START, ..PlanOptions::default() };
    let requests = generate(&options, transfers).chunks(3).flat_map(to_otlp).collect::<Vec<_>>();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        for (number, request) in (0..).zip(requests) {
            let records =
                vec![(number % 2, of(Kind::Spans, request.encode_to_vec())), (0, of(Kind::Tick, Vec::new()))];
            log.append(records).await.unwrap();
        }
    });
    log
}

#[test]
fn logged_traffic_is_run_beside_the_server_that_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let [_, old, new] = prepare(folder.path(), 1);
    let data = folder.path().join("data");
    let log = logged(&data, 60);
    for place in ["", "log", "log/span"] {
        let place = data.join(place);
        let arguments = [place.to_str().unwrap(), "--config", &new, "--config-old", &old, "--output", "json"];
        let output = policy_test(&arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["recorded"]["transactions"], 60, "{report}");
        assert_eq!(report["new"]["kept"], 60, "{report}");
        assert_eq!(report["recorded"]["refused_requests"], 0, "{report}");
        assert!(report["old"]["kept"].as_u64().unwrap() < 60, "{report}");
        assert!(report["new"]["bytes_per_day"].as_f64().unwrap() > 0.0, "{report}");
    }
    assert!(log.damaged().is_empty());
}

#[test]
fn a_policy_asks_how_long_transfers_usually_take() {
    let folder = tempfile::tempdir().unwrap();
    let [recorded, old, _] = prepare(folder.path(), 160);
    let kept = |condition: &str| {
        let set =
            format!("sampling.policies=[{{ name: slow, type: cel, cel: {{ condition: \"{condition}\" }} }}]");
        let output = policy_test(&[&recorded, "--config", &old, "--set", &set, "--output", "json"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["new"]["kept"].as_u64().unwrap()
    };
    let (known, slow) = (kept("ratio > 0.0"), kept("ratio > 1.3"));
    assert!((30..=130).contains(&known), "{known} of 160: of the first ones nothing is known");
    assert!(slow > 0 && slow < known / 2, "{slow} of {known} took long");
}

#[test]
fn what_is_wrong_with_a_policy_test_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let [recorded, old, _] = prepare(folder.path(), 1);
    let set = "sampling.policies=[{ name: odd, type: nonsense }]";
    let wrong = policy_test(&[&recorded, "--config", &old, "--set", set]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("nonsense"), "{wrong:?}");
    let away = policy_test(&["/nowhere.jsonl", "--config", &old]);
    assert_eq!(away.status.code(), Some(1), "{away:?}");
    let empty = folder.path().join("empty.jsonl");
    std::fs::write(&empty, "").unwrap();
    let nothing = policy_test(&[empty.to_str().unwrap(), "--config", &old]);
    assert_eq!(nothing.status.code(), Some(3), "{nothing:?}");
    assert_eq!(policy_test(&[&recorded]).status.code(), Some(2), "a configuration is needed");
}
