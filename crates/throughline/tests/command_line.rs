//! The program as a person or a script meets it: what it prints, and the code that it ends with.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::process::{Command, Output};

fn throughline(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_throughline"))
        .args(arguments)
        .env_remove("THROUGHLINE_LOG_LEVEL")
        .output()
        .unwrap_or_else(|error| panic!("throughline does not run: {error}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_right_configuration_is_ok_and_0() {
    let file = file("log: { partitions: 4 }\n");
    let output = throughline(&["config", "check", file.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(code(&output), 0, "{output:?}");
    assert!(text.starts_with("ok\n") && text.contains("4 partitions"), "{text}");
}

#[test]
fn faults_are_told_all_at_once_with_file_and_line_and_1() {
    let file = file("log: { partitions: none }\nlogs: {}\n");
    let path = file.path().to_str().unwrap();
    let output = throughline(&["config", "check", path]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(text.contains(&format!("{path}:1:")) && text.contains(&format!("{path}:2:")), "{text}");
    assert!(text.contains("did you mean `log`?") && text.ends_with("2 faults\n"), "{text}");
    // serve says the same and does not start
    let serve = throughline(&["serve", "--config", path]);
    assert_eq!(code(&serve), 1, "{serve:?}");
    assert!(String::from_utf8_lossy(&serve.stderr).contains("log.partitions: `none`"), "{serve:?}");
}

#[test]
fn wrong_usage_is_2() {
    assert_eq!(code(&throughline(&["config", "check", "/nowhere/at/all.yaml"])), 2);
    assert_eq!(code(&throughline(&["frobnicate"])), 2);
    assert_eq!(code(&throughline(&["bank", "--fault", "gremlins@1s+1s"])), 2);
}

#[test]
fn a_server_that_is_away_is_said_to_be_and_1() {
    // port 9 of the loopback device: nothing of ours listens below 1024
    let output = throughline(&["explain", "some-key", "--endpoint", "http://127.0.0.1:9"]);
    assert_eq!(code(&output), 1, "{output:?}");
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("is `throughline serve` running?"),
        "{output:?}"
    );
}

/// Guarantee: where the server is may be said before or after a command's own commands.
#[test]
fn the_endpoint_stands_where_one_likes() {
    for arguments in [
        ["incidents", "--endpoint", "http://127.0.0.1:1", "confirm", "9c1f", "1"],
        ["incidents", "confirm", "9c1f", "1", "--endpoint", "http://127.0.0.1:1"],
        ["changes", "--endpoint", "http://127.0.0.1:1", "tell", "--service", "ledger"],
        ["changes", "tell", "--service", "ledger", "--endpoint", "http://127.0.0.1:1"],
    ] {
        let output = throughline(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(code(&output), 1, "{arguments:?}: {said}");
        assert!(said.contains("nothing answers at http://127.0.0.1:1"), "{arguments:?}: {said}");
    }
    let output = throughline(&["incidents", "9c1f", "confirm", "9c1f", "1"]);
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("incidents confirm 9c1f"), "{output:?}");
}

#[test]
fn the_reference_and_the_configuration_of_the_demonstration_are_right() {
    let reference = throughline(&["config", "reference"]);
    assert_eq!(code(&reference), 0);
    assert!(String::from_utf8_lossy(&reference.stdout).contains("\nsampling.policies\n"));
    let bank = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/bank.yaml");
    let output = throughline(&["config", "check", bank]);
    assert_eq!(code(&output), 0, "{output:?}");
}

/// What `config import` gives; its YAML passes `config check`.
fn imported(of: &str, name: &str) -> (String, String) {
    let path = format!("{}/tests/import/{name}", env!("CARGO_MANIFEST_DIR"));
    let output = throughline(&["config", "import", of, &path]);
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), 0, "{notes}");
    let yaml = String::from_utf8_lossy(&output.stdout).into_owned();
    let checked = throughline(&["config", "check", file(&yaml).path().to_str().unwrap()]);
    assert_eq!(code(&checked), 0, "{checked:?}\n{yaml}");
    (yaml, notes)
}

#[test]
fn a_collectors_configuration_is_imported_and_what_has_no_equal_is_told() {
    let (yaml, notes) = imported("otelcol", "collector.yaml");
    for policy in [
        "everything-of-the-pilot",
        "failed",
        "slow",
        "big-payments",
        "flagged",
        "server-errors",
        "asked-for",
        "large",
        "slow-and-failed",
        "no-probes",
        "shares",
        "limited",
        "rest",
    ] {
        assert!(yaml.contains(&format!("- name: {policy}\n")), "{policy} is not in\n{yaml}\n{notes}");
    }
    assert!(yaml.contains("endpoint: \"0.0.0.0:4317\""), "{yaml}");
    for note in [
        "collector.yaml:19: processors.tail_sampling.num_traces: not needed",
        "exporters.otlp/tempo: left out",
    ] {
        assert!(notes.contains(note), "{note} is not in\n{notes}");
    }
}

#[test]
fn refinerys_rules_and_its_configuration_are_imported() {
    let (rules, notes) = imported("refinery", "refinery-rules.yaml");
    for rule in
        ["probes are of no interest", "by key", "the rest by throughput", "batch", "statements", "default"]
    {
        assert!(rules.contains(rule), "{rule} is not in\n{rules}\n{notes}");
    }
    assert!(notes.contains("UseClusterSize: not needed"), "{notes}");
    let (waits, notes) = imported("refinery", "refinery-config.yaml");
    assert!(waits.contains("quiet_time: \"2s\"") && waits.contains("max_spans: 50000"), "{waits}");
    assert!(notes.contains("Network.ListenAddr: left out: no equal"), "{notes}");
}

#[test]
fn an_import_for_programs_is_one_document() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/collector.yaml");
    let output = throughline(&["config", "import", "otelcol", path, "--output", "json"]);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["yaml"].as_str().unwrap().contains("policies:"), "{document}");
    assert!(document["notes"].as_array().unwrap().iter().any(|note| note["line"] == 19), "{document}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn what_cannot_be_imported_is_told_with_file_and_line() {
    let torn = file("processors:\n  tail_sampling: [\n");
    let output = throughline(&["config", "import", "otelcol", torn.path().to_str().unwrap()]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(code(&output), 1, "{text}");
    assert!(text.contains(&format!("{}:3:", torn.path().display())), "{text}");
    let other = file("exporters: {}\n");
    let output = throughline(&["config", "import", "refinery", other.path().to_str().unwrap()]);
    assert_eq!(code(&output), 1);
    assert!(String::from_utf8_lossy(&output.stderr).contains("neither rules (`Samplers`)"), "{output:?}");
    assert_eq!(code(&throughline(&["config", "import", "otelcol", "/nowhere.yaml"])), 2);
}
