//! Versions of incidents and states of alerts.

use throughline_assembly::incidents::{AlertRow, FoundBy, Report, Row};

use super::{Encoded, day_of, stored_time};
use crate::native::{Block, Dictionary};
use crate::schema::table;

/// The columns of a block of incidents, in order.
pub(crate) const INCIDENT_COLUMNS: [&str; 22] = [
    "Id",
    "Version",
    "Tenant",
    "State",
    "FoundBy",
    "Detected",
    "Start",
    "End",
    "Updated",
    "Department",
    "Service",
    "Operation",
    "Kind",
    "Instance",
    "Transactions",
    "Customers",
    "Amount",
    "ExcessMs",
    "Alerts",
    "PartOf",
    "Summary",
    "Document",
];

/// The columns of a block of alerts, in order.
pub(crate) const ALERT_COLUMNS: [&str; 13] = [
    "Fingerprint",
    "Start",
    "Version",
    "Name",
    "Severity",
    "State",
    "End",
    "Service",
    "Department",
    "Incident",
    "Source",
    "Labels",
    "Annotations",
];

/// Rows of one batch.
#[derive(Debug, Default)]
pub struct IncidentRows {
    incidents: Vec<Report>,
    alerts: Vec<AlertRow>,
}

impl IncidentRows {
    /// Takes a row.
    pub fn add(&mut self, row: &Row) {
        match row {
            Row::Incident(report) => self.incidents.push((**report).clone()),
            Row::Alert(alert) => self.alerts.push((**alert).clone()),
        }
    }

    /// Every block: table and block. Nothing is left after.
    #[must_use]
    pub fn finish(&mut self) -> Vec<(&'static str, Encoded)> {
        let (incidents, alerts) = (std::mem::take(&mut self.incidents), std::mem::take(&mut self.alerts));
        let mut made = Vec::new();
        if let Some(first) = incidents.first() {
            let day = day_of(first.updated_at);
            made.push((
                table::INCIDENTS,
                Encoded { day, rows: incidents.len(), bytes: incident_block(&incidents).into() },
            ));
        }
        if let Some(first) = alerts.first() {
            let day = day_of(first.version);
            made.push((
                table::ALERTS,
                Encoded { day, rows: alerts.len(), bytes: alert_block(&alerts).into() },
            ));
        }
        made
    }
}

const TIME: &str = "DateTime64(9)";

fn incident_block(rows: &[Report]) -> Vec<u8> {
    let mut block = Block::new(INCIDENT_COLUMNS.len(), rows.len(), rows.len() * 4096 + 1024);
    let first = |row: &Report, pick: fn(&throughline_analysis::diagnosis::Suspect) -> &str| -> String {
        row.incident.suspects.first().map_or_else(String::new, |suspect| pick(suspect).to_owned())
    };
    text(&mut block, "Id", rows, |row| row.incident.id.clone());
    block.u64s("Version", "UInt64", rows.iter().map(|row| u64::from(row.version)));
    low(&mut block, "Tenant", rows, |row| row.incident.tenant.clone());
    low(&mut block, "State", rows, |row| state(row).to_owned());
    low(&mut block, "FoundBy", rows, |row| found_by(row).to_owned());
    for (name, time) in [
        ("Detected", (|row| row.incident.detected_at) as fn(&Report) -> u64),
        ("Start", |row| row.incident.start),
        ("End", |row| row.incident.end.unwrap_or(0)),
        ("Updated", |row| row.updated_at),
    ] {
        block.u64s(name, TIME, rows.iter().map(|row| stored_time(time(row))));
    }
    low(&mut block, "Department", rows, |row| first(row, |suspect| &suspect.department));
    low(&mut block, "Service", rows, |row| first(row, |suspect| &suspect.service));
    text(&mut block, "Operation", rows, |row| first(row, |suspect| &suspect.operation));
    low(&mut block, "Kind", rows, |row| first(row, |suspect| suspect.kind.name()));
    text(&mut block, "Instance", rows, |row| first(row, |suspect| &suspect.instance));
    block.u64s("Transactions", "UInt64", rows.iter().map(|row| row.incident.transactions));
    block.u64s("Customers", "UInt64", rows.iter().map(|row| row.incident.customers));
    block.fixed("Amount", "Float64", rows, |row| row.incident.amount.to_le_bytes());
    block.fixed("ExcessMs", "Float64", rows, |row| row.incident.excess_ms.to_le_bytes());
    block.u64s("Alerts", "UInt64", rows.iter().map(|row| row.alerts));
    text(&mut block, "PartOf", rows, |row| row.part_of.clone());
    text(&mut block, "Summary", rows, Report::summary);
    text(&mut block, "Document", rows, document);
    block.finish()
}

fn alert_block(rows: &[AlertRow]) -> Vec<u8> {
    let mut block = Block::new(ALERT_COLUMNS.len(), rows.len(), rows.len() * 600 + 1024);
    block.u64s("Fingerprint", "UInt64", rows.iter().map(|row| row.fingerprint));
    block.u64s("Start", TIME, rows.iter().map(|row| stored_time(row.starts_at)));
    block.u64s("Version", "UInt64", rows.iter().map(|row| row.version));
    low(&mut block, "Name", rows, |row| row.name.clone());
    low(&mut block, "Severity", rows, |row| row.severity.clone());
    low(&mut block, "State", rows, |row| row.state.clone());
    block.u64s("End", TIME, rows.iter().map(|row| stored_time(row.ends_at)));
    low(&mut block, "Service", rows, |row| row.service.clone());
    low(&mut block, "Department", rows, |row| row.department.clone());
    text(&mut block, "Incident", rows, |row| row.incident.clone());
    low(&mut block, "Source", rows, |row| row.source.clone());
    text(&mut block, "Labels", rows, |row| json(&row.labels));
    text(&mut block, "Annotations", rows, |row| json(&row.annotations));
    block.finish()
}

fn text<T>(block: &mut Block, name: &str, rows: &[T], of: impl Fn(&T) -> String) {
    let values: Vec<String> = rows.iter().map(of).collect();
    block.strings(name, values.iter().map(|value| value.as_bytes()));
}

fn low<T>(block: &mut Block, name: &str, rows: &[T], of: impl Fn(&T) -> String) {
    let mut dictionary = Dictionary::default();
    let numbers: Vec<u32> = rows.iter().map(|row| dictionary.intern(of(row).as_bytes())).collect();
    block.low(name, &dictionary, numbers.into_iter());
}

fn state(row: &Report) -> &'static str {
    match (row.part_of.is_empty(), row.is_open()) {
        (false, _) => "merged",
        (true, true) => "open",
        (true, false) => "recovered",
    }
}

fn found_by(row: &Report) -> &'static str {
    match row.found_by {
        FoundBy::Transactions => "transactions",
        FoundBy::Alerts => "alerts",
        FoundBy::Deployment => "deployment",
    }
}

/// Maps of strings and numbers always encode.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn document(row: &Report) -> String {
    json(row)
}
