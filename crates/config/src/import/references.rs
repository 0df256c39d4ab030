//! References to the environment and to files in the values of others.

use serde_json::{Value, json};

/// A text of a Collector's with its references as ours: `${env:NAME}` and `${NAME}` become `${NAME}`, `$$` is `$`, and what is no reference here stays as
/// the characters that it is.
pub(super) fn referenced(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            // Before a brace it would begin a reference here, too.
            out.push_str(if after.starts_with('{') { "$$" } else { "$" });
            rest = after;
        } else if rest.starts_with('{') {
            let name = rest.find('}').map(|end| &rest[1..end]);
            let name = name.map(|name| name.strip_prefix("env:").unwrap_or(name));
            match name.filter(|name| is_ours(name)) {
                Some(name) => out.push_str(&format!("${{{name}}}")),
                None => out.push_str("$${"),
            }
            let end = rest.find('}').map_or(1, |end| if name.is_some_and(is_ours) { end + 1 } else { 1 });
            rest = &rest[end..];
        } else {
            out.push('$');
        }
    }
    out + rest
}

/// Whether what stands between the braces is a reference here.
fn is_ours(inner: &str) -> bool {
    let name = inner.split_once(":-").map_or(inner, |(name, _)| name);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name || inner.starts_with("file:")
}

/// Makes every reference in a value of a Collector's ours.
pub(super) fn refer(value: &mut Value) {
    each_text(value, &|text| referenced(text).into());
}

/// Makes what looks like our references the characters that it is.
pub(super) fn escape(value: &mut Value) {
    each_text(value, &|text| text.replace("${", "$${").into());
}

/// What a policy could be once its references are replaced: those that stand alone are often numbers.
pub(super) fn supposed(value: &Value) -> Value {
    let mut value = value.clone();
    let is_reference =
        |text: &str| text.starts_with("${") && text.ends_with('}') && is_ours(&text[2..text.len() - 1]);
    each_text(&mut value, &|text| if is_reference(text) { json!(1) } else { text.into() });
    value
}

fn each_text(value: &mut Value, change: &impl Fn(&str) -> Value) {
    match value {
        Value::String(text) => *value = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(entries) => entries.values_mut().for_each(|item| each_text(item, change)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collectors_references_become_ours() {
        for (theirs, ours) in [
            ("${env:POD_IP}:4317", "${POD_IP}:4317"),
            ("${HOST:-db}:${env:PORT:-8123}", "${HOST:-db}:${PORT:-8123}"),
            ("${file:/run/secret}", "${file:/run/secret}"),
            ("$${x}", "$${x}"),
            ("${yaml:a}", "$${yaml:a}"),
            ("^/a$$", "^/a$"),
            ("^/a$", "^/a$"),
            ("${x", "$${x"),
            ("$$$${x}", "$$${x}"),
            ("€$", "€$"),
        ] {
            assert_eq!(referenced(theirs), ours, "{theirs}");
        }
    }
}
