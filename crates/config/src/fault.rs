//! What can be wrong with a configuration, told so that it can be mended without looking anything up.

use std::fmt;

use thiserror::Error;

use crate::node::{Node, Source};

/// One fault: where, what stands there, what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Path of the key, such as `traces.quiet_time` or `transactions.types[0].match`; empty where no key can be named.
    pub key: String,
    /// What stands there; `None` where nothing does.
    pub value: Option<String>,
    /// What is wrong with it, and what would be right.
    pub expected: String,
    /// Who said so.
    pub source: Source,
}

impl Fault {
    pub(crate) fn new(key: impl Into<String>, node: &Node, expected: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: Some(node.shown()),
            expected: expected.into(),
            source: node.source.clone(),
        }
    }

    pub(crate) fn missing(key: impl Into<String>, parent: &Node, expected: impl Into<String>) -> Self {
        Self { key: key.into(), value: None, expected: expected.into(), source: parent.source.clone() }
    }

    pub(crate) fn syntax(source: Source, message: impl Into<String>) -> Self {
        Self { key: String::new(), value: None, expected: message.into(), source }
    }

    pub(crate) fn said_by(self, source: Source) -> Self {
        Self { source, ..self }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, "`{value}`: ")?;
        }
        write!(f, "{}", self.expected)
    }
}

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file could not be read.
    #[error("{path}: {error}")]
    File {
        /// As it was named.
        path: String,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// All that is wrong with it.
    #[error("{}", listed(.0))]
    Faults(Vec<Fault>),
}

impl ConfigError {
    /// Whether the same configuration could be right another time: a file may appear, a fault stays.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::File { .. } => true,
            Self::Faults(_) => false,
        }
    }
}

fn listed(faults: &[Fault]) -> String {
    let lines: Vec<_> = faults.iter().map(Fault::to_string).collect();
    lines.join("\n")
}
