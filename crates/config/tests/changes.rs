//! What of a changed configuration holds at once, and what is named as needing a restart: every key is one or the other.

use throughline_config::{Config, KEYS, Kind, Sources};

/// Keys under these hold at once.
const AT_ONCE: [&str; 7] =
    ["traces.", "partners", "departments", "transactions.", "sampling.", "batch.", "diagnosis."];

fn load(set: &[String]) -> Config {
    let sources = Sources { set: set.to_vec(), ..Sources::default() };
    Config::load(&sources).unwrap_or_else(|error| panic!("{set:?}: {error}"))
}

/// Another value than the default, and what has to stand beside it.
fn other(path: &str, kind: Kind) -> Vec<String> {
    let value = match (path, kind) {
        ("clickhouse.url", _) => "http://store:8123".to_owned(),
        ("log.retention.age", _) => "3h".to_owned(),
        ("notify.alertmanagers" | "notify.webhooks", _) => "['http://other:9093']".to_owned(),
        ("data_dir", _) => "elsewhere".to_owned(),
        ("receiver.limits.max_in_flight_mib", _) => "512".to_owned(),
        (_, Kind::Address) => "127.0.0.1:7777".to_owned(),
        (_, Kind::Integer { min, max }) => (min + 3).min(max).to_string(),
        (_, Kind::Duration) => "77s".to_owned(),
        (_, Kind::TextList | Kind::GlobList) => "[other]".to_owned(),
        _ => "other".to_owned(),
    };
    vec![format!("{path}={value}")]
}

#[test]
fn every_key_holds_at_once_or_is_named() {
    let before = load(&[]);
    for key in KEYS.iter().filter(|key| !key.path.contains("[]") && key.path != "log.engine") {
        if AT_ONCE.iter().any(|prefix| key.path.starts_with(prefix)) {
            continue;
        }
        let after = load(&other(key.path, key.kind));
        let named = before.needs_restart(&after);
        assert!(
            named.contains(&key.path),
            "{} has another value, and {named:?} are named: `needs_restart` looks at each key that `changed_to` does not take",
            key.path
        );
    }
    assert!(before.needs_restart(&before).is_empty());
}

#[test]
fn rules_and_service_levels_are_taken_and_the_rest_stays() {
    let before = load(&[]);
    let after = load(&[
        "log.partitions=7".into(),
        "log.retention.age=9h".into(),
        "traces.quiet_time=7s".into(),
        "transactions.types=[{ name: t, match: 'root.name == \"x\"', slo: { latency: 1s, objective: 0.9 } }]"
            .into(),
    ]);
    assert_eq!(before.needs_restart(&after), ["log.partitions", "log.retention.age"]);
    let taken = before.changed_to(after).unwrap();
    assert_eq!((taken.rules.partitions, taken.log.partitions), (2, 2));
    assert_eq!(taken.rules.retention, before.rules.retention);
    assert_eq!(taken.rules.traces.quiet_time, 7_000_000_000);
    assert_eq!(taken.service_levels[0].unwrap().objective, 0.9);
}

#[test]
fn what_needs_more_than_is_held_is_refused() {
    let before = load(&[]);
    let after = load(&["log.retention.age=9h".into(), "transactions.max_age=8h".into()]);
    let fault = before.changed_to(after).unwrap_err();
    assert!(
        fault.to_string().contains("log.retention.age") && fault.to_string().contains("restart"),
        "{fault}"
    );
}
