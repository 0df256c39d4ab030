//! One transaction's row and decision, from its traces' summaries: a pure function of them and of the rules.

mod input;
mod kept;
mod outcome;
mod row;

use throughline_analysis::Workspace;
use throughline_sampling::TransactionFacts;

use self::input::Input;
use crate::{
    records::{Closed, ClosedBy, Outcome, TraceSummary},
    rules::Rules,
    transactions::Closing,
};

/// A summary and its position in this partition of the summary log.
pub type Positioned<'a> = (u64, &'a TraceSummary);

/// Decides transactions; holds only scratch.
#[derive(Default)]
pub struct Decider {
    workspace: Workspace,
}

impl Decider {
    /// The record that closes a transaction. `summaries` are those of `closing`, less those that are gone; `before` is the record of the row before, where
    /// there is one.
    pub fn decide(
        &mut self,
        rules: &Rules,
        closing: &Closing,
        summaries: &[Positioned<'_>],
        before: Option<&Closed>,
    ) -> Closed {
        // Traces of before whose summaries are gone make this a fragment: a row of its own, of what is new, that overwrites nothing it does not know.
        // So do late spans alone, of a trace whose own transaction nobody remembers. A key that they bring may be new.
        let is_late = |summary: &TraceSummary| summary.late && summary.keys.is_empty();
        let forgotten = closing.version == 1
            && !summaries.is_empty()
            && summaries.iter().all(|(_, summary)| is_late(summary));
        let fragment = forgotten
            || closing.version > 1 && (before.is_none() || summaries.len() < closing.summaries.len());
        let new = closing.summaries.get(closing.covered as usize..).unwrap_or_default();
        let alone: Vec<Positioned<'_>>;
        let summaries = if fragment {
            alone = summaries.iter().filter(|(position, _)| new.contains(position)).copied().collect();
            &alone
        } else {
            summaries
        };
        let before = before.filter(|_| !fragment);
        let input = Input::collect(summaries, rules);
        let path = self.workspace.analyse(
            &input.spans,
            &input.links,
            input.traces.len() as u32,
            &input.analysis_rules(rules),
        );
        let kind = input.kind(rules, path);
        let (outcome, outcome_reason) = outcome::of(&input, path, rules, kind);
        let id = input.transaction_id(closing.name);
        let facts = TransactionFacts {
            id: &id,
            matches: input.matches,
            statuses: input.statuses,
            spans: input.spans.len() as u64,
            longest_trace_ns: input.longest_trace(),
            duration_ns: path.end - path.start,
        };
        let decision = rules.policies.decide(&facts);
        let terminals = input.summaries.iter().fold(0, |bits, summary| bits | summary.terminals);
        let mut row = row::build(&input, path, rules, kind);
        row.transaction_id = id.clone();
        row.closed_by = closing.closed_by.into();
        row.outcome = outcome.into();
        row.outcome_reason = outcome_reason;
        row.kept = decision.keep;
        row.weight = decision.weight;
        row.kept_by =
            if decision.keep { decision.policy.unwrap_or_default().to_owned() } else { String::new() };
        row.keep_reason = decision.reason;
        if fragment {
            row.closed_by = ClosedBy::Late.into();
            row.transaction_id = format!("{id}@{}", closing.summaries.last().copied().unwrap_or_default());
        }
        // A fragment stays one.
        if let Some(known) = before.and_then(|before| before.row.as_ref())
            && known.closed_by() == ClosedBy::Late
        {
            row.closed_by = known.closed_by;
            row.transaction_id.clone_from(&known.transaction_id);
        }
        let was_kept = before.and_then(|before| before.row.as_ref()).filter(|row| row.kept);
        if let Some(kept) = was_kept {
            // Keeps only ever turn on, and the first of them stays the reason.
            row.kept = true;
            row.weight = kept.weight;
            row.kept_by.clone_from(&kept.kept_by);
            row.keep_reason.clone_from(&kept.keep_reason);
        }
        let written = if was_kept.is_some() || fragment { closing.covered } else { 0 };
        let kept = if row.kept { kept::spans(&input, path, summaries, closing, written) } else { Vec::new() };
        let (name_high, name_low) = closing.name.halves();
        Closed {
            first_start: before.map_or(path.start, |before| before.first_start),
            row: Some(row),
            version: closing.version,
            kept,
            summaries: closing.summaries.len() as u32,
            summary_positions: closing.summaries.clone(),
            terminals,
            before: before.and_then(|before| before.row.clone()),
            name_high,
            name_low,
        }
    }
}

impl ClosedBy {
    /// As the table has it.
    #[must_use]
    pub fn as_text(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Terminal => "terminal",
            Self::Quiet => "quiet",
            Self::Age => "age",
            Self::Size => "size",
            Self::Limit => "limit",
            Self::Late => "late",
        }
    }
}

impl Outcome {
    /// As the table has it.
    #[must_use]
    pub fn as_text(self) -> &'static str {
        match self {
            Self::Unspecified => "",
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Incomplete => "incomplete",
        }
    }
}
