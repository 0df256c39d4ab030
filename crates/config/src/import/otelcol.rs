//! A Collector's configuration: its tail sampling processor, and what stands around it and has an equal.

use serde_json::{Map, Value, json};

use super::around::around;
use super::references::{refer, supposed};
use super::{ImportError, Imported, Notes, duration, emit, parse, place, set, wrong};
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

/// Turns a Collector's configuration into ours: all of it, the settings of the processor, or a list of policies; wherever in the file it lies.
///
/// # Errors
/// It is no YAML, or has no tail sampling processor.
pub fn otelcol(text: &str) -> Result<Imported, ImportError> {
    let file = parse(text)?;
    let root = place::find(&file, &holds_policies);
    let mut notes = Notes::default();
    let mut out = Map::new();
    if matches!(root.value, node::Value::List(_)) && holds_policies(&root) {
        policies("policies", &root, &mut out, &mut notes);
        return Ok(Imported { yaml: emit::yaml(&out), notes: notes.0 });
    }
    let (key, settings) = settings(&root, &mut notes)?;
    processor(&key, settings, &mut out, &mut notes);
    if root.get("processors").is_some() {
        around(&root, &key, &mut out, &mut notes);
    }
    Ok(Imported { yaml: emit::yaml(&out), notes: notes.0 })
}

/// Whether a place in a file is a configuration with the processor, its settings, or its policies.
fn holds_policies(node: &Node) -> bool {
    let has_processor = |node: &Node| match &node.value {
        node::Value::Map(entries) => entries.iter().any(|(name, _)| is_processor(name)),
        _ => false,
    };
    let is_policy = |item: &Node| item.get("type").is_some() && item.get("name").is_some();
    match &node.value {
        node::Value::List(items) => items.first().is_some_and(is_policy),
        _ => {
            node.get("processors").is_some_and(has_processor)
                || has_processor(node)
                || node.get("policies").is_some_and(holds_policies)
        }
    }
}

fn is_processor(name: &str) -> bool {
    name == "tail_sampling" || name.starts_with("tail_sampling/")
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
    let mut found = entries.iter().filter(|(name, _)| is_processor(name));
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
    let (mut list, mut forms) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        let mut policy = item.to_json();
        refer(&mut policy);
        let path = format!("{path}[{}]", name_of(&policy).map_or(format!("#{}", index + 1), str::to_owned));
        name(&mut policy, index, &list, item, &path, notes);
        // What is wrong only because a reference stands there may be right when it is read.
        let mut form = policy.clone();
        let why = wrong(std::slice::from_ref(&form));
        if why.is_some() {
            form = supposed(&policy);
        }
        match why.filter(|_| wrong(std::slice::from_ref(&form)).is_some()) {
            Some(why) => notes.add(item, path, format!("left out: {why}")),
            None => {
                meanings(&path, item, &policy, notes);
                list.push(policy);
                forms.push(form);
            }
        }
    }
    if let Some(why) = wrong(&forms) {
        notes.add(node, path, format!("together they are too much: {why}"));
    }
    set(out, "sampling.policies", Value::Array(list));
}

fn name_of(policy: &Value) -> Option<&str> {
    policy.get("name").and_then(Value::as_str).filter(|name| !name.is_empty())
}

/// Every policy has a name of its own here: there, none is needed.
fn name(policy: &mut Value, index: usize, list: &[Value], item: &Node, path: &str, notes: &mut Notes) {
    let given = name_of(policy).map(str::to_owned);
    let is_taken = |name: &str| list.iter().any(|before| name_of(before) == Some(name));
    if given.as_deref().is_some_and(|name| !is_taken(name)) || !policy.is_object() {
        return;
    }
    let base = given.as_deref().unwrap_or("policy");
    let mut own = format!("{base}-{}", index + 1);
    while is_taken(&own) {
        own.push('_');
    }
    let why = if given.is_some() { "another one has its name" } else { "it has no name" };
    notes.add(item, path, format!("is `{own}`: {why}"));
    policy["name"] = json!(own);
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
