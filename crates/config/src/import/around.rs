//! What stands around a Collector's processor: doors and the store are taken over, the rest is named.

use serde_json::{Map, Value, json};

use super::references::referenced;
use super::{Notes, duration, set};
use crate::node::{self, Node};

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// Takes over what has an equal. `taken` is the path of the processor that was.
pub(super) fn around(root: &Node, taken: &str, out: &mut Map<String, Value>, notes: &mut Notes) {
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
        let Some(node) = settings.at(&format!("protocols.{transport}")) else { continue };
        let path = format!("{path}.protocols.{transport}");
        let ours = format!("receiver.{transport}");
        for (key, node) in entries(node) {
            let at = format!("{path}.{key}");
            match (transport, key.as_str()) {
                (_, "endpoint") => endpoint(&at, node, &format!("{ours}.endpoint"), out, notes),
                ("grpc", "max_recv_msg_size_mib" | "max_concurrent_streams") => {
                    set(out, &format!("{ours}.{key}"), value(node));
                }
                ("http", "max_request_body_size") => match node.text().parse::<u64>() {
                    Ok(bytes) if bytes > 0 => {
                        set(out, &format!("{ours}.max_request_body_size_mib"), bytes.div_ceil(MIB).into());
                    }
                    _ => notes.add(node, at, "left out: no number of bytes"),
                },
                ("http", "cors") => cors(&at, node, out, notes),
                _ => notes.add(node, at, "left out: no equal"),
            }
        }
    }
}

/// `localhost` is an address here, and a reference becomes ours.
fn endpoint(at: &str, node: &Node, key: &str, out: &mut Map<String, Value>, notes: &mut Notes) {
    let text = match node.text().strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => referenced(node.text()),
    };
    if text.parse::<std::net::SocketAddr>().is_ok() || text.replace("$${", "").contains("${") {
        set(out, key, text.into());
    } else {
        notes.add(node, at, format!("left out: `{text}` is no address with a port, such as 0.0.0.0:4317"));
    }
}

fn cors(at: &str, node: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    for (key, node) in entries(node) {
        match key.as_str() {
            "allowed_origins" | "allowed_headers" => {
                set(out, &format!("receiver.http.cors.{key}"), value(node));
            }
            // There, a number of seconds.
            "max_age" if node.text().parse::<u64>().is_ok() => {
                set(out, "receiver.http.cors.max_age", format!("{}s", node.text()).into());
            }
            _ => notes.add(node, format!("{at}.{key}"), "left out: no equal"),
        }
    }
}

fn store(path: &str, settings: &Node, out: &mut Map<String, Value>, notes: &mut Notes) {
    for (key, node) in entries(settings) {
        let at = format!("{path}.{key}");
        let text = referenced(node.text());
        match key.as_str() {
            "endpoint" if text.starts_with("http://") || text.starts_with("https://") => {
                set(out, "clickhouse.url", text.into());
            }
            "endpoint" => notes.add(
                node,
                at,
                "left out: the store is written over HTTP, http(s)://host:8123; set `clickhouse.url`",
            ),
            "database" => set(out, "clickhouse.database", text.into()),
            "username" => set(out, "clickhouse.user", text.into()),
            "password" if text.starts_with("${") => set(out, "clickhouse.password", text.into()),
            "password" => {
                notes.add(node, at, "left out: better ${file:/path} in `clickhouse.password`");
            }
            "ttl" => match duration(&text) {
                Some(time) => set(out, "clickhouse.retention.spans", json!(time)),
                None => notes.add(node, at, "left out: no time that can be read"),
            },
            _ => notes.add(node, at, "left out: no equal"),
        }
    }
}

fn entries(node: &Node) -> &[(String, Node)] {
    match &node.value {
        node::Value::Map(entries) => entries,
        node::Value::Scalar { .. } | node::Value::List(_) => &[],
    }
}

/// A value, its references ours.
fn value(node: &Node) -> Value {
    let mut value = node.to_json();
    super::references::refer(&mut value);
    value
}
