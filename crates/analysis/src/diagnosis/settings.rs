//! What can be set, and the limits of what is held.

use serde::{Deserialize, Serialize};

/// Settings of a diagnosis. They are part of its state: one that is restored goes on with those that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisSettings {
    /// A department with one of these words in its name is security's: its own time is blamed as `security`.
    pub security_words: Vec<String>,
    /// Who owns time on the network, if not the service at the end that is blamed (`departments.kinds`).
    pub network_department: Option<String>,
}

impl Default for DiagnosisSettings {
    /// Own time of a department with `security` in its name is security's; the network has no owner.
    fn default() -> Self {
        Self { security_words: vec!["security".to_owned()], network_department: None }
    }
}
