//! `${ENV}`, `${ENV:-default}` and `${file:/path}` in values; `$${` is `${` itself. `${env:ENV}` is `${ENV}`, as a Collector's users write it.

use crate::fault::Fault;
use crate::layers::Environment;
use crate::node::{Node, Value};

/// Largest file that a value can be taken from: secrets are short, and a path that is wrong should not fill memory.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Expands every scalar under `node`; faults name the key.
pub(crate) fn expand(node: &mut Node, key: &str, environment: &dyn Environment, faults: &mut Vec<Fault>) {
    match &mut node.value {
        Value::Scalar { text, .. } if text.contains("${") => match expand_text(text, environment) {
            Ok(expanded) => *text = expanded,
            Err(message) => {
                let fault = Fault::new(key, node, message);
                faults.push(fault);
                // reported once: what reads it next shall not stumble over it again
                node.value = Value::Scalar { text: String::new(), quoted: false };
            }
        },
        Value::Scalar { .. } => {}
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                expand(item, &format!("{key}[{index}]"), environment, faults);
            }
        }
        Value::Map(entries) => {
            for (name, inner) in entries {
                let path = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                expand(inner, &path, environment, faults);
            }
        }
    }
}

fn expand_text(text: &str, environment: &dyn Environment) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = rest.split_at(start);
        if let Some(literal) = before.strip_suffix('$') {
            out.push_str(literal);
            out.push_str("${");
            rest = &after[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = after.find('}') else {
            return Err("`${` without `}`; write `$${` for the characters themselves".to_owned());
        };
        out.push_str(&reference(&after[2..end], environment)?);
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn reference(inner: &str, environment: &dyn Environment) -> Result<String, String> {
    if let Some(path) = inner.strip_prefix("file:") {
        return read(path);
    }
    let variable = inner.strip_prefix("env:").unwrap_or(inner);
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(format!(
            "`${{{inner}}}` names no environment variable; possible are ${{NAME}}, ${{NAME:-default}}, ${{file:/path}}"
        ));
    }
    environment.get(name).or_else(|| default.map(str::to_owned)).ok_or_else(|| {
        format!("the environment variable {name} is not set; set it, or write `${{{name}:-default}}`")
    })
}

fn read(path: &str) -> Result<String, String> {
    let size =
        std::fs::metadata(path).map_err(|error| format!("the file {path} cannot be read: {error}"))?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!("the file {path} has {size} bytes, more than {MAX_FILE_BYTES}"));
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("the file {path} cannot be read: {error}"))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        (name == "HOST").then(|| "db".to_owned())
    }

    #[test]
    fn references_are_replaced() {
        let expanded = |text| expand_text(text, &environment).unwrap();
        assert_eq!(expanded("http://${HOST}:${PORT:-8123}/"), "http://db:8123/");
        assert_eq!(expanded("${env:HOST}${env:PORT:-1}"), "db1");
        assert_eq!(expanded("$${HOST} and $HOST"), "${HOST} and $HOST");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        assert_eq!(expanded(&format!("${{file:{}}}", file.path().display())), "s3cret");
    }

    #[test]
    fn references_to_nothing_are_refused() {
        let refused = |text| expand_text(text, &environment).unwrap_err();
        assert!(refused("${PORT}").contains("PORT is not set"));
        assert!(refused("${file:/nowhere}").contains("/nowhere cannot be read"));
        assert!(refused("${HOST").contains("without `}`"));
        assert!(refused("${}").contains("names no environment variable"));
    }
}
