//! What came of a reload, for the API and for the log.

use std::fmt;

use serde::Serialize;
use throughline_config::{ConfigError, Fault};

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Reloaded {
    /// `taken`, `unchanged` or `refused`.
    pub(super) result: &'static str,
    /// Version of the rules that hold now.
    rules_version: String,
    /// Keys with other values that hold from the next start on.
    needs_restart: Vec<&'static str>,
    /// All that is wrong with it: the configuration of before stays.
    faults: Vec<FaultLine>,
}

/// One fault, for programs.
#[derive(Debug, Serialize)]
pub(super) struct FaultLine {
    /// File, line and column, or what else said so.
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// What is wrong, and what would be right.
    expected: String,
    /// As one text, for people.
    #[serde(skip)]
    text: String,
}

impl Reloaded {
    pub(super) fn new(changed: Result<(bool, Vec<&'static str>), Vec<FaultLine>>, rules: u64) -> Self {
        let (result, needs_restart, faults) = match changed {
            Ok((true, waits)) => ("taken", waits, Vec::new()),
            Ok((false, waits)) => ("unchanged", waits, Vec::new()),
            Err(faults) => ("refused", Vec::new(), faults),
        };
        Self { result, rules_version: format!("{rules:016x}"), needs_restart, faults }
    }

    pub(super) fn is_refused(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Says it in the log; `why` is who asked.
    pub(super) fn log(&self, why: &'static str) {
        let rules = self.rules_version.as_str();
        for fault in &self.faults {
            tracing::error!(why, fault = %fault.text, "the changed configuration has a fault");
        }
        match self.result {
            "refused" => {
                let faults = self.faults.len();
                tracing::error!(
                    why,
                    faults,
                    rules,
                    "the changed configuration is refused: the one of before stays"
                );
            }
            "taken" => tracing::info!(why, rules, "the changed configuration is taken"),
            _ => tracing::info!(why, rules, "the configuration says what it said before"),
        }
        if !self.needs_restart.is_empty() {
            let keys = self.needs_restart.join(", ");
            tracing::warn!(keys, "these keys need a restart; until then they are what they were");
        }
    }
}

impl FaultLine {
    /// Of something that has no key.
    pub(super) fn whole(fault: &impl fmt::Display) -> Self {
        let text = fault.to_string();
        Self { source: String::new(), key: String::new(), value: None, expected: text.clone(), text }
    }
}

impl From<&Fault> for FaultLine {
    fn from(fault: &Fault) -> Self {
        Self {
            source: fault.source.to_string(),
            key: fault.key.clone(),
            value: fault.value.clone(),
            expected: fault.expected.clone(),
            text: fault.to_string(),
        }
    }
}

/// Every fault of a configuration that did not load.
pub(super) fn lines(error: &ConfigError) -> Vec<FaultLine> {
    match error {
        ConfigError::Faults(faults) => faults.iter().map(FaultLine::from).collect(),
        ConfigError::File { .. } => vec![FaultLine::whole(error)],
    }
}
