//! The table of keys: what `config reference` prints, what unknown keys are checked against, and where every default stands.

use crate::kind::Kind;
use Given::{Required, Unset, Value};
use Kind::*;

/// What holds where a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// This value, written as in a file.
    Value(&'static str),
    /// Nothing; the text says what that means.
    Unset(&'static str),
    /// It has to be written.
    Required,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Path; `[]` stands for any item of a list.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds where it is not written.
    pub default: Given,
    /// What it means, in a line.
    pub meaning: &'static str,
}

const fn key(path: &'static str, kind: Kind, default: Given, meaning: &'static str) -> Key {
    Key { path, kind, default, meaning }
}

const COUNT: Kind = Integer { min: 1, max: u32::MAX as u64 };
/// A decision names each trace, and all that it says has to fit into one record of the log, 4 MiB.
const TRACES: Kind = Integer { min: 1, max: 50_000 };
const MIB: Kind = Integer { min: 1, max: 1024 };
const GIB: Kind = Integer { min: 0, max: 1 << 20 };

/// Every key, in the order of `config reference`.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("data_dir", Path, Value("data"), "folder of all state; also --data-dir"),

    key("receiver.grpc.endpoint", Address, Value("127.0.0.1:4317"), "where OTLP/gRPC is received"),
    key("receiver.grpc.max_recv_msg_size_mib", MIB, Value("64"), "largest request, MiB, before and after decompression"),
    key("receiver.grpc.max_concurrent_streams", COUNT, Value("256"), "requests at one time on one connection"),
    key("receiver.grpc.max_connection_age", Duration, Value("30m"), "after so long a client is asked to connect anew, so that a load balancer can spread clients; 0s for never"),
    key("receiver.http.endpoint", Address, Value("127.0.0.1:4318"), "where OTLP/HTTP is received, at /v1/traces"),
    key("receiver.http.max_request_body_size_mib", MIB, Value("64"), "largest body, MiB, before and after decompression"),
    key("receiver.http.cors.allowed_origins", TextList, Value("[]"), "origins of browsers that may send; `*` in one stands for anything"),
    key("receiver.http.cors.allowed_headers", TextList, Value("[accept, content-type, content-encoding, x-requested-with]"), "headers that a page may set"),
    key("receiver.http.cors.max_age", Duration, Value("2h"), "how long a browser may remember the answer to its preflight"),
    key("receiver.limits.max_in_flight_mib", Integer { min: 1, max: 1 << 20 }, Value("256"), "requests held at one time, MiB; beyond it clients are told to come again"),
    key("receiver.limits.max_in_flight_requests", COUNT, Value("4096"), "requests at one time; beyond it clients are told to come again"),
    key("receiver.limits.max_connections", COUNT, Value("10000"), "connections at one time and transport; beyond it new ones wait"),
    key("receiver.limits.read_timeout", Duration, Value("60s"), "how long a client may take to send a request"),

    key("log.engine", Choice(&["local"]), Value("local"), "where the span log lies: segment files in this machine's `log.dir`"),
    key("log.dir", Path, Unset("`log` in `data_dir`"), "folder of the span log and the summary log"),
    key("log.partitions", Integer { min: 1, max: 1024 }, Value("2"), "partitions of each log; each has its own assembly, so about one a core"),
    key("log.retention.age", Duration, Value("2h"), "how long bytes stay for a retroactive keep; at least traces.max_age + the longest transactions max_age"),
    key("log.retention.size_gib", Integer { min: 1, max: 1 << 20 }, Value("10"), "most that the log takes, GiB, beyond what undecided transactions need"),
    key("log.reserve_gib", GIB, Value("2"), "clients are refused while less than so much of the disk is free, GiB"),

    key("traces.quiet_time", Duration, Value("5s"), "a trace closes when no span came for so long and its root was seen"),
    key("traces.quiet_time_without_root", Duration, Value("30s"), "the same where no root was seen"),
    key("traces.max_age", Duration, Value("10m"), "a trace closes so long after its first span in any case"),
    key("traces.max_spans", COUNT, Value("100000"), "a trace of so many spans closes at once"),
    key("traces.max_skew", Duration, Value("1s"), "most that a server span is moved to mend clocks that differ"),
    key("traces.error_attributes", Bool, Unset("false; true for diagnose"), "a span without a status counts as failed where its attributes say so: error, otel.status_code, error.type, an HTTP status from 500 on, a gRPC status of a server's failure"),

    key("partners", GlobList, Value("[]"), "globs over server.address: a client span without a server there is a partner"),

    key("departments", Departments, Value("[{ attribute: department }]"), "rules that give a service its department; first match wins, then `unassigned`"),
    key("departments[].kinds.network", Text, Unset("the caller"), "department that owns time on the network"),
    key("departments[].kinds.database", Text, Unset("the caller"), "department that owns time in databases"),
    key("departments[].attribute", Text, Unset("no such rule"), "resource attribute whose value is the department"),
    key("departments[].services", GlobMap, Unset("no such rule"), "department to globs over service.name"),

    key("transactions.keys", TextList, Value("[payment.uetr, payment.end_to_end_id, bank.transfer.id]"), "span attributes that name a business transaction, best first"),
    key("transactions.links", Bool, Value("true"), "span links join traces to one transaction"),
    key("transactions.quiet_time", Duration, Value("30s"), "a transaction closes when no trace came for so long"),
    key("transactions.max_age", Duration, Value("1h"), "a transaction closes so long after its first trace in any case"),
    key("transactions.max_traces", TRACES, Value("10000"), "a transaction of so many traces closes at once; its keys name nothing more after that"),
    key("transactions.attributes", TextList, Value("[payment.amount, payment.currency, bank.channel]"), "span attributes kept for every transaction, sampled or not"),
    key("transactions.types", Types, Value("[]"), "types of transactions; first match wins, else the root's service and name"),
    key("transactions.types[].name", Text, Required, "what the type is called"),
    key("transactions.types[].match", Expression, Required, "condition over the root of the first trace: root.name, root.service, root.kind"),
    key("transactions.types[].terminal", Expression, Unset("none"), "condition over any span (span.name, span.service, span.kind): seen, the transaction is complete"),
    key("transactions.types[].settle", Duration, Value("10s"), "closes so long after the terminal step"),
    key("transactions.types[].max_age", Duration, Unset("transactions.max_age"), "the same as transactions.max_age, for this type"),
    key("transactions.types[].deadline", Duration, Unset("none"), "so long after the first trace an `incomplete` row is written, amended if the step still comes"),
    key("transactions.types[].slo.latency", Duration, Unset("none"), "service level: as fast as this"),
    key("transactions.types[].slo.objective", Fraction, Unset("none"), "service level: so large a part of them, 0.995 for 99.5 %"),

    key("sampling.policies", Policies, Value(DEFAULT_POLICIES), "policies in the words of the OpenTelemetry Collector's tail sampling processor and of Refinery, and conditions in CEL"),

    key("sampling.dry_run", Bool, Value("false"), "keep all, and say in `KeepReason` and `Votes` what policies would have done"),
    key("sampling.amount", Text, Value("payment.amount"), "the span attribute that `amount` means in conditions"),
    key("sampling.sample_on_first_match", Bool, Value("false"), "as in the Collector: the first policy that votes decides, after those that drop; what it keeps is not counted by limits and samplers after it"),
    key("sampling.max_transactions_per_second", Integer { min: 0, max: 1_000_000_000 }, Value("0"), "transactions a second of log time that policies are asked about; of tenants and types that have more than their part of it a share, by a hash of ids, with its weight; 0 for all"),

    key("clickhouse.url", Text, Value("embedded"), "`embedded`, or http(s)://host:8123 of a ClickHouse server"),
    key("clickhouse.user", Text, Value("default"), "user at a ClickHouse server"),
    key("clickhouse.password", Secret, Value(""), "its password; better ${file:/path} than the word itself"),
    key("clickhouse.listen", Address, Value("127.0.0.1:8123"), "where the embedded engine listens (HTTP)"),
    key("clickhouse.dir", Path, Unset("`clickhouse` in `data_dir`"), "folder of the embedded engine"),
    key("clickhouse.database", Text, Value("throughline"), "database of all tables"),
    key("clickhouse.retention.spans", Duration, Value("7d"), "how long spans stay, by their start; 0s for ever"),
    key("clickhouse.retention.transactions", Duration, Value("400d"), "how long transactions and roll-ups stay; 0s for ever"),

    key("batch.max_rows", Integer { min: 1, max: 10_000_000 }, Value("50000"), "rows of one table that end an output batch"),
    key("batch.max_delay", Duration, Value("5s"), "age in log time that ends an output batch"),

    key("diagnosis.enabled", Bool, Value("true"), "transactions are looked at for what is out of the normal; without it only alerts and new versions become incidents"),
    key("diagnosis.caution_percent", Integer { min: 10, max: 1000 }, Value("100"), "how strong a finding must be to open an incident: 200 for twice as strong, so fewer and later ones"),
    key("diagnosis.min_percent", Integer { min: 101, max: 10_000 }, Value("130"), "a longer time matters from so many percent of what is usual on"),
    key("diagnosis.min_excess_us", Integer { min: 0, max: 60_000_000 }, Value("500"), "and from so many microseconds beyond what is usual on"),
    key("diagnosis.min_transactions", Integer { min: 1, max: 10_000 }, Value("2"), "transactions of two minutes that have to show a finding before it opens an incident"),
    key("diagnosis.recovered_after", Duration, Value("90s"), "an incident is over so long after the last finding; whole steps of 10s"),
    key("diagnosis.apart", Duration, Value("5m"), "a finding against another service so long after an incident began opens one of its own; whole steps of 10s"),
    key("diagnosis.methods", TextList, Value("[times, strange, seasons, habits, borrowing, shapes, errors, missing, names, unanswered, ways, families, confined, shared, volume, pooled, changes, together, holding]"), "what it goes by, as docs/root-cause.md explains; what is not listed is switched off"),
    key("diagnosis.security_words", TextList, Value("[security]"), "a department with one of these words in its name is security's: its own time is blamed as such"),
    key("diagnosis.deployments", Bool, Value("true"), "a new service.version, or a new configuration, is compared with the one before by itself, and a worse one becomes an incident"),
    key("diagnosis.change_attributes", TextList, Value("[config.version, config.revision, config.hash, service.config.version, service.configuration.version, configuration.version, feature_flags.version]"), "resource attributes that name the revision of a service's configuration; a new one is compared and suspected as a new version is; at most 16"),
    key("diagnosis.max_transactions_per_second", Integer { min: 1, max: 1000 }, Value("100"), "transactions a second and partition that it looks at; of more, every second, fourth and so on of the most frequent types, with their weight"),
    key("diagnosis.rules.builtin", Bool, Value("true"), "advice of the rule pack that comes with this binary"),
    key("diagnosis.rules.files", TextList, Value("[]"), "YAML files of rule packs: advice of your own"),

    key("notify.alertmanagers", TextList, Value("[]"), "addresses of Alertmanagers that are told of incidents, such as http://alertmanager:9093"),
    key("notify.webhooks", TextList, Value("[]"), "addresses that are told of incidents by a JSON object, such as http://pager:8080/hook"),
    key("api.endpoint", Address, Value("127.0.0.1:7317"), "query API, gRPC and JSON"),
    key("metrics.endpoint", Address, Value("127.0.0.1:8888"), "Prometheus metrics at /metrics"),
    key("health.endpoint", Address, Value("127.0.0.1:13133"), "/healthz and /readyz"),
];

const DEFAULT_POLICIES: &str = "[\
    { name: errors, type: status_code, status_code: { status_codes: [ERROR] } }, \
    { name: slow, type: latency, latency: { threshold_ms: 2000 } }, \
    { name: rest, type: probabilistic, probabilistic: { sampling_percentage: 5 } }]";

/// The key of this path, if there is one.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}
