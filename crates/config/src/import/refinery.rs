//! Refinery's rules, of all environments, made one policy: the first rule that matches says what to do. And what its configuration says of waiting.

use serde_json::{Map, Value, json};

use super::{
    ImportError, Imported, Notes, duration, emit, fields::is_made_by_refinery, parse, place, references,
    samplers, set, wrong,
};
use crate::node::{self, Node};

/// Refinery's name of what holds for all other environments.
const DEFAULT: &str = "__default__";

/// Name of the policy.
const POLICY: &str = "refinery";

/// Keys of its configuration that have an equal.
const WAITS: [(&str, &str); 2] =
    [("Traces.SendDelay", "traces.quiet_time"), ("Traces.TraceTimeout", "traces.quiet_time_without_root")];

/// Its key for a run that keeps all.
const DRY_RUN: &str = "Debugging.DryRun";

/// Told where a file is of another kind.
const TOML: &str =
    "this is TOML: rules of Refinery 1 are turned into those of Refinery 2 by Refinery's own `convert`";

/// Keys of a rule.
const RULE: [&str; 6] = ["Name", "SampleRate", "Sampler", "Drop", "Scope", "Conditions"];

/// Turns Refinery's rules, or its configuration, into ours.
///
/// # Errors
/// It is no YAML, or neither of them in version 2.
pub fn refinery(text: &str) -> Result<Imported, ImportError> {
    let file = parse(text).map_err(|error| if is_toml(text) { ImportError::Nothing(TOML) } else { error })?;
    let mut root = place::find(&file, &|node| node.get("Samplers").is_some());
    if root.get("Samplers").is_none() {
        root = place::find(&file, &|node| node.get("General").is_some());
    }
    let mut notes = Notes::default();
    let mut out = Map::new();
    let samplers = root.get("Samplers");
    if let Some(samplers) = samplers {
        rules(samplers, &mut out, &mut notes)?;
    } else if root.get("General").is_some() || root.get("Traces").is_some() || root.get("Network").is_some() {
        configuration(&root, &mut out, &mut notes);
    } else {
        let nothing = "neither rules (`Samplers`) nor a configuration (`General`) of Refinery 2 are in it";
        return Err(ImportError::Nothing(if is_toml(text) { TOML } else { nothing }));
    }
    Ok(Imported { yaml: emit::yaml(&out), notes: notes.0 })
}

/// Whether it looks like TOML: tables in brackets, or keys with `=`.
fn is_toml(text: &str) -> bool {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let of_toml = |line: &str| {
        let key = line.split_once('=').map_or("", |(key, _)| key.trim_end());
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
        is_key || (line.starts_with('[') && line.ends_with(']'))
    };
    lines.take(1).any(of_toml)
}

fn rules(samplers: &Node, out: &mut Map<String, Value>, notes: &mut Notes) -> Result<(), ImportError> {
    let node::Value::Map(environments) = &samplers.value else {
        return Err(ImportError::Nothing("`Samplers` is no map"));
    };
    let mut rules = Vec::new();
    // What holds for all others comes last.
    let (others, named): (Vec<_>, Vec<_>) = environments.iter().partition(|(name, _)| name == DEFAULT);
    for (name, node) in named {
        let message = format!("holds for the tenant `{name}`: tenants are what environments are there");
        notes.add(node, format!("Samplers.{name}"), message);
        environment(Some(name), node, &mut rules, notes);
    }
    for (_, node) in others {
        environment(None, node, &mut rules, notes);
    }
    let policy = json!({"name": POLICY, "type": "rules", "rules": {"rules": rules}});
    if let Some(why) = wrong(std::slice::from_ref(&policy)) {
        notes.add(samplers, "Samplers", format!("together the rules are too much: {why}"));
    }
    let mut policies = json!([policy]);
    // Refinery replaces nothing in its rules.
    references::escape(&mut policies);
    set(out, "sampling.policies", policies);
    Ok(())
}

fn environment(name: Option<&str>, node: &Node, rules: &mut Vec<Value>, notes: &mut Notes) {
    let path = format!("Samplers.{}", name.unwrap_or(DEFAULT));
    let node::Value::Map(choices) = &node.value else { return };
    for (sampler, settings) in choices {
        if sampler == "RulesBasedSampler" {
            based_on_rules(name, settings, &format!("{path}.{sampler}"), rules, notes);
        } else if let Some((key, value)) = samplers::verdict(sampler, settings, &path, notes) {
            let rule = json!({"name": name.unwrap_or("default"), key: value});
            take(of_environment(rule, name), settings, &path, rules, notes);
        }
    }
}

fn based_on_rules(name: Option<&str>, node: &Node, path: &str, rules: &mut Vec<Value>, notes: &mut Notes) {
    if let Some(nested) = node.get("CheckNestedFields").filter(|node| node.shown() == "true") {
        notes.add(nested, format!("{path}.CheckNestedFields"), "left out: attributes are compared whole");
    }
    if let Some(Node { value: node::Value::List(list), .. }) = node.get("Rules") {
        for (index, rule) in list.iter().enumerate() {
            let label = rule.get("Name").map_or_else(|| format!("#{}", index + 1), Node::shown);
            let path = format!("{path}.Rules[{label}]");
            let full = name.map_or_else(|| label.clone(), |name| format!("{name}: {label}"));
            if let Some(made) = rule_of(&full, rule, &path, notes) {
                take(of_environment(made, name), rule, &path, rules, notes);
            }
        }
    }
    // What no rule of an environment matches is kept, and is not for the rules of others.
    if let Some(name) = name {
        let rule = json!({"name": format!("{name}: no rule matched"), "sample_rate": 1});
        rules.push(of_environment(rule, Some(name)));
    }
}

/// Takes a rule, or says why not.
fn take(rule: Value, node: &Node, path: &str, rules: &mut Vec<Value>, notes: &mut Notes) {
    let alone = json!({"name": POLICY, "type": "rules", "rules": {"rules": [rule]}});
    match wrong(&[alone]) {
        None => rules.push(rule),
        Some(why) => {
            let message = format!("left out, so that what it matched comes to the rules after it: {why}");
            notes.add(node, path, message);
        }
    }
}

fn of_environment(mut rule: Value, name: Option<&str>) -> Value {
    if let Some(name) = name {
        rule["cel"] = format!("tenant == {}", Value::from(name)).into();
    }
    rule
}

fn rule_of(name: &str, node: &Node, path: &str, notes: &mut Notes) -> Option<Value> {
    let mut rule = json!({"name": name});
    if let node::Value::Map(entries) = &node.value {
        for (key, value) in entries.iter().filter(|(key, _)| !RULE.contains(&key.as_str())) {
            notes.add(value, format!("{path}.{key}"), "left out: no equal");
        }
    }
    let sampler = match node.get("Sampler").map(|sampler| &sampler.value) {
        Some(node::Value::Map(choices)) => choices.first(),
        _ => None,
    };
    if node.get("Drop").is_some_and(|drop| drop.shown() == "true") {
        rule["drop"] = json!(true);
    } else if let Some((kind, settings)) = sampler {
        let (key, value) = samplers::verdict(kind, settings, path, notes)?;
        rule[key] = value;
    } else {
        // There, a rule without a rate keeps nothing.
        rule["sample_rate"] = node.get("SampleRate").map_or(json!(0), Node::to_json);
    }
    if let Some(scope) = node.get("Scope") {
        rule["scope"] = scope.shown().into();
    }
    if let Some(conditions) = node.get("Conditions").filter(|node| !node.is_null()) {
        // A single one may stand without a list.
        let list = match &conditions.value {
            node::Value::List(list) => list.as_slice(),
            _ => std::slice::from_ref(conditions),
        };
        let conditions = list.iter().map(|node| condition(node, path, notes)).collect::<Vec<_>>();
        rule["conditions"] = conditions.into();
    }
    Some(rule)
}

fn condition(node: &Node, path: &str, notes: &mut Notes) -> Value {
    let mut made = Map::new();
    if let node::Value::Map(entries) = &node.value {
        for (key, value) in entries {
            let made_by = [value].into_iter().chain(match &value.value {
                node::Value::List(items) => items.iter().collect(),
                _ => Vec::new(),
            });
            if key.starts_with("Field") && made_by.clone().any(|field| is_made_by_refinery(&field.shown())) {
                let message = "spans do not have this field here: it was made by Refinery, and is as if it were not there";
                notes.add(value, format!("{path}.{}", value.shown()), message);
            }
            let value = value.to_json();
            let value = match value.as_str() {
                Some(operator) if key == "Operator" => operator.to_lowercase().into(),
                _ => value,
            };
            made.insert(samplers::snake(key), value);
        }
    }
    Value::Object(made)
}

fn configuration(root: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    for (theirs, ours) in WAITS {
        if let Some(node) = root.at(theirs) {
            match duration(&node.shown()) {
                Some(time) => set(out, ours, time.into()),
                None => notes.add(node, theirs, "left out: no time that can be read"),
            }
        }
    }
    if let Some(node) = root.at("Traces.SpanLimit").filter(|node| node.shown() != "0") {
        set(out, "traces.max_spans", node.to_json());
    }
    if let Some(node) = root.at(DRY_RUN) {
        set(out, "sampling.dry_run", node.to_json());
    }
    let node::Value::Map(sections) = &root.value else { return };
    for (section, node) in sections {
        let node::Value::Map(entries) = &node.value else { continue };
        for (key, node) in entries {
            let path = format!("{section}.{key}");
            let is_taken = ["Traces.SpanLimit", DRY_RUN].contains(&path.as_str())
                || WAITS.iter().any(|(theirs, _)| *theirs == path);
            if !is_taken {
                let message = match path.as_str() {
                    _ if section == "StressRelief" => {
                        "left out: `sampling.max_transactions_per_second` says how much is too much"
                    }
                    "RefineryTelemetry.AddRuleReasonToTrace" => {
                        "not needed: `KeptBy` and `KeepReason` are columns of every row"
                    }
                    _ => "left out: no equal",
                };
                notes.add(node, path, message);
            }
        }
    }
}
