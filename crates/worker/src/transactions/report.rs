//! What is counted and measured of a partition.

use throughline_assembly::records::{Closed, ClosedBy, Outcome, Transaction};

use throughline_sampling::OVERLOAD;

use super::TransactionsDriver;
use crate::{
    metrics::{
        DECISIONS, LAG, LATE_SPANS, LIMIT_HITS, TRANSACTIONS_CLOSED, TRANSACTIONS_JOINED, TRANSACTIONS_OPEN,
    },
    traces::lag,
};

impl TransactionsDriver {
    pub(super) fn report(&mut self, wall: u64) {
        let partition = self.partition.to_string();
        metrics::gauge!(TRANSACTIONS_OPEN, "partition" => partition.clone()).set(self.fold.sizes().0 as f64);
        metrics::gauge!(LAG, "stage" => "transactions", "partition" => partition).set(lag(wall));
        let counts = self.fold.take_counts();
        metrics::counter!(TRANSACTIONS_JOINED).increment(counts.joined);
        for (limit, hits) in [
            ("log.retention.size_gib", counts.closed_by_limit),
            ("transactions.max_traces", counts.over_max_traces),
        ] {
            metrics::counter!(LIMIT_HITS, "limit" => limit).increment(hits);
        }
    }

    /// Counts what was decided. Types that are not configured share a label: their names come from outside.
    pub(super) fn count(&self, closed: &Closed) {
        let Some(row) = &closed.row else { return };
        let decision = if row.kept { "kept" } else { "dropped" };
        if let Some(before) = &closed.before {
            let late = row.spans.saturating_sub(before.spans);
            metrics::counter!(LATE_SPANS, "decision" => decision).increment(u64::from(late));
            return;
        }
        let outcome = Outcome::try_from(row.outcome).unwrap_or_default().as_text();
        let closed_by = ClosedBy::try_from(row.closed_by).unwrap_or_default().as_text();
        let known = self.fold.rules().types.iter().any(|kind| *kind.name == *row.r#type);
        let kind = if known { row.r#type.clone() } else { "(other)".to_owned() };
        let labels = [("type", kind), ("closed_by", closed_by.into()), ("outcome", outcome.into())];
        metrics::counter!(TRANSACTIONS_CLOSED, &labels).increment(1);
        if is_shed(row) {
            metrics::counter!(LIMIT_HITS, "limit" => "sampling.max_transactions_per_second").increment(1);
        }
        let policy = policy_of(row);
        metrics::counter!(DECISIONS, "policy" => policy, "decision" => decision).increment(1);
    }
}

/// Whether overload kept it from the policies.
fn is_shed(row: &Transaction) -> bool {
    !row.kept && row.keep_reason.starts_with(OVERLOAD)
}

/// The policy that kept or dropped it, as a label: what says more than a name would make as many labels as there are transactions.
fn policy_of(row: &Transaction) -> String {
    match row.votes.first() {
        _ if row.kept => row.kept_by.clone(),
        _ if is_shed(row) => format!("({OVERLOAD})"),
        Some(vote) if vote.verdict == "drop" => vote.policy.clone(),
        _ => String::new(),
    }
}
