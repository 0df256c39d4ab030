//! What is sent.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;
use throughline_api::query::Incident;

use crate::limits::HOLDS;

/// The name of every alert that is sent.
const NAME: &str = "ThroughlineIncident";

/// Reasons that an alert's text gives.
const REASONS: usize = 5;

/// An alert, as Alertmanager's API takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    starts_at: String,
    ends_at: String,
}

/// What a webhook is told.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    /// `opened`, `changed` or `recovered`.
    pub(crate) event: &'static str,
    pub(crate) incident: &'a Incident,
}

/// Labels of an incident's alert. They are its identity there, so they are those of when it was told first.
pub(crate) fn labels(incident: &Incident) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        ("alertname".to_owned(), NAME.to_owned()),
        (throughline_api::limits::OWN_LABEL.to_owned(), incident.id.clone()),
        ("severity".to_owned(), "critical".to_owned()),
    ]);
    let suspect = incident.suspects.first();
    for (name, value) in [
        ("department", suspect.map(|suspect| &suspect.department)),
        ("service", suspect.map(|suspect| &suspect.service)),
        ("cause", suspect.map(|suspect| &suspect.kind)),
        ("tenant", Some(&incident.tenant)),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            labels.insert(name.to_owned(), value.clone());
        }
    }
    labels
}

/// An incident as an alert: it fires for a while from `now`, or is over.
pub(crate) fn alert(incident: &Incident, labels: BTreeMap<String, String>, now: SystemTime) -> Alert {
    let is_open = incident.state == "open";
    let over = if incident.end == 0 { incident.updated_at } else { incident.end };
    let ends = if is_open { now + HOLDS } else { moment(over).max(moment(incident.start)).min(now) };
    let reasons = incident.suspects.first().map(|suspect| suspect.evidence.as_slice()).unwrap_or_default();
    let reasons: Vec<&str> = reasons.iter().take(REASONS).map(String::as_str).collect();
    let mut annotations = BTreeMap::from([
        ("summary".to_owned(), incident.summary.clone()),
        ("description".to_owned(), reasons.join("; ")),
        ("command".to_owned(), format!("throughline incidents {}", incident.id)),
    ]);
    if !incident.advice.is_empty() {
        let advice: Vec<&str> = incident.advice.iter().map(|advice| advice.text.as_str()).collect();
        annotations.insert("advice".to_owned(), advice.join("\n"));
    }
    Alert { labels, annotations, starts_at: text(moment(incident.start)), ends_at: text(ends) }
}

fn moment(unix_nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(unix_nanos)
}

fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
