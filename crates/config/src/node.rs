//! What was written, as it was written: scalars stay text until a key says what they are, and every node knows where it comes from.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use saphyr::Scalar;

/// Where a value comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// The table of keys.
    #[default]
    Default,
    /// A place in a file; line and column from 1.
    File {
        /// As it was named.
        path: Arc<PathBuf>,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// An environment variable.
    Environment(String),
    /// `--set`, as it was written.
    Set(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => write!(f, "default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Set(text) => write!(f, "--set {text}"),
            Self::Flag(name) => write!(f, "{name}"),
        }
    }
}

/// A value and its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) source: Source,
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A scalar. Quoted ones are text, whatever they look like.
    Scalar { text: String, quoted: bool },
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file.
    Map(Vec<(String, Node)>),
}

impl Default for Value {
    fn default() -> Self {
        Self::Map(Vec::new())
    }
}

impl Node {
    /// A scalar that was not quoted.
    pub(crate) fn plain(text: impl Into<String>, source: Source) -> Self {
        Self { value: Value::Scalar { text: text.into(), quoted: false }, source }
    }

    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
            Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    /// The value at a path of keys joined by dots.
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, key| node.get(key))
    }

    /// Nothing was written: `key:` or `key: ~`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// As JSON, plain scalars read as YAML 1.2 reads them.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar { text, quoted: true } => text.as_str().into(),
            Value::Scalar { text, quoted: false } => match Scalar::parse_from_cow(text.as_str().into()) {
                Scalar::Null => serde_json::Value::Null,
                Scalar::Boolean(value) => value.into(),
                Scalar::Integer(value) => value.into(),
                Scalar::FloatingPoint(value) => value.into_inner().into(),
                Scalar::String(text) => text.as_ref().into(),
            },
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries.iter().map(|(key, node)| (key.clone(), node.to_json())).collect(),
            ),
        }
    }

    /// The text of a scalar, as it was written; empty for what is none.
    pub(crate) fn text(&self) -> &str {
        match &self.value {
            Value::Scalar { text, .. } => text,
            Value::List(_) | Value::Map(_) => "",
        }
    }

    /// For a message: the value on one line, cut where it is long.
    pub(crate) fn shown(&self) -> String {
        const LONGEST: usize = 80;
        let text = match &self.value {
            Value::Scalar { text, .. } => text.clone(),
            Value::List(_) | Value::Map(_) => self.to_json().to_string(),
        };
        match text.char_indices().nth(LONGEST) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    /// What kind of node it is, for a message.
    pub(crate) fn form(&self) -> &'static str {
        match self.value {
            Value::Scalar { .. } => "a value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}
