//! What is counted and measured of a partition.

use std::borrow::Cow;

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
        self.tell_counts();
        let partition = self.partition.to_string();
        metrics::gauge!(TRANSACTIONS_OPEN, "partition" => partition.clone()).set(self.fold.sizes().0 as f64);
        metrics::gauge!(LAG, "stage" => "transactions", "partition" => partition).set(lag(wall));
        let counts = self.fold.take_counts();
        metrics::counter!(TRANSACTIONS_JOINED).increment(counts.joined);
        let decided = self.decider.take_counts();
        for (limit, hits) in [
            ("log.retention.size_gib", counts.closed_by_limit),
            ("transactions.max_traces", counts.over_max_traces),
            ("transactions.list_bytes", decided.lists_cut),
            ("transactions.span_times", decided.without_times),
        ] {
            metrics::counter!(LIMIT_HITS, "limit" => limit).increment(hits);
        }
    }

    /// Counts what was decided; told with the next report.
    pub(super) fn count(&mut self, closed: &Closed) {
        let Some(row) = &closed.row else { return };
        if let Some(before) = &closed.before {
            let late = row.spans.saturating_sub(before.spans);
            metrics::counter!(LATE_SPANS, "decision" => decision(row.kept)).increment(u64::from(late));
            return;
        }
        let kind = self.fold.rules().types.iter().position(|kind| *kind.name == *row.r#type);
        let policy = policy_of(row);
        let (closed_by, outcome, kept) = (row.closed_by, row.outcome, row.kept);
        let same = |tally: &&mut Tally| {
            (tally.kind, tally.closed_by, tally.outcome, tally.kept) == (kind, closed_by, outcome, kept)
                && tally.policy == policy
        };
        match self.tallies.iter_mut().find(same) {
            Some(tally) => tally.count += 1,
            None => {
                let policy = policy.into_owned();
                let shed = is_shed(row);
                self.tallies.push(Tally { kind, closed_by, outcome, kept, shed, policy, count: 1 });
            }
        }
    }

    /// Types that are not configured share a label: their names come from outside.
    pub(super) fn tell_counts(&mut self) {
        for tally in std::mem::take(&mut self.tallies) {
            let outcome = Outcome::try_from(tally.outcome).unwrap_or_default().as_text();
            let closed_by = ClosedBy::try_from(tally.closed_by).unwrap_or_default().as_text();
            let known = tally.kind.and_then(|kind| self.fold.rules().types.get(kind));
            let kind = known.map_or_else(|| "(other)".to_owned(), |kind| kind.name.to_string());
            let labels = [("type", kind), ("closed_by", closed_by.into()), ("outcome", outcome.into())];
            metrics::counter!(TRANSACTIONS_CLOSED, &labels).increment(tally.count);
            if tally.shed {
                metrics::counter!(LIMIT_HITS, "limit" => "sampling.max_transactions_per_second")
                    .increment(tally.count);
            }
            metrics::counter!(DECISIONS, "policy" => tally.policy, "decision" => decision(tally.kept))
                .increment(tally.count);
        }
    }
}

/// Decisions that are alike, since the last report: there are as many as labels, and asking for a counter costs more than counting.
pub(super) struct Tally {
    /// Place of the type, where it is configured.
    kind: Option<usize>,
    closed_by: i32,
    outcome: i32,
    kept: bool,
    shed: bool,
    policy: String,
    count: u64,
}

fn decision(kept: bool) -> &'static str {
    if kept { "kept" } else { "dropped" }
}

/// Whether overload kept it from the policies.
fn is_shed(row: &Transaction) -> bool {
    !row.kept && row.keep_reason.starts_with(OVERLOAD)
}

/// The policy that kept or dropped it, as a label: what says more than a name would make as many labels as there are transactions.
fn policy_of(row: &Transaction) -> Cow<'_, str> {
    match row.votes.first() {
        _ if row.kept => row.kept_by.as_str().into(),
        _ if is_shed(row) => format!("({OVERLOAD})").into(),
        Some(vote) if vote.verdict == "drop" => vote.policy.as_str().into(),
        _ => "".into(),
    }
}
