//! Configurations of others, turned into ours: `throughline config import`.
//!
//! What comes out loads as it is. What has no equal here is named in a note and left out, never bent into something else in silence.

mod around;
mod emit;
mod fields;
mod otelcol;
mod place;
mod references;
mod refinery;
mod samplers;

use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;
use throughline_sampling::{MatcherTable, Options, Policies, PolicySettings};

pub use self::otelcol::otelcol;
pub use self::refinery::refinery;
use crate::node::{Node, Source};

/// A configuration of ours, made of another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// In YAML, as [`crate::Config::load`] reads it.
    pub yaml: String,
    /// What has no equal, or means something else here.
    pub notes: Vec<Note>,
}

/// Something that a person has to know of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Line of the file, from 1; `None` where no line says it.
    pub line: Option<usize>,
    /// Path of the key.
    pub key: String,
    /// What became of it.
    pub message: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Why nothing could be imported. Trying again never helps.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImportError {
    /// It is no YAML that can be read.
    #[error("{line}:{column}: {message}")]
    Yaml {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// It is YAML, and nothing in it can be imported.
    #[error("{0}")]
    Nothing(&'static str),
}

impl ImportError {
    /// Whether the same file could be right another time: no.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

/// Notes as they are made.
#[derive(Debug, Default)]
struct Notes(Vec<Note>);

impl Notes {
    fn add(&mut self, node: &Node, key: impl Into<String>, message: impl Into<String>) {
        let line = match &node.source {
            Source::File { line, .. } => Some(*line),
            _ => None,
        };
        self.0.push(Note { line, key: key.into(), message: message.into() });
    }
}

fn parse(text: &str) -> Result<Node, ImportError> {
    crate::yaml::parse(text, Path::new("")).map_err(|fault| {
        let (line, column) = match fault.source {
            Source::File { line, column, .. } => (line, column),
            _ => (1, 1),
        };
        ImportError::Yaml { line, column, message: fault.expected }
    })
}

/// Sets a value at a path of keys joined by dots.
fn set(root: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            root.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let inner = root.entry(first).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// What is wrong with policies, if anything is.
fn wrong(policies: &[Value]) -> Option<String> {
    let settings = policies.iter().cloned().map(serde_json::from_value);
    let settings: Vec<PolicySettings> = match settings.collect() {
        Ok(settings) => settings,
        Err(error) => return Some(error.to_string()),
    };
    let faults =
        Policies::compile_with(&settings, &Options::default(), &mut MatcherTable::default()).err()?;
    let told: Vec<_> = faults.iter().map(|fault| format!("{}: {}", fault.key, fault.hint)).collect();
    Some(told.join("; "))
}

/// A time, as ours are written: `1m0s` is `1m`.
fn duration(text: &str) -> Option<String> {
    crate::units::parse_duration(text).map(|_| text.to_owned()).or_else(|| go_duration(text))
}

/// A time as Go prints it, in the largest unit that says it whole.
fn go_duration(text: &str) -> Option<String> {
    let mut milliseconds = 0u64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let after = &rest[digits..];
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = match &after[..end] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        milliseconds = milliseconds.checked_add(number.checked_mul(unit)?)?;
        rest = &after[end..];
    }
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let (size, unit) = units.into_iter().find(|(size, _)| milliseconds.is_multiple_of(*size))?;
    Some(format!("{}{unit}", milliseconds / size))
}
