//! The answer for one transaction: what it was, where its time went, what was unusual, its waterfall.

use std::fmt::Write as _;

use throughline_api::query::{DepartmentTime, Explanation, TransactionSummary};

use super::table::table;
use super::time::{moment, share, span};
use super::waterfall;

/// The whole answer.
pub(crate) fn draw(explanation: &Explanation) -> String {
    let mut out = String::new();
    let transaction = explanation.transaction.clone().unwrap_or_default();
    head(&mut out, &transaction, explanation);
    if !explanation.sentence.is_empty() {
        let _ = writeln!(out, "\n{}", explanation.sentence);
    }
    unusual(&mut out, explanation);
    departments(&mut out, &explanation.by_department, transaction.duration);
    let _ = write!(out, "\nPath (█ critical)\n{}", waterfall::draw(&explanation.hops, transaction.duration));
    out
}

fn head(out: &mut String, transaction: &TransactionSummary, explanation: &Explanation) {
    let outcome = if transaction.state == "in flight" { &transaction.state } else { &transaction.outcome };
    let TransactionSummary { transaction_id, r#type, traces, spans, errors, .. } = transaction;
    let _ = writeln!(out, "{type}  {transaction_id}  {outcome}  {}", span(transaction.duration));
    if !transaction.outcome_reason.is_empty() {
        let _ = writeln!(out, "  reason      {}", transaction.outcome_reason);
    }
    let _ = writeln!(out, "  began       {}", moment(transaction.start));
    let _ = writeln!(out, "  made of     {traces} traces, {spans} spans, {errors} errors");
    if explanation.keys.len() > 1 {
        let _ = writeln!(out, "  keys        {}", explanation.keys.join(", "));
    }
    let _ = writeln!(out, "  traces      {}", explanation.trace_ids.join(", "));
    for attribute in &explanation.attributes {
        let _ = writeln!(out, "  {:<10}  {}", attribute.key, attribute.value);
    }
    if transaction.state != "in flight" {
        let kept = if transaction.kept {
            format!("by `{}`", transaction.kept_by)
        } else {
            "no; the row is exact all the same".to_owned()
        };
        let _ = writeln!(out, "  spans kept  {kept}");
        if !explanation.votes.is_empty() {
            let votes = explanation.votes.iter().map(|vote| format!("{} {}", vote.policy, vote.verdict));
            let _ = writeln!(out, "  votes       {}", votes.collect::<Vec<_>>().join(", "));
        }
    }
}

fn unusual(out: &mut String, explanation: &Explanation) {
    if explanation.unusual.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nUnusual, against {} transactions of this type", explanation.compared_with);
    for line in &explanation.unusual {
        let _ = writeln!(out, "  {}", line.sentence);
    }
}

fn departments(out: &mut String, times: &[DepartmentTime], duration: u64) {
    let row = |time: &DepartmentTime| {
        let kinds = [time.own, time.database, time.network, time.queue, time.partner];
        let mut cells = vec![time.department.clone(), span(time.time), share(time.time, duration)];
        cells.extend(kinds.map(|nanos| if nanos == 0 { String::new() } else { span(nanos) }));
        cells
    };
    let rows: Vec<_> = times.iter().map(row).collect();
    let head = ["department", "time", "share", "own", "database", "network", "queue", "partner"];
    let _ = writeln!(out, "\nTime on the critical path\n{}", table(&head, &rows, 1));
}
