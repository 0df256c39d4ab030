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

#[test]
fn the_reference_and_the_configuration_of_the_demonstration_are_right() {
    let reference = throughline(&["config", "reference"]);
    assert_eq!(code(&reference), 0);
    assert!(String::from_utf8_lossy(&reference.stdout).contains("\nsampling.policies\n"));
    let bank = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/bank.yaml");
    let output = throughline(&["config", "check", bank]);
    assert_eq!(code(&output), 0, "{output:?}");
}
