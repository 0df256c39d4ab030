//! JSON to YAML that a person goes on writing: blocks, names and types of policies first. `${…}` in texts stays a reference.

use std::fmt::Write;

use serde_json::{Map, Value};

/// Keys that stand before others, in this order.
const FIRST: [&str; 6] = ["name", "type", "key", "field", "operator", "value"];

/// The YAML of a map.
pub(super) fn yaml(root: &Map<String, Value>) -> String {
    let mut out = String::new();
    map(&mut out, root, 0);
    out
}

fn map(out: &mut String, entries: &Map<String, Value>, depth: usize) {
    let place = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort_by_key(|(key, _)| place(key));
    for (index, (key, value)) in entries.into_iter().enumerate() {
        // The first of a list's item stands behind its dash.
        if index > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        // Writing to a string never fails.
        let _ = write!(out, "{}:", text(key));
        nested(out, value, depth + 1);
    }
}

fn nested(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            out.push('\n');
            map(out, entries, depth);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            out.push('\n');
            for item in items {
                indent(out, depth);
                out.push_str("- ");
                match item {
                    Value::Object(entries) if !entries.is_empty() => map(out, entries, depth + 1),
                    other => {
                        let _ = writeln!(out, "{}", flow(other));
                    }
                }
            }
        }
        // Plain, so that what it brings may be a number.
        Value::String(text) if is_reference(text) => {
            let _ = writeln!(out, " {text}");
        }
        other => {
            let _ = writeln!(out, " {}", flow(other));
        }
    }
}

/// Whether a text is one reference, and nothing that a plain scalar could not have.
fn is_reference(text: &str) -> bool {
    let inner = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    inner.is_some_and(|inner| inner.chars().all(|c| c.is_ascii_alphanumeric() || "_:/.-".contains(c)))
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// On one line.
fn flow(value: &Value) -> String {
    match value {
        Value::String(value) => text(value),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        // JSON is YAML.
        other => other.to_string(),
    }
}

/// Plain where nobody could take it for anything else, in quotes as JSON has them otherwise.
fn text(value: &str) -> String {
    let is_plain = value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && value.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !matches!(
            value.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
        );
    if is_plain { value.to_owned() } else { Value::from(value).to_string() }
}
