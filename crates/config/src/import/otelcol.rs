//! A Collector's configuration: its tail sampling processor, and what stands around it and has an equal.

use serde_json::{Map, Value, json};

use super::{ImportError, Imported, Notes, duration, emit, parse, set, wrong};
use crate::node::{self, Node};

/// Settings of the processor that are not needed here, and why.
const NOT_NEEDED: [(&str, &str); 9] = [
    ("num_traces", "not needed: the log is the buffer, its size is `log.retention`"),
    ("expected_new_traces_per_sec", "not needed: nothing is allocated ahead"),
    ("decision_cache", "not needed: decisions are found again as far back as `log.retention.age` reaches"),
    ("num_shards", "not needed: `log.partitions` says how many decide side by side"),
    (
        "block_on_overflow",
        "no equal: clients are told to come back where the log is full, nothing is evicted",
    ),
    (
        "drop_pending_traces_on_shutdown",
        "no equal: what is not decided lies in the log and is decided after the next start",
    ),
    ("tail_storage", "not needed: the log is on disk"),
    (
        "maximum_trace_size_bytes",
        "no equal: a trace closes at `traces.max_spans`, and is kept or dropped whole",
    ),
    ("sampling_strategy", "no equal: whole transactions are decided"),
];

/// Turns a Collector's configuration into ours: all of it, the settings of the processor, or a list of policies.
///
/// # Errors
/// It is no YAML, or has no tail sampling processor.
pub fn otelcol(text: &str) -> Result<Imported, ImportError> {
    let root = parse(text)?;
    let mut notes = Notes::default();
    let mut out = Map::new();
    let (key, settings) = settings(&root, &mut notes)?;
    processor(&key, settings, &mut out, &mut notes);
    if root.get("processors").is_some() {
        around(&root, &key, &mut out, &mut notes);
    }
    Ok(Imported { yaml: emit::yaml(&out), notes: notes.0 })
}

/// The settings of the processor and their path.
fn settings<'a>(root: &'a Node, notes: &mut Notes) -> Result<(String, &'a Node), ImportError> {
    if root.get("policies").is_some() {
        return Ok((String::new(), root));
    }
    let processors = root.get("processors").unwrap_or(root);
    let prefix = if root.get("processors").is_some() { "processors." } else { "" };
    let node::Value::Map(entries) = &processors.value else {
        return Err(ImportError::Nothing("a map with `processors` is expected"));
    };
    let is_wanted = |name: &str| name == "tail_sampling" || name.starts_with("tail_sampling/");
    let mut found = entries.iter().filter(|(name, _)| is_wanted(name));
    let Some((name, settings)) = found.next() else {
        return Err(ImportError::Nothing("no `tail_sampling` processor is in it"));
    };
    for (other, node) in found {
        notes.add(
            node,
            format!("{prefix}{other}"),
            "left out: there is one set of policies, and `tail_sampling` came first",
        );
    }
    Ok((format!("{prefix}{name}."), settings))
}

fn processor(path: &str, settings: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    let node::Value::Map(entries) = &settings.value else { return };
    for (key, node) in entries {
        let whole = format!("{path}{key}");
        match key.as_str() {
            "policies" => policies(&whole, node, out, notes),
            "decision_wait" => wait(&whole, node, "traces.quiet_time_without_root", out, notes),
            "decision_wait_after_root_received" => wait(&whole, node, "traces.quiet_time", out, notes),
            "sample_on_first_match" => {
                let first = node.to_json() == Value::Bool(true);
                set(out, "sampling.sample_on_first_match", first.into());
                if first {
                    let message = "a `drop` drops wherever it stands; there it does not drop what a policy before it keeps";
                    notes.add(node, whole, message);
                }
            }
            _ => {
                let known = NOT_NEEDED.iter().find(|(name, _)| name == key);
                notes.add(node, whole, known.map_or("no equal: not known here", |(_, why)| *why));
            }
        }
    }
}

/// The Collector waits so long from the first span on, we from the last one on.
fn wait(path: &str, node: &Node, key: &str, out: &mut Map<String, Value>, notes: &mut Notes) {
    let text = node.shown();
    match duration(&text).filter(|text| !text.starts_with('0')) {
        Some(time) => {
            set(out, key, time.into());
            let message = format!("is `{key}`, counted from the last span on instead of the first");
            notes.add(node, path, message);
        }
        None => notes.add(node, path, format!("left out: `{text}` waits for nothing")),
    }
}

fn policies(path: &str, node: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    let node::Value::List(items) = &node.value else { return };
    let mut list = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut policy = item.to_json();
        references(&mut policy);
        let name =
            policy.get("name").and_then(Value::as_str).map_or(format!("#{}", index + 1), str::to_owned);
        let path = format!("{path}[{name}]");
        match wrong(std::slice::from_ref(&policy)) {
            Some(why) => notes.add(item, path, format!("left out: {why}")),
            None => {
                meanings(&path, item, &policy, notes);
                list.push(policy);
            }
        }
    }
    if let Some(why) = wrong(&list) {
        notes.add(node, path, format!("together they are too much: {why}"));
    }
    set(out, "sampling.policies", Value::Array(list));
}

/// What a policy means here in another way than there.
fn meanings(path: &str, item: &Node, policy: &Value, notes: &mut Notes) {
    let text = policy.to_string();
    if text.contains("\"numeric_attribute\"")
        && (text.contains("\"min_value\":0") || text.contains("\"max_value\":0"))
    {
        notes.add(item, path, "a bound of 0 is a bound here; there it is none");
    }
    let composite = policy.get("composite");
    let names = |list: Option<&Value>, name: fn(&Value) -> Option<&str>| -> Vec<String> {
        let list = list.and_then(Value::as_array);
        list.into_iter().flatten().filter_map(name).map(str::to_owned).collect()
    };
    let order = names(composite.and_then(|block| block.get("policy_order")), Value::as_str);
    let subs =
        names(composite.and_then(|block| block.get("composite_sub_policy")), |sub| sub.get("name")?.as_str());
    if !order.is_empty() && order != subs {
        notes.add(
            item,
            path,
            "sub-policies are asked in the order of their list, as there; `policy_order` says another one",
        );
    }
}

/// `${env:NAME}` is `${NAME}` here, and `$$` is no longer needed for `$`.
fn references(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("$$", "$"),
        Value::Array(items) => items.iter_mut().for_each(references),
        Value::Object(entries) => entries.values_mut().for_each(references),
        _ => {}
    }
}

/// What stands around the processor: doors and the store are taken over, the rest is named.
fn around(root: &Node, taken: &str, out: &mut Map<String, Value>, notes: &mut Notes) {
    let node::Value::Map(sections) = &root.value else { return };
    for (section, node) in sections {
        let node::Value::Map(parts) = &node.value else { continue };
        for (part, settings) in parts {
            let path = format!("{section}.{part}");
            match (section.as_str(), part.split('/').next().unwrap_or_default()) {
                ("receivers", "otlp") => receiver(&path, settings, out, notes),
                ("exporters", "clickhouse") => store(&path, settings, out, notes),
                ("processors", "tail_sampling") if taken.contains(part) => {}
                ("processors", "tail_sampling") | ("service", _) => {}
                ("processors", "batch" | "memory_limiter" | "groupbytrace") => {
                    notes.add(settings, path, "not needed: batches, limits and traces are made here anyway");
                }
                _ => notes.add(settings, path, "left out: no equal"),
            }
        }
    }
}

fn receiver(path: &str, settings: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    for transport in ["grpc", "http"] {
        let endpoint = settings.at(&format!("protocols.{transport}.endpoint"));
        if let Some(endpoint) = endpoint {
            let shown = endpoint.shown();
            if shown.parse::<std::net::SocketAddr>().is_ok() {
                set(out, &format!("receiver.{transport}.endpoint"), shown.into());
            } else {
                let message = format!("left out: `{shown}` is no address with a port, such as 0.0.0.0:4317");
                notes.add(endpoint, format!("{path}.protocols.{transport}.endpoint"), message);
            }
        }
        for unknown in ["tls", "auth", "keepalive"] {
            if let Some(node) = settings.at(&format!("protocols.{transport}.{unknown}")) {
                notes.add(node, format!("{path}.protocols.{transport}.{unknown}"), "left out: no equal");
            }
        }
    }
}

fn store(path: &str, settings: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    if let Some(endpoint) = settings.get("endpoint") {
        let shown = endpoint.shown();
        if shown.starts_with("http://") || shown.starts_with("https://") {
            set(out, "clickhouse.url", shown.into());
        } else {
            let message =
                "left out: the store is written over HTTP, http(s)://host:8123; set `clickhouse.url`";
            notes.add(endpoint, format!("{path}.endpoint"), message);
        }
    }
    for (theirs, ours) in [("database", "clickhouse.database"), ("username", "clickhouse.user")] {
        if let Some(node) = settings.get(theirs) {
            set(out, ours, node.shown().into());
        }
    }
    if let Some(node) = settings.get("ttl") {
        match duration(&node.shown()) {
            Some(time) => set(out, "clickhouse.retention.spans", json!(time)),
            None => notes.add(node, format!("{path}.ttl"), "left out: no time that can be read"),
        }
    }
    if let Some(node) = settings.get("password") {
        notes.add(
            node,
            format!("{path}.password"),
            "left out: better ${file:/path} in `clickhouse.password`",
        );
    }
}
