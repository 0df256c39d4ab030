//! What records of the analysis log are to the fold, and what it answers.

use serde::{Deserialize, Serialize};
use throughline_analysis::{alerts::Alert, diagnosis::ToldChange};

use super::report::{AlertRow, Report};
use crate::records::{self, Closed, FeedbackGiven, ReceivedAlert};
use crate::rules::RulesSettings;

/// What a record of the analysis log is to this fold.
pub enum AnalysisEvent<'a> {
    /// Time went on.
    Tick,
    /// Transactions of one partition of the summary log.
    Finished {
        /// Which partition.
        source: u32,
        /// Decisions from this position on.
        from: u64,
        /// And before that one.
        to: u64,
        /// Those that are looked at, and for how many of its kind each stands.
        closed: &'a mut dyn Iterator<Item = (u32, std::sync::Arc<Closed>)>,
    },
    /// Alerts.
    Alerts(&'a mut dyn Iterator<Item = Alert>),
    /// Changes that somebody tells of.
    Changes(&'a mut dyn Iterator<Item = ToldChange>),
    /// What a person says.
    Feedback(&'a FeedbackGiven),
    /// Rows are in the log from this sequence on.
    Found {
        /// Of the first.
        sequence: u64,
        /// The rows.
        rows: &'a [Row],
    },
    /// From here on it goes by these.
    Rules(&'a RulesSettings),
    /// The end of a batch.
    Cut,
}

/// A row that is to be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Row {
    /// A version of an incident.
    Incident(Box<Report>),
    /// A state of an alert.
    Alert(Box<AlertRow>),
}

impl From<ReceivedAlert> for Alert {
    fn from(alert: ReceivedAlert) -> Self {
        Self {
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            source: alert.source,
        }
    }
}

impl From<records::ToldChange> for ToldChange {
    fn from(change: records::ToldChange) -> Self {
        let records::ToldChange { tenant, service, department, kind, text, by, time } = change;
        Self { tenant, service, department, kind, text, by, time }
    }
}

impl From<ToldChange> for records::ToldChange {
    fn from(change: ToldChange) -> Self {
        let ToldChange { tenant, service, department, kind, text, by, time } = change;
        Self { tenant, service, department, kind, text, by, time }
    }
}

impl From<Alert> for ReceivedAlert {
    fn from(alert: Alert) -> Self {
        Self {
            labels: alert.labels,
            annotations: alert.annotations,
            starts_at: alert.starts_at,
            ends_at: alert.ends_at,
            source: alert.source,
        }
    }
}
