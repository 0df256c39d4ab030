//! Fields of Refinery's that are no attributes of spans.

use super::Notes;
use crate::node::Node;

/// A field of a key, by our name; `None` where there is none.
pub(super) fn key_field(field: &str, node: &Node, path: &str, notes: &mut Notes) -> Option<String> {
    let bare = field.strip_prefix("root.").unwrap_or(field);
    let (name, message) = match bare {
        "name" => ("type", "is `type`: the root's service and name, where no type is configured"),
        "service.name" | "service_name" => {
            ("worst.service", "is `worst.service`: one service, the one that most time was spent in")
        }
        "error" | "status_code" | "status.code" => ("outcome", "is `outcome`: ok, error or incomplete"),
        _ if bare.starts_with("meta.") || bare.starts_with("trace.") || bare == "duration_ms" => {
            notes.add(node, format!("{path}.{field}"), "left out of the key: no equal");
            return None;
        }
        _ => (bare, ""),
    };
    if !message.is_empty() {
        notes.add(node, format!("{path}.{field}"), message);
    }
    Some(name.to_owned())
}

/// Whether a condition over a field can be asked of spans here.
pub(super) fn is_made_by_refinery(field: &str) -> bool {
    let bare = field.strip_prefix("root.").unwrap_or(field);
    bare.starts_with("meta.") || (bare.starts_with("trace.") && bare != "trace.parent_id")
}
