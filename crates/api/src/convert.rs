//! Rows, stored or still in flight, as messages of the API.

use throughline_assembly::records::{ClosedBy, Outcome, Transaction};
use throughline_clickhouse::questions::{HopBaseline, TransactionRow};

use crate::{
    explain::{Baseline, Usual},
    query::{ExplainedAttribute, ExplainedHop, Explanation, PolicyVote, TransactionSummary},
};

/// Names of kinds, as `Hops.Kind` has them.
const KINDS: [&str; 5] = ["own", "database", "network", "queue", "partner"];

/// State of what is stored, and of what is not decided yet.
const STORED: &str = "stored";
const IN_FLIGHT: &str = "in flight";

/// A stored row, explained as far as the row goes.
pub(crate) fn stored(row: TransactionRow) -> Explanation {
    let hops = stored_hops(&row);
    let mut summary = TransactionSummary {
        transaction_id: row.transaction_id,
        r#type: row.kind,
        state: STORED.to_owned(),
        start: row.start,
        duration: row.duration,
        outcome: row.outcome,
        outcome_reason: row.outcome_reason,
        traces: row.trace_ids.len() as u32,
        spans: row.spans,
        errors: row.errors,
        departments: row.departments,
        kept: row.kept,
        kept_by: row.kept_by,
        ..TransactionSummary::default()
    };
    name_slowest(&mut summary, &hops);
    Explanation {
        transaction: Some(summary),
        keys: row.keys,
        trace_ids: row.trace_ids,
        attributes: row
            .attributes
            .into_iter()
            .map(|(key, value)| ExplainedAttribute { key, value })
            .collect(),
        keep_reason: row.keep_reason,
        weight: row.weight,
        closed_by: row.closed_by,
        skew_corrected: row.skew_corrected,
        spans_lost: row.spans_lost,
        votes: row.votes.into_iter().map(|(policy, verdict)| PolicyVote { policy, verdict }).collect(),
        hops,
        ..Explanation::default()
    }
}

fn stored_hops(row: &TransactionRow) -> Vec<ExplainedHop> {
    let hops = &row.hops;
    let text = |column: &[String], index: usize| column.get(index).cloned().unwrap_or_default();
    let word = |column: &[u64], index: usize| column.get(index).copied().unwrap_or(0);
    let number = |column: &[u32], index: usize| column.get(index).copied().unwrap_or(0);
    (0..hops.service.len())
        .map(|index| ExplainedHop {
            department: text(&hops.department, index),
            service: text(&hops.service, index),
            operation: text(&hops.operation, index),
            version: text(&hops.version, index),
            instance: text(&hops.instance, index),
            kind: text(&hops.kind, index),
            parent: hops.parent.get(index).copied().unwrap_or(-1),
            count: number(&hops.count, index),
            start: hops.start.get(index).copied().unwrap_or(0),
            duration: word(&hops.duration, index),
            self_: word(&hops.own, index),
            network: word(&hops.network, index),
            queue: word(&hops.queue, index),
            critical: word(&hops.critical, index),
            critical_network: word(&hops.critical_network, index),
            critical_queue: word(&hops.critical_queue, index),
            errors: number(&hops.errors, index),
        })
        .collect()
}

/// An open transaction as it would be if it closed now.
pub(crate) fn in_flight(row: Transaction) -> Explanation {
    let hops = open_hops(&row);
    let outcome = Outcome::try_from(row.outcome).unwrap_or_default().as_text().to_owned();
    let mut summary = TransactionSummary {
        transaction_id: row.transaction_id,
        r#type: row.r#type,
        state: IN_FLIGHT.to_owned(),
        start: row.start,
        duration: row.end - row.start,
        outcome,
        outcome_reason: row.outcome_reason,
        traces: row.trace_ids.len() as u32,
        spans: row.spans,
        errors: row.errors,
        departments: row.departments,
        kept: row.kept,
        kept_by: row.kept_by,
        ..TransactionSummary::default()
    };
    name_slowest(&mut summary, &hops);
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect();
    Explanation {
        transaction: Some(summary),
        keys: row.keys,
        trace_ids: row.trace_ids.iter().map(|id| hex(id)).collect(),
        attributes: row
            .attributes
            .into_iter()
            .map(|attribute| ExplainedAttribute { key: attribute.key, value: attribute.value })
            .collect(),
        keep_reason: row.keep_reason,
        weight: row.weight,
        closed_by: ClosedBy::try_from(row.closed_by).unwrap_or_default().as_text().to_owned(),
        skew_corrected: row.skew_corrected,
        spans_lost: row.spans_lost,
        votes: row
            .votes
            .into_iter()
            .map(|vote| PolicyVote { policy: vote.policy, verdict: vote.verdict })
            .collect(),
        hops,
        ..Explanation::default()
    }
}

fn open_hops(row: &Transaction) -> Vec<ExplainedHop> {
    let Some(hops) = &row.hops else { return Vec::new() };
    let text = |column: &[u32], index: usize| {
        column.get(index).map(|name| hops.text(*name).to_owned()).unwrap_or_default()
    };
    let word = |column: &[u64], index: usize| column.get(index).copied().unwrap_or(0);
    let number = |column: &[u32], index: usize| column.get(index).copied().unwrap_or(0);
    (0..hops.service.len())
        .map(|index| ExplainedHop {
            department: text(&hops.department, index),
            service: text(&hops.service, index),
            operation: text(&hops.operation, index),
            version: text(&hops.version, index),
            instance: text(&hops.instance, index),
            kind: KINDS.get(number(&hops.kind, index) as usize).copied().unwrap_or(KINDS[0]).to_owned(),
            parent: hops.parent.get(index).copied().unwrap_or(-1),
            count: number(&hops.count, index),
            start: hops.start.get(index).copied().unwrap_or(0),
            duration: word(&hops.duration, index),
            self_: word(&hops.self_, index),
            network: word(&hops.network, index),
            queue: word(&hops.queue, index),
            critical: word(&hops.critical, index),
            critical_network: word(&hops.critical_network, index),
            critical_queue: word(&hops.critical_queue, index),
            errors: number(&hops.errors, index),
        })
        .collect()
}

/// The department with the most time on the critical path.
fn name_slowest(summary: &mut TransactionSummary, hops: &[ExplainedHop]) {
    let departments = crate::explain::by_department(hops);
    if let Some(first) = departments.into_iter().next() {
        summary.slowest_department = first.department;
        summary.slowest_time = first.time;
    }
}

/// Medians of a type, as explanations use them.
pub(crate) fn baseline(rows: Vec<HopBaseline>) -> Baseline {
    let transactions = rows.iter().map(|row| row.hops).max().unwrap_or(0);
    let usual = |row: HopBaseline| Usual {
        department: row.department,
        service: row.service,
        operation: row.operation,
        own: row.own as u64,
        network: row.network as u64,
        queue: row.queue as u64,
    };
    Baseline { hops: rows.into_iter().map(usual).collect(), transactions }
}
