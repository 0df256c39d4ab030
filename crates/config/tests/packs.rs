//! Rule packs from files: taken with the built-in one, and every fault with its place.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::fs;

use throughline_config::{Config, ConfigError, Sources};

fn load(pack: &str, more: &[&str]) -> Result<Config, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.yaml");
    fs::write(&path, pack).unwrap();
    let mut set = vec![format!("diagnosis.rules.files=['{}']", path.display())];
    set.extend(more.iter().map(|text| (*text).to_owned()));
    Config::load(&Sources { set, ..Sources::default() })
}

const OWN: &str = "pack: treasury\nversion: \"7\"\nrules:\n  - name: cut-off\n    when: '\"liquidity\" in incident.types'\n    advice: Call the desk.\n";

#[test]
fn a_file_stands_beside_the_built_in_pack() {
    let names = |config: &Config| -> Vec<String> {
        config.advice.packs().iter().map(|pack| format!("{} {}", pack.name, pack.version)).collect()
    };
    assert_eq!(names(&load(OWN, &[]).unwrap()), ["throughline 1", "treasury 7"]);
    assert_eq!(names(&load(OWN, &["diagnosis.rules.builtin=false"]).unwrap()), ["treasury 7"]);
}

#[test]
fn every_fault_has_its_place() {
    let pack = "pack: own\nversio: 1\nrules:\n  - name: a\n    when: suspect.kind == \"own\" && figure\n    advice: 'do {this}'\n  - name: b\n    then: x\n";
    let error = load(pack, &["diagnosis.caution_percent=5"]).unwrap_err().to_string();
    for part in [
        "own.yaml:2:9: versio: `1`: does not exist here; there are pack, version, rules",
        "version: is missing",
        "rules[1].when: is missing",
        "rules[1].advice: is missing",
        "rules[1].then",
        // What is there is checked, whatever is missing beside it.
        "own.yaml:5:11: rules[0].when",
        "`figure` does not exist here",
        "{this}",
        "diagnosis.caution_percent",
    ] {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
    let pack = "pack: own\nversion: 1\nrules:\n  - name: a\n    when: suspect.kind == \"own\" && figure\n    advice: 'do {this}'\n";
    let error = load(pack, &[]).unwrap_err().to_string();
    for part in [
        "own.yaml:5:11: rules[0].when",
        "`figure` does not exist here",
        "own.yaml:6:13: rules[0].advice",
        "{this}",
    ] {
        assert!(error.contains(part), "{part} is not in\n{error}");
    }
    let error = Config::load(&Sources {
        set: vec![
            "diagnosis.rules.files=[/nowhere.yaml]".to_owned(),
            "diagnosis.methods=[shapes, magic]".to_owned(),
        ],
        ..Sources::default()
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.contains("/nowhere.yaml: No such file") && error.contains("`magic` is no method"),
        "{error}"
    );
}

#[test]
fn packs_of_a_configuration_with_faults_are_known() {
    let sources = |files: &str| Sources {
        set: vec![format!("diagnosis.rules.files={files}"), "diagnosis.caution_percent=5".to_owned()],
        ..Sources::default()
    };
    let named = sources("[/nowhere/a.yaml, /nowhere/b.yaml]");
    assert!(Config::load(&named).is_err());
    let known: Vec<_> = Config::rule_files(&named).iter().map(|file| file.display().to_string()).collect();
    assert_eq!(known, ["/nowhere/a.yaml", "/nowhere/b.yaml"]);
    assert!(Config::rule_files(&Sources::default()).is_empty());
}
