//! From nodes to [`Config`]: one function a section.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use throughline_analysis::diagnosis::{DiagnosisSettings, Method, Thresholds};
use throughline_assembly::configuration::MAX_CHANGE_ATTRIBUTES;
use throughline_assembly::rules::{
    DepartmentRule, RulesSettings, SamplingSettings, TraceSettings, TransactionSettings, TypeSettings,
};
use throughline_sampling::PolicySettings;

use crate::fault::Fault;
use crate::node::Node;
use crate::packs;
use crate::reader::{Reader, Scope};
use crate::setting::Address;
use crate::settings::{
    ClickHouseConfig, ClickHouseTarget, Config, GrpcConfig, HttpConfig, LogConfig, NotifyConfig,
    ReceiverConfig, ServiceLevel,
};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Reads every key.
pub(crate) fn config(reader: &mut Reader, root: &Node) -> Config {
    let whole = Scope::whole(root);
    let data_dir: PathBuf = reader.get(whole, "data_dir");
    let (types, service_levels) = types(reader, whole);
    let rules = rules(reader, whole, types);
    Config {
        receiver: receiver(reader, whole),
        log: log(reader, whole, &data_dir),
        rules,
        service_levels,
        advice: Arc::new(packs::read(reader, whole)),
        advice_files: packs::files(reader, whole),
        clickhouse: clickhouse(reader, whole, &data_dir),
        notify: NotifyConfig {
            alertmanagers: reader.get(whole, "notify.alertmanagers"),
            webhooks: reader.get(whole, "notify.webhooks"),
        },
        api: reader.get::<Address>(whole, "api.endpoint").0,
        metrics: reader.get::<Address>(whole, "metrics.endpoint").0,
        health: reader.get::<Address>(whole, "health.endpoint").0,
        data_dir,
    }
}

fn receiver(reader: &mut Reader, whole: Scope<'_>) -> ReceiverConfig {
    let age: Duration = reader.get(whole, "receiver.grpc.max_connection_age");
    ReceiverConfig {
        grpc: GrpcConfig {
            endpoint: reader.get::<Address>(whole, "receiver.grpc.endpoint").0,
            max_recv_msg_size_mib: reader.get(whole, "receiver.grpc.max_recv_msg_size_mib"),
            max_concurrent_streams: reader.get(whole, "receiver.grpc.max_concurrent_streams"),
            max_connection_age: (!age.is_zero()).then_some(age),
        },
        http: HttpConfig {
            endpoint: reader.get::<Address>(whole, "receiver.http.endpoint").0,
            max_request_body_size_mib: reader.get(whole, "receiver.http.max_request_body_size_mib"),
            allowed_origins: reader.get(whole, "receiver.http.cors.allowed_origins"),
            allowed_headers: reader.get(whole, "receiver.http.cors.allowed_headers"),
            cors_max_age: reader.get(whole, "receiver.http.cors.max_age"),
        },
        max_in_flight_bytes: reader.get::<u64>(whole, "receiver.limits.max_in_flight_mib") * MIB,
        max_in_flight_requests: reader.get(whole, "receiver.limits.max_in_flight_requests"),
        max_connections: reader.get(whole, "receiver.limits.max_connections"),
        read_timeout: reader.get(whole, "receiver.limits.read_timeout"),
    }
}

fn log(reader: &mut Reader, whole: Scope<'_>, data_dir: &Path) -> LogConfig {
    // one engine so far: read for its faults
    let _: String = reader.get(whole, "log.engine");
    LogConfig {
        dir: reader.optional(whole, "log.dir").unwrap_or_else(|| data_dir.join("log")),
        partitions: reader.get(whole, "log.partitions"),
        retention_age: reader.get(whole, "log.retention.age"),
        retention_bytes: reader.get::<u64>(whole, "log.retention.size_gib") * GIB,
        reserve_bytes: reader.get::<u64>(whole, "log.reserve_gib") * GIB,
    }
}

fn rules(reader: &mut Reader, whole: Scope<'_>, types: Vec<TypeSettings>) -> RulesSettings {
    let departments = departments(reader, whole);
    RulesSettings {
        partitions: reader.get(whole, "log.partitions"),
        traces: TraceSettings {
            quiet_time: nanos(reader, whole, "traces.quiet_time"),
            quiet_time_without_root: nanos(reader, whole, "traces.quiet_time_without_root"),
            max_age: nanos(reader, whole, "traces.max_age"),
            max_spans: reader.get(whole, "traces.max_spans"),
            max_skew: nanos(reader, whole, "traces.max_skew"),
            error_attributes: reader.optional(whole, "traces.error_attributes"),
        },
        partners: reader.get(whole, "partners"),
        departments: departments.rules,
        network_department: departments.network,
        database_department: departments.database,
        transactions: TransactionSettings {
            keys: reader.get(whole, "transactions.keys"),
            links: reader.get(whole, "transactions.links"),
            quiet_time: nanos(reader, whole, "transactions.quiet_time"),
            max_age: nanos(reader, whole, "transactions.max_age"),
            max_traces: reader.get(whole, "transactions.max_traces"),
            types,
            attributes: reader.get(whole, "transactions.attributes"),
        },
        policies: policies(reader, whole),
        sampling: SamplingSettings {
            amount: reader.get(whole, "sampling.amount"),
            sample_on_first_match: reader.get(whole, "sampling.sample_on_first_match"),
            dry_run: reader.get(whole, "sampling.dry_run"),
            max_transactions_per_second: reader.get(whole, "sampling.max_transactions_per_second"),
        },
        diagnosis: diagnosis(reader, whole),
        change_attributes: change_attributes(reader, whole),
        batch_rows: reader.get(whole, "batch.max_rows"),
        batch_delay: nanos(reader, whole, "batch.max_delay"),
        retention: nanos(reader, whole, "log.retention.age"),
    }
}

fn diagnosis(reader: &mut Reader, whole: Scope<'_>) -> DiagnosisSettings {
    let methods: Vec<String> = reader.get(whole, "diagnosis.methods");
    let unknown = methods.iter().find(|name| Method::ALL.iter().all(|method| method.name() != **name));
    if let (Some(unknown), Some(node)) = (unknown, whole.node.at("diagnosis.methods")) {
        let names: Vec<_> = Method::ALL.iter().map(|method| method.name()).collect();
        let expected = format!("`{unknown}` is no method; there are {}", names.join(", "));
        reader.faults.push(Fault::new("diagnosis.methods", node, expected));
    }
    let is_off = |method: &Method| !methods.iter().any(|name| name == method.name());
    DiagnosisSettings {
        security_words: reader.get(whole, "diagnosis.security_words"),
        network_department: None,
        without: Method::ALL.into_iter().filter(is_off).collect(),
        deployments: reader.get(whole, "diagnosis.deployments"),
        max_per_second: reader.get(whole, "diagnosis.max_transactions_per_second"),
        thresholds: Thresholds {
            enabled: reader.get(whole, "diagnosis.enabled"),
            caution_percent: reader.get(whole, "diagnosis.caution_percent"),
            min_percent: reader.get(whole, "diagnosis.min_percent"),
            min_excess: reader.get::<u64>(whole, "diagnosis.min_excess_us") * 1000,
            min_transactions: reader.get(whole, "diagnosis.min_transactions"),
            recovered_after: nanos(reader, whole, "diagnosis.recovered_after"),
            apart: nanos(reader, whole, "diagnosis.apart"),
        },
    }
}

fn change_attributes(reader: &mut Reader, whole: Scope<'_>) -> Vec<String> {
    const KEY: &str = "diagnosis.change_attributes";
    let attributes: Vec<String> = reader.get(whole, KEY);
    if let (true, Some(node)) = (attributes.len() > MAX_CHANGE_ATTRIBUTES, whole.node.at(KEY)) {
        let expected =
            format!("{} attributes; at most {MAX_CHANGE_ATTRIBUTES} are possible", attributes.len());
        reader.faults.push(Fault::new(KEY, node, expected));
    }
    attributes
}

fn nanos(reader: &mut Reader, scope: Scope<'_>, name: &str) -> u64 {
    in_nanos(reader.get(scope, name))
}

fn in_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn types(reader: &mut Reader, whole: Scope<'_>) -> (Vec<TypeSettings>, Vec<Option<ServiceLevel>>) {
    let items = reader.list(whole, "transactions.types");
    let read = items.iter().enumerate().map(|(index, node)| {
        let shown = format!("transactions.types[{index}]");
        let scope = Scope { node, table: "transactions.types[]", shown: &shown };
        let settings = TypeSettings {
            name: reader.get(scope, "name"),
            matches: reader.get(scope, "match"),
            terminal: reader.optional(scope, "terminal"),
            settle: nanos(reader, scope, "settle"),
            max_age: reader.optional(scope, "max_age").map(in_nanos),
            deadline: reader.optional(scope, "deadline").map(in_nanos),
        };
        let latency = reader.optional(scope, "slo.latency");
        let objective = reader.optional(scope, "slo.objective");
        if let (None, Some(_)) | (Some(_), None) = (latency, objective) {
            let expected =
                "both `latency` and `objective` are expected, such as { latency: 3s, objective: 0.995 }";
            reader.faults.push(Fault::missing(
                format!("{shown}.slo"),
                node.get("slo").unwrap_or(node),
                expected,
            ));
        }
        let level = latency.zip(objective).map(|(latency, objective)| ServiceLevel { latency, objective });
        (settings, level)
    });
    read.unzip()
}

struct Departments {
    rules: Vec<DepartmentRule>,
    network: Option<String>,
    database: Option<String>,
}

fn departments(reader: &mut Reader, whole: Scope<'_>) -> Departments {
    let mut found = Departments { rules: Vec::new(), network: None, database: None };
    for (index, node) in reader.list(whole, "departments").iter().enumerate() {
        let shown = format!("departments[{index}]");
        let scope = Scope { node, table: "departments[]", shown: &shown };
        let network = reader.optional(scope, "kinds.network");
        let database = reader.optional(scope, "kinds.database");
        let attribute = reader.optional(scope, "attribute");
        let services = reader.optional(scope, "services");
        let forms =
            [node.get("kinds").is_some(), node.get("attribute").is_some(), node.get("services").is_some()];
        if forms.iter().filter(|is_there| **is_there).count() != 1 {
            let expected = "a rule has one of `kinds`, `attribute` or `services`";
            reader.faults.push(Fault::new(shown.clone(), node, expected));
        }
        // first match wins
        found.network = found.network.or(network);
        found.database = found.database.or(database);
        found.rules.extend(attribute.map(DepartmentRule::Attribute));
        found.rules.extend(services.map(DepartmentRule::Services));
    }
    found
}

fn policies(reader: &mut Reader, whole: Scope<'_>) -> Vec<PolicySettings> {
    let items = reader.list(whole, "sampling.policies");
    let mut policies = Vec::with_capacity(items.len());
    for (index, node) in items.iter().enumerate() {
        match serde_json::from_value(node.to_json()) {
            Ok(policy) => policies.push(policy),
            Err(error) => {
                let expected = format!("a policy is expected, with name and type: {error}");
                reader.faults.push(Fault::new(format!("sampling.policies[{index}]"), node, expected));
            }
        }
    }
    policies
}

fn clickhouse(reader: &mut Reader, whole: Scope<'_>, data_dir: &Path) -> ClickHouseConfig {
    let url: String = reader.get(whole, "clickhouse.url");
    let listen = reader.get::<Address>(whole, "clickhouse.listen").0;
    let dir = reader.optional(whole, "clickhouse.dir").unwrap_or_else(|| data_dir.join("clickhouse"));
    let target = match url.as_str() {
        "embedded" => ClickHouseTarget::Embedded { listen, dir },
        _ => ClickHouseTarget::Server { url: url.trim_end_matches('/').to_owned() },
    };
    ClickHouseConfig {
        target,
        user: reader.get(whole, "clickhouse.user"),
        password: reader.get(whole, "clickhouse.password"),
        database: reader.get(whole, "clickhouse.database"),
        retention_spans: reader.get(whole, "clickhouse.retention.spans"),
        retention_transactions: reader.get(whole, "clickhouse.retention.transactions"),
    }
}
