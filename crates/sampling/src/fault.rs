//! What can be wrong with a policy's settings.

use thiserror::Error;

/// One fault, told so that it can be mended without another look at the manual. Trying again never helps: see [`PolicyFault::is_retryable`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("policy `{policy}`: {key}{}: {hint}", shown(value))]
pub struct PolicyFault {
    /// Name of the policy; of nested ones, the names joined by `/`. Where it has none, its place in the list.
    pub policy: String,
    /// The setting, such as `latency.of`.
    pub key: String,
    /// The value found there, empty where it is missing.
    pub value: String,
    /// What is expected.
    pub hint: String,
}

impl PolicyFault {
    /// Whether the same settings could be right another time: no.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

fn shown(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(" `{value}`") }
}
