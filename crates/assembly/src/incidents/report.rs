//! What is told of an incident and of an alert: the rows of their tables.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};
use throughline_analysis::{
    alerts::{Active, CauseKey, Fingerprint, Group},
    compare::Deployment,
    diagnosis::{Incident, State, Suspect, SuspectKind},
};

use super::deployments;
use crate::records::FeedbackGiven;

/// What people have said of one incident's suspects at most; the latest stay.
pub(super) const MAX_FEEDBACK: usize = 20;

/// Alerting services and alert names that an incident tells of.
const MAX_TOLD: usize = 10;

/// What an incident was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FoundBy {
    /// Transactions that are away from what is usual.
    Transactions,
    /// Alerts from outside.
    Alerts,
    /// A new version that is worse than the one before.
    Deployment,
}

/// What a person said of a suspect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// The suspect.
    pub service: String,
    /// The suspect.
    pub operation: String,
    /// The suspect.
    pub kind: String,
    /// Confirmed, else rejected.
    pub confirmed: bool,
    /// Who says so.
    pub by: String,
    /// Log time, Unix nanoseconds.
    pub at: u64,
}

/// A version of an incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The incident.
    pub incident: Incident,
    /// From 1; the highest holds.
    pub version: u32,
    /// Log time of this version, Unix nanoseconds.
    pub updated_at: u64,
    /// What found it.
    pub found_by: FoundBy,
    /// Alerts that belong to it.
    pub alerts: u64,
    /// Alerts by service, the most first.
    pub alerting: Vec<(String, u64)>,
    /// What people said.
    pub feedback: Vec<Feedback>,
    /// The incident that this one turned out to be a part of; empty for none.
    pub part_of: String,
}

/// A state of an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRow {
    /// Hash of its labels.
    pub fingerprint: Fingerprint,
    /// The highest holds: log time, Unix nanoseconds.
    pub version: u64,
    /// Its name.
    pub name: String,
    /// Its severity, in the sender's words.
    pub severity: String,
    /// `firing` or `resolved`.
    pub state: String,
    /// Since when, Unix nanoseconds.
    pub starts_at: u64,
    /// Until when; 0 while it fires.
    pub ends_at: u64,
    /// What it is about; empty where its labels do not say.
    pub service: String,
    /// Whom it is about; empty where its labels do not say.
    pub department: String,
    /// The incident that explains it; empty for none.
    pub incident: String,
    /// All labels.
    pub labels: BTreeMap<String, String>,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// Who sent it.
    pub source: String,
}

impl AlertRow {
    pub(super) fn new(fingerprint: Fingerprint, active: &Active, incident: String, now: u64) -> Self {
        let alert = &active.alert;
        let ended = if alert.is_resolved(now) { alert.ends_at } else { now };
        Self {
            fingerprint,
            version: now,
            name: alert.name().to_owned(),
            severity: alert.severity().to_owned(),
            state: if active.resolved { "resolved" } else { "firing" }.to_owned(),
            starts_at: alert.starts_at,
            ends_at: if active.resolved { ended } else { 0 },
            service: active.service.clone(),
            department: active.department.clone(),
            incident,
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            source: alert.source.clone(),
        }
    }
}

impl Report {
    /// Of an incident that transactions show.
    pub(super) fn new(incident: Incident) -> Self {
        Self {
            incident,
            version: 0,
            updated_at: 0,
            found_by: FoundBy::Transactions,
            alerts: 0,
            alerting: Vec::new(),
            feedback: Vec::new(),
            part_of: String::new(),
        }
    }

    /// Of a new version that is worse.
    pub(super) fn of_deployment(deployment: &Deployment, detected_at: u64) -> Self {
        Self { found_by: FoundBy::Deployment, ..Self::new(deployments::incident_of(deployment, detected_at)) }
    }

    /// Of a group of alerts that no transaction explains.
    pub(super) fn of_group(group: &Group, id: String, department: &str) -> Self {
        let mut report = Self::new(incident_of(group, id, department));
        report.found_by = FoundBy::Alerts;
        report.take_group(group);
        report
    }

    /// What an incident has of alerts that belong to it.
    pub(super) fn take_group(&mut self, group: &Group) {
        self.alerts = self.alerts.max(group.alerts);
        self.alerting = group.services.iter().take(MAX_TOLD).cloned().collect();
    }

    /// Takes over what was said of the version before.
    pub(super) fn follow(&mut self, before: &Self) {
        self.version = before.version;
        self.alerts = before.alerts;
        self.alerting.clone_from(&before.alerting);
        self.feedback.clone_from(&before.feedback);
        self.part_of.clone_from(&before.part_of);
        self.rank();
    }

    /// A person's word on the suspect of a rank; whether there is such a suspect.
    pub(super) fn say(&mut self, given: &FeedbackGiven, now: u64) -> Option<&Feedback> {
        let suspect = self.incident.suspects.iter().find(|suspect| suspect.rank == given.suspect)?;
        let feedback = Feedback {
            service: suspect.service.clone(),
            operation: suspect.operation.clone(),
            kind: suspect.kind.name().to_owned(),
            confirmed: given.confirmed,
            by: given.by.clone(),
            at: now,
        };
        self.feedback.retain(|known| !known.is_about(suspect));
        if self.feedback.len() >= MAX_FEEDBACK {
            self.feedback.remove(0);
        }
        self.feedback.push(feedback);
        self.rank();
        self.feedback.last()
    }

    /// The incident in a sentence or a few, and what people said of its suspects.
    #[must_use]
    pub fn summary(&self) -> String {
        let mut summary = self.incident.summary.clone();
        for said in &self.feedback {
            let by = if said.by.is_empty() { "A person" } else { &said.by };
            let word = if said.confirmed { "was the cause" } else { "was not the cause" };
            let (service, kind) = (&said.service, &said.kind);
            let _ = write!(summary, " {by} says that {service} ({kind}) {word}.");
        }
        summary
    }

    /// What a person confirmed comes first, what was rejected last.
    fn rank(&mut self) {
        let said = |suspect: &Suspect| {
            let feedback = self.feedback.iter().find(|feedback| feedback.is_about(suspect));
            feedback.map_or(1, |feedback| if feedback.confirmed { 0 } else { 2 })
        };
        self.incident.suspects.sort_by_key(|suspect| (said(suspect), suspect.rank));
        for (rank, suspect) in (1..).zip(&mut self.incident.suspects) {
            suspect.rank = rank;
        }
    }

    /// Whether alerts about a service can have this incident as their cause: they share the cause, or it raises alerts below theirs.
    pub(super) fn explains(&self, group: &Group) -> bool {
        let suspects = self.incident.suspects.iter().take(3);
        let about = group.about();
        suspects.enumerate().any(|(at, suspect)| {
            suspect.service == about
                || at == 0 && group.services.iter().any(|(service, _)| *service == suspect.service)
        })
    }

    /// Whether it goes on.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.incident.state == State::Open
    }
}

impl Feedback {
    pub(super) fn is_about(&self, suspect: &Suspect) -> bool {
        self.service == suspect.service
            && self.operation == suspect.operation
            && self.kind == suspect.kind.name()
    }
}

/// Words in the names of alerts, and what in a service they speak of.
const WORDS: [(&str, SuspectKind); 16] = [
    ("queue", SuspectKind::Queue),
    ("lag", SuspectKind::Queue),
    ("backlog", SuspectKind::Queue),
    ("database", SuspectKind::Database),
    ("postgres", SuspectKind::Database),
    ("oracle", SuspectKind::Database),
    ("deadlock", SuspectKind::Database),
    ("sql", SuspectKind::Database),
    ("network", SuspectKind::Network),
    ("packet", SuspectKind::Network),
    ("dns", SuspectKind::Network),
    ("node", SuspectKind::Host),
    ("disk", SuspectKind::Host),
    ("oomkill", SuspectKind::Host),
    ("partner", SuspectKind::Partner),
    ("scan", SuspectKind::Security),
];

fn incident_of(group: &Group, id: String, department: &str) -> Incident {
    let names: String = group.names.iter().map(|(name, _)| name.to_lowercase()).collect();
    let kind =
        WORDS.iter().find(|(word, _)| names.contains(word)).map_or(SuspectKind::Own, |(_, kind)| *kind);
    let share = group.services.iter().find(|(service, _)| service == group.about());
    let told = |list: &[(String, u64)]| {
        let told: Vec<_> = list.iter().take(3).map(|(name, count)| format!("{name} ({count})")).collect();
        told.join(", ")
    };
    let about = group.about().to_owned();
    let mut evidence = vec![format!("{} alerts began with {}", group.alerts, group.first)];
    if group.services.len() > 1 {
        evidence.push(format!(
            "{} services raise alerts: {}; the others call {} on the paths that transactions take",
            group.services.len(),
            told(&group.services),
            group.about()
        ));
    }
    evidence.push(format!("alerts by name: {}", told(&group.names)));
    let suspect = Suspect {
        rank: 1,
        service: if matches!(group.cause, CauseKey::Service(_)) { about.clone() } else { String::new() },
        department: department.to_owned(),
        operation: if matches!(group.cause, CauseKey::Name(_)) { about.clone() } else { String::new() },
        instance: String::new(),
        version: String::new(),
        kind,
        score: share.map_or(1.0, |(_, count)| *count as f64 / group.firing.max(1) as f64),
        excess_ms: 0.0,
        transactions: 0,
        evidence,
        figures: Vec::new(),
    };
    Incident {
        id,
        state: if group.end == 0 { State::Open } else { State::Recovered },
        detected_at: group.opened,
        start: group.start,
        end: (group.end != 0).then_some(group.end),
        suspects: vec![suspect],
        summary: summary_of(group, department),
        ..Incident::default()
    }
}

fn summary_of(group: &Group, department: &str) -> String {
    let (alerts, about) = (group.alerts, group.about());
    let said = match &group.cause {
        CauseKey::Service(_) => {
            let owner = if department.is_empty() { String::new() } else { format!(" ({department})") };
            let services = match group.services.len() {
                0 | 1 => "one service".to_owned(),
                several => format!("{several} services"),
            };
            format!("{alerts} alerts from {services} point to {about}{owner}")
        }
        CauseKey::Department(_) => {
            format!("{alerts} alerts point to the department {about}, to no service of it")
        }
        CauseKey::Name(_) => format!("{alerts} alerts called {about} fit no service and no department"),
    };
    format!("{said}; no transaction shows it so far.")
}
