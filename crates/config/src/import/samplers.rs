//! Refinery's samplers in our words.

use serde_json::{Map, Value, json};

use super::{Notes, duration, fields::key_field};
use crate::node::{self, Node};

/// Refinery's names of samplers and ours.
pub(super) const SAMPLERS: [(&str, &str); 5] = [
    ("DynamicSampler", "dynamic"),
    ("EMADynamicSampler", "ema_dynamic"),
    ("EMAThroughputSampler", "ema_throughput"),
    ("WindowedThroughputSampler", "windowed_throughput"),
    ("TotalThroughputSampler", "total_throughput"),
];

/// Keys whose value is a time.
const TIMES: [&str; 4] = ["ClearFrequency", "AdjustmentInterval", "UpdateFrequency", "LookbackFrequency"];

/// What a sampler does, as part of a rule: `sample_rate` or `sampler`.
pub(super) fn verdict(
    sampler: &str,
    settings: &Node,
    path: &str,
    notes: &mut Notes,
) -> Option<(&'static str, Value)> {
    let path = format!("{path}.{sampler}");
    if sampler == "DeterministicSampler" {
        let rate = settings.get("SampleRate").map_or(json!(1), Node::to_json);
        // There, 1 or less keeps all.
        let rate = rate.as_f64().unwrap_or(1.0).max(1.0);
        return Some(("sample_rate", number(rate)));
    }
    let Some((_, kind)) = SAMPLERS.iter().find(|(name, _)| *name == sampler) else {
        notes.add(settings, path, "left out: no such sampler is known");
        return None;
    };
    let node::Value::Map(entries) = &settings.value else { return None };
    let mut block = Map::new();
    for (key, node) in entries {
        let at = format!("{path}.{key}");
        match key.as_str() {
            "FieldList" => {
                block.insert("field_list".into(), field_list(node, &at, notes));
            }
            "UseClusterSize" => notes.add(node, at, "not needed: a goal is always that of the whole"),
            _ if TIMES.contains(&key.as_str()) => match duration(&node.shown()) {
                Some(time) => {
                    block.insert(snake(key), time.into());
                }
                None => notes.add(node, at, "left out: no time that can be read"),
            },
            _ => {
                block.insert(snake(key), node.to_json());
            }
        }
    }
    block.entry("field_list").or_insert_with(|| json!([]));
    Some(("sampler", json!({"name": kind, "type": kind, *kind: block})))
}

fn field_list(node: &Node, path: &str, notes: &mut Notes) -> Value {
    let node::Value::List(items) = &node.value else { return json!([]) };
    let mut fields: Vec<String> = Vec::new();
    for item in items {
        if let Some(field) = key_field(&item.shown(), item, path, notes)
            && !fields.contains(&field)
        {
            fields.push(field);
        }
    }
    json!(fields)
}

/// A number without a fraction that says nothing.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 { json!(value as i64) } else { json!(value) }
}

/// `GoalThroughputPerSec` is `goal_throughput_per_sec`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}
