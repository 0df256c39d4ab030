//! What can be set, and the limits of what is held.

use serde::{Deserialize, Serialize};

/// What a diagnosis goes by, beyond times that are longer than usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// What operations call, and what transactions are made of.
    Shapes,
    /// Waves of times that hardly ever were.
    Strange,
    /// Slow ways are blamed on the end that more of them have in common; without it, on the callee.
    Ways,
    /// Calls that break off are blamed on the callee where callers of several kinds do so.
    Families,
    /// Several findings against one service open an incident together.
    Together,
    /// What belongs to an incident does not become normal.
    Holding,
    /// What an hour of the week brings, and what drifts slowly, is normal.
    Seasons,
    /// What those that are hit share and healthy ones lack; hosts that several services run on.
    Shared,
    /// Falls of the number of transactions.
    Volume,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Shapes,
        Self::Strange,
        Self::Ways,
        Self::Families,
        Self::Together,
        Self::Holding,
        Self::Seasons,
        Self::Shared,
        Self::Volume,
    ];
}

/// Settings of a diagnosis. They are part of its state: one that is restored goes on with those that it had.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiagnosisSettings {
    /// A department with one of these words in its name is security's: its own time is blamed as `security`.
    pub security_words: Vec<String>,
    /// Who owns time on the network, if not the service at the end that is blamed (`departments.kinds`).
    pub network_department: Option<String>,
    /// Methods that are switched off, to see what each is worth.
    pub without: Vec<Method>,
}

impl Default for DiagnosisSettings {
    /// Own time of a department with `security` in its name is security's; the network has no owner.
    fn default() -> Self {
        Self { security_words: vec!["security".to_owned()], network_department: None, without: Vec::new() }
    }
}

impl DiagnosisSettings {
    /// Whether a method is on.
    pub(crate) fn has(&self, method: Method) -> bool {
        !self.without.contains(&method)
    }
}
