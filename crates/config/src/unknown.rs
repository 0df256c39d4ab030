//! Keys that do not exist, each with the one that was probably meant.

use crate::fault::Fault;
use crate::keys::KEYS;
use crate::kind::Kind;
use crate::node::{Node, Value};

/// How alike two names must be to be taken for one another (1 is equal).
const ALIKE: f64 = 0.75;

/// Notes every key under `root` that the table does not know.
pub(crate) fn check(root: &Node, faults: &mut Vec<Fault>) {
    walk(root, "", "", faults);
}

fn walk(node: &Node, table: &str, shown: &str, faults: &mut Vec<Fault>) {
    match &node.value {
        Value::Map(entries) => {
            for (name, inner) in entries {
                let (path, shown) = (join(table, name), join(shown, name));
                if !is_known(&path) {
                    faults.push(Fault { value: None, ..Fault::new(shown, inner, hint(&path, table, name)) });
                } else if !is_free(&path) {
                    match (&inner.value, is_leaf(&path)) {
                        (Value::Scalar { .. } | Value::List(_), false) if !inner.is_null() => {
                            faults.push(Fault::new(
                                shown,
                                inner,
                                format!("a map is expected, with {}", children(&path).join(", ")),
                            ));
                        }
                        _ => walk(inner, &path, &shown, faults),
                    }
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &format!("{table}[]"), &format!("{shown}[{index}]"), faults);
            }
        }
        Value::Scalar { .. } => {}
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn is_known(path: &str) -> bool {
    is_leaf(path) || !children(path).is_empty()
}

fn is_leaf(path: &str) -> bool {
    KEYS.iter().any(|key| key.path == path)
}

/// Keys whose inside somebody else checks, or that hold names of the user's own.
fn is_free(path: &str) -> bool {
    KEYS.iter().any(|key| key.path == path && matches!(key.kind, Kind::Policies | Kind::GlobMap))
}

/// Names that can stand under a path.
fn children(path: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let rest = match path {
            "" => Some(key.path),
            _ => key.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')),
        };
        let Some(name) = rest.and_then(|rest| rest.split(['.', '[']).next()) else { continue };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn hint(path: &str, parent: &str, name: &str) -> String {
    let names = children(parent);
    let near = names
        .iter()
        .map(|known| (strsim::jaro_winkler(known, name), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((alike, known)) = near
        && alike >= ALIKE
    {
        return format!("there is no such key; did you mean `{}`?", join(parent, known));
    }
    let elsewhere = elsewhere(name);
    if !elsewhere.is_empty() {
        return format!("there is no such key; did you mean `{}`?", elsewhere.join("` or `"));
    }
    let whole = KEYS
        .iter()
        .map(|key| (strsim::jaro_winkler(key.path, path), key.path))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match whole {
        Some((alike, known)) if alike >= 0.9 => format!("there is no such key; did you mean `{known}`?"),
        _ => format!("there is no such key; here are {}", names.join(", ")),
    }
}

/// Paths of the table, groups included, that end in a name.
fn elsewhere(name: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for key in KEYS {
        let ends = key.path.match_indices('.').map(|(at, _)| at).chain([key.path.len()]);
        for path in ends.map(|end| &key.path[..end]).filter(|path| path.rsplit('.').next() == Some(name)) {
            if !found.contains(&path) {
                found.push(path);
            }
        }
    }
    found
}
