//! A configuration is laid in layers, and all that is wrong with it is told at once, with key, value, remedy and place.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::io::Write;
use std::time::Duration;

use tempfile::NamedTempFile;
use throughline_assembly::rules::DepartmentRule;
use throughline_config::{ClickHouseTarget, Config, ConfigError, Fault, Given, KEYS, Sources, reference};

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn sources(files: &[&NamedTempFile]) -> Sources {
    Sources { files: files.iter().map(|file| file.path().to_owned()).collect(), ..Sources::default() }
}

fn load(text: &str) -> Config {
    Config::load(&sources(&[&file(text)])).unwrap_or_else(|error| panic!("{error}"))
}

fn faults_of(sources: &Sources) -> Vec<Fault> {
    match Config::load(sources) {
        Err(ConfigError::Faults(faults)) => faults,
        other => panic!("faults are expected, not {other:?}"),
    }
}

/// The faults of a file, without its name: `line:column: key: …`.
fn faults(text: &str) -> Vec<String> {
    let file = file(text);
    let name = format!("{}:", file.path().display());
    faults_of(&sources(&[&file])).iter().map(|fault| fault.to_string().replace(&name, "")).collect()
}

fn only(text: &str) -> String {
    let mut all = faults(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn nothing_written_is_a_working_configuration() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.receiver.grpc.endpoint.to_string(), "127.0.0.1:4317");
    assert_eq!(config.receiver.http.max_request_body_size_mib, 64);
    assert_eq!(config.log.dir.to_string_lossy(), "data/log");
    assert_eq!(config.log.retention_bytes, 10 << 30);
    assert_eq!(config.rules.partitions, 2);
    assert_eq!(config.rules.traces.quiet_time, 5_000_000_000);
    assert_eq!(config.rules.diagnosis.without, [], "every method is on");
    assert_eq!(config.rules.departments, [DepartmentRule::Attribute("department".into())]);
    assert_eq!(config.rules.transactions.keys, ["payment.uetr", "payment.end_to_end_id", "bank.transfer.id"]);
    let policies: Vec<_> = config.rules.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(policies, ["errors", "slow", "rest"]);
    assert_eq!(config.clickhouse.retention_spans, Duration::from_secs(7 * 86_400));
    assert_eq!(config.clickhouse.url(), "http://127.0.0.1:8123");
    assert_eq!(config.health.port(), 13133);
}

#[test]
fn the_table_and_what_is_read_agree() {
    // every default of the table, written out, is the configuration without any
    let mut text = String::new();
    for key in KEYS.iter().filter(|key| !key.path.contains("[]")) {
        if let Given::Value(value) = key.default {
            text.push_str(&format!("{}={}\n", key.path, if value.is_empty() { "\"\"" } else { value }));
        }
    }
    let set = text.lines().map(str::to_owned).collect();
    let written =
        Config::load(&Sources { set, ..Sources::default() }).unwrap_or_else(|error| panic!("{error}"));
    let default = Config::load(&Sources::default()).unwrap();
    assert_eq!(format!("{written:?}"), format!("{default:?}"));
    // and every key is in the reference
    let reference = reference();
    for key in KEYS {
        assert!(reference.contains(&format!("\n{}\n", key.path)), "{} is missing", key.path);
    }
}

#[test]
fn later_layers_win_maps_merge_and_lists_are_replaced() {
    let first = file("log: { partitions: 3, retention: { age: 3h, size_gib: 5 } }\npartners: [a, b]\n");
    let second = file("log: { retention: { age: 4h } }\npartners: [c]\n");
    let mut sources = sources(&[&first, &second]);
    let config = Config::load(&sources).unwrap();
    assert_eq!((config.log.partitions, config.log.retention_age), (3, Duration::from_secs(4 * 3600)));
    assert_eq!(config.log.retention_bytes, 5 << 30);
    assert_eq!(config.rules.partners, ["c"]);

    sources.environment = vec![("THROUGHLINE__LOG__PARTITIONS".into(), "7".into())];
    assert_eq!(Config::load(&sources).unwrap().log.partitions, 7);
    sources.set = vec!["log.partitions=8".into(), "partners=[x, \"y\"]".into()];
    sources.data_dir = Some("/somewhere".into());
    let config = Config::load(&sources).unwrap();
    assert_eq!((config.log.partitions, config.rules.partners.len()), (8, 2));
    assert_eq!(config.log.dir.to_string_lossy(), "/somewhere/log");
}

#[test]
fn values_take_variables_and_files() {
    let secret = file("s3cret\n");
    let text = format!(
        "clickhouse: {{ url: \"http://${{HOST}}:${{PORT:-8123}}\", password: \"${{file:{}}}\" }}",
        secret.path().display()
    );
    let file = file(&text);
    let mut sources = sources(&[&file]);
    sources.environment = vec![("HOST".into(), "db".into())];
    let config = Config::load(&sources).unwrap();
    assert_eq!(config.clickhouse.target, ClickHouseTarget::Server { url: "http://db:8123".into() });
    assert_eq!(config.clickhouse.password.reveal(), "s3cret");
    assert!(!format!("{config:?}").contains("s3cret"));
    sources.environment.clear();
    let faults = faults_of(&sources);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].to_string().contains("clickhouse.url") && faults[0].to_string().contains("HOST is not set")
    );
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let all = faults(
        "traces:\n  quiet_tme: 5s\n  max_age: 10\nlog:\n  partitions: 0\n  engine: kafka\nretention: 1h\nreceiver: [x]\n\
         metrics: { endpoint: 127.0.0.1:4317 }\n",
    );
    let expected = [
        ("2:", "traces.quiet_tme: there is no such key; did you mean `traces.quiet_time`?"),
        ("3:", "traces.max_age: `10`: the unit is missing"),
        ("5:", "log.partitions: `0`: a whole number from 1 to 1024"),
        ("6:", "log.engine: `kafka`: expected is local"),
        ("7:", "retention: there is no such key; did you mean `log.retention` or `clickhouse.retention`?"),
        ("8:", "receiver: `[\"x\"]`: a map is expected, with grpc, http, limits"),
        ("9:", "metrics.endpoint: `127.0.0.1:4317`: receiver.grpc.endpoint listens there already"),
    ];
    assert_eq!(all.len(), expected.len(), "{all:#?}");
    for (fault, (line, message)) in all.iter().zip(expected) {
        assert!(fault.starts_with(line) && fault.contains(message), "{fault}\n  is not {line} {message}");
    }
}

#[test]
fn conditions_globs_and_policies_are_judged_by_the_core() {
    let all = faults(
        "partners: [\"[\"]\ntransactions:\n  types:\n    - name: t\n      match: root.nam == \"x\"\n      terminal: span.name ==\n\
         sampling:\n  policies:\n    - name: odd\n      type: latency\n      latency: { treshold_ms: 5 }\n    - { name: what, type: magic }\n",
    );
    let text = all.join("\n");
    for expected in [
        "1:12: partners: `[`: a glob is expected",
        "5:14: transactions.types[0].match: `root.nam == \"x\"`: `root.nam` does not exist here; there are root.name",
        "6:17: transactions.types[0].terminal: `span.name ==`: line 1, column",
        "sampling.policies[odd]",
        "sampling.policies[what]",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn relations_between_keys_hold() {
    let age = only("log: { retention: { age: 1h } }");
    assert!(
        age.contains("log.retention.age: `1h`: at least traces.max_age + transactions.max_age = 70m"),
        "{age}"
    );
    let type_age = only("transactions: { types: [{ name: t, match: \"true\", max_age: 3h }] }");
    assert!(type_age.contains("log.retention.age: `2h`") && type_age.contains("= 190m"), "{type_age}");
    assert!(
        only("traces: { quiet_time: 11m }")
            .contains("traces.max_age: `10m`: at least traces.quiet_time = 11m")
    );
    assert!(only("receiver: { limits: { max_in_flight_mib: 100 } }").contains("at least 128"));
    assert!(only("clickhouse: { database: \"my db\" }").contains("letters, digits"));
    assert!(only("clickhouse: { url: \"db:8123\" }").contains("http://host:8123"));
    assert!(only("transactions: { max_traces: 60000 }").contains("from 1 to 50000"));
    let deadline = only("transactions: { types: [{ name: t, match: \"true\", deadline: 5m }] }");
    assert!(
        deadline.contains("transactions.types[0].deadline: `5m`: a deadline is for a `terminal` step"),
        "{deadline}"
    );
}

#[test]
fn items_of_lists_are_checked_like_keys() {
    let text =
        "transactions:\n  types:\n    - match: \"true\"\n      settel: 5s\n      slo: { latency: 3s }\n";
    let all = faults(text).join("\n");
    assert!(all.contains("transactions.types[0].name: is missing"), "{all}");
    assert!(
        all.contains(
            "transactions.types[0].settel: there is no such key; did you mean `transactions.types[].settle`?"
        ),
        "{all}"
    );
    assert!(all.contains("transactions.types[0].slo: both `latency` and `objective`"), "{all}");
    assert!(only("departments: [{ attribute: a, services: { x: [y] } }]").contains("a rule has one of"));
}

#[test]
fn the_whole_example_is_understood() {
    let config = load(
        "departments:\n  - kinds: { network: network, database: database-operations }\n  - attribute: department\n  \
         - services: { payments: [\"payment-*\"], core-banking: [\"ledger*\"] }\n\
         transactions:\n  types:\n    - name: transfer\n      match: root.name == \"POST /transfers\"\n      \
         terminal: span.name == \"settlement.confirm\"\n      settle: 10s\n      max_age: 1h\n      deadline: 5m\n      \
         slo: { latency: 3s, objective: 0.995 }\n",
    );
    assert_eq!(config.rules.network_department.as_deref(), Some("network"));
    assert_eq!(config.rules.departments.len(), 2);
    assert_eq!(config.rules.transactions.types[0].deadline, Some(300_000_000_000));
    assert_eq!(config.service_levels[0].map(|level| level.objective), Some(0.995));
}

#[test]
fn yaml_that_is_none_and_keys_written_twice_are_refused_with_their_place() {
    assert!(only("log: {\n").contains(':'));
    assert!(only("traces: {}\ntraces: {}\n").starts_with("2:"));
    assert!(only("- a\n").contains("a map of keys is expected"));
    let missing = Config::load(&Sources { files: vec!["/nowhere.yaml".into()], ..Sources::default() });
    assert!(matches!(&missing, Err(ConfigError::File { .. })), "{missing:?}");
    let set = faults_of(&Sources {
        set: vec!["log.partitions".into(), "log.partition=3".into()],
        ..Sources::default()
    });
    let told = set.iter().map(Fault::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("--set log.partitions: `key.path=value` is expected"), "{told}");
    assert!(told.contains("--set log.partition: log.partition: there is no such key"), "{told}");
}
