//! What can be set, and the limits of what is held.

use serde::{Deserialize, Serialize};

/// Settings of a diagnosis. They are part of its state: one that is restored goes on with those that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisSettings {
    /// Departments whose own time is blamed as `security`.
    pub security_departments: Vec<String>,
}

impl Default for DiagnosisSettings {
    /// Own time of a department called `security` is security's.
    fn default() -> Self {
        Self { security_departments: vec!["security".to_owned()] }
    }
}
