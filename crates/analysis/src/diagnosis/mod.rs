//! What is wrong, since when, whom it hits, who and what is the cause, and why we say so.

mod incident;
mod input;
mod settings;
mod times;

use serde::{Deserialize, Serialize};

pub use incident::{Change, Incident, State, Suspect, SuspectKind};
pub use input::{Finished, FinishedHop, Outcome};
pub use settings::DiagnosisSettings;

/// Baselines of all types of transactions, and what is or was wrong. Its state goes into a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diagnosis {
    settings: DiagnosisSettings,
    now: u64,
    incidents: Vec<Incident>,
}

impl Diagnosis {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(settings: DiagnosisSettings) -> Self {
        Self { settings, now: 0, incidents: Vec::new() }
    }

    /// Takes one finished transaction. Its time is its end, in the same clock as [`advance`](Self::advance).
    pub fn observe(&mut self, finished: &Finished<'_>) {
        self.now = self.now.max(finished.end);
    }

    /// Time is `now`, Unix nanoseconds: judges what has been observed, and says what became of incidents.
    pub fn advance(&mut self, now: u64) -> Vec<Change> {
        self.now = self.now.max(now);
        Vec::new()
    }

    /// What is wrong, and what was until lately, the oldest first.
    #[must_use]
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }
}
