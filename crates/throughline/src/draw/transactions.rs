//! A list of transactions.

use throughline_api::query::TransactionSummary;

use super::table::table;
use super::time::{moment, span};

const HEAD: [&str; 9] = [
    "start",
    "transaction",
    "type",
    "outcome",
    "kept",
    "slowest department",
    "its time",
    "duration",
    "spans",
];

/// One line each.
pub(crate) fn draw(transactions: &[TransactionSummary]) -> String {
    let rows: Vec<_> = transactions.iter().map(row).collect();
    table(&HEAD, &rows, 6)
}

fn row(transaction: &TransactionSummary) -> Vec<String> {
    let outcome = if transaction.state == "in flight" { &transaction.state } else { &transaction.outcome };
    vec![
        moment(transaction.start),
        transaction.transaction_id.clone(),
        transaction.r#type.clone(),
        outcome.clone(),
        if transaction.kept { transaction.kept_by.clone() } else { "-".to_owned() },
        transaction.slowest_department.clone(),
        span(transaction.slowest_time),
        span(transaction.duration),
        transaction.spans.to_string(),
    ]
}
