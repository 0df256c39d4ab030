//! What `config reference` prints: every key with type, default and meaning.

use std::fmt::Write as _;

use crate::keys::{Given, KEYS, Key};

/// The whole reference, a section at a time, as text for a terminal.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "Values come from files (--config, later ones over earlier ones: maps merged, lists replaced), then from\n\
         THROUGHLINE__KEY__PATH=value in the environment, then from --set key.path=value. In values ${NAME}, ${NAME:-default}\n\
         and ${file:/path} are replaced. A duration is a number with a unit: 250ms, 5s, 10m, 1h, 7d.\n",
    );
    let mut section = "";
    for key in KEYS {
        let top = key.path.split(['.', '[']).next().unwrap_or_default();
        if top != section {
            section = top;
            out.push('\n');
        }
        line(&mut out, key);
    }
    out
}

fn line(out: &mut String, key: &Key) {
    let default = match key.default {
        Given::Value("") => "default: empty".to_owned(),
        Given::Value(value) => format!("default: {value}"),
        Given::Unset(meaning) => format!("default: {meaning}"),
        Given::Required => "required".to_owned(),
    };
    let _ = writeln!(out, "{}\n    {}\n    {}; {default}", key.path, key.meaning, key.kind);
}
