//! What policies made of a transaction, and how its row says so.

use serde::{Deserialize, Serialize};
use throughline_sampling::{Decision, Verdict as Voted};

use crate::records::{Closed, Transaction, Vote};

/// What `KeptBy` says where `sampling.dry_run` kept it.
pub const DRY_RUN: &str = "dry_run";

/// A decision that owns its words: it outlives the policies that made it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether it is kept.
    pub keep: bool,
    /// The first policy that voted keep; empty where it is not kept.
    pub kept_by: String,
    /// Why; the policy that dropped it; empty where nothing kept it.
    pub reason: String,
    /// How many transactions it stands for; 0 where it is not kept.
    pub weight: f64,
    /// Policies that voted, and what.
    pub votes: Vec<(String, String)>,
}

impl From<Decision<'_>> for Verdict {
    fn from(decision: Decision<'_>) -> Self {
        let vote = |(policy, verdict): (&str, Voted)| (policy.to_owned(), text(verdict).to_owned());
        Self {
            keep: decision.keep,
            kept_by: decision.policy.unwrap_or_default().to_owned(),
            reason: decision.reason,
            weight: decision.weight,
            votes: decision.votes.into_iter().map(vote).collect(),
        }
    }
}

fn text(verdict: Voted) -> &'static str {
    match verdict {
        Voted::Keep => "keep",
        Voted::Drop => "drop",
        Voted::Nothing => "nothing",
        Voted::Waits => "limit",
    }
}

impl Verdict {
    /// The record of what was offered and is not kept, nor was any part of it before: it needs no more than what was there when it was offered.
    #[must_use]
    pub fn of_draft(self, mut draft: Closed) -> Closed {
        if let Some(row) = &mut draft.row {
            self.write(row, [None, None], false);
        }
        draft
    }

    /// What a dry run makes of it: kept as it is, with the word of what would have been.
    fn kept_anyway(self) -> Self {
        let reason = match (self.keep, self.kept_by.as_str(), self.reason.as_str()) {
            (true, policy, _) => format!("would be kept by {policy}"),
            (false, _, "") => "would not be kept".to_owned(),
            (false, _, why) => format!("would not be kept: {why}"),
        };
        Self { keep: true, kept_by: DRY_RUN.to_owned(), reason, weight: 1.0, votes: self.votes }
    }

    /// Writes it into a row. What was kept before, as it was or as a part that another name had, stays kept, by what kept it first: keeps only ever turn on. Draws
    /// are made by the id, so one that is kept both times would have been by the greater of both probabilities: it stands for the smaller weight. What another
    /// id's draw kept weighs nothing where the final one's does not keep it.
    pub(super) fn write(self, row: &mut Transaction, earlier: [Option<&Transaction>; 2], dry_run: bool) {
        let now = if dry_run { self.kept_anyway() } else { self };
        row.kept = now.keep;
        row.weight = now.weight;
        row.kept_by = now.kept_by;
        row.keep_reason = now.reason;
        let vote = |(policy, verdict)| Vote { policy, verdict };
        row.votes = now.votes.into_iter().map(vote).collect();
        let Some(before) = earlier.into_iter().flatten().find(|before| before.kept) else { return };
        // A row that weighs nothing was kept by another id's draw, whose spans became this one's.
        if before.transaction_id != row.transaction_id || before.weight == 0.0 {
            if now.keep {
                return;
            }
            row.weight = 0.0;
        } else if now.keep {
            row.weight = row.weight.min(before.weight);
        } else {
            row.weight = before.weight;
        }
        row.kept = true;
        row.kept_by.clone_from(&before.kept_by);
        row.keep_reason.clone_from(&before.keep_reason);
        if !now.keep {
            row.votes.clone_from(&before.votes);
        }
    }
}
