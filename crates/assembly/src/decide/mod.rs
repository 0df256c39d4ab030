//! One transaction's row and decision, from its traces' summaries: a pure function of them and of the rules.

mod input;
mod kept;
mod outcome;
mod row;

use throughline_analysis::Workspace;
use throughline_sampling::TransactionFacts;

use self::input::Input;
use crate::{
    place::Place,
    records::{Closed, ClosedBy, Outcome, TraceSummary, Transaction},
    rules::Rules,
    transactions::{Closing, Member},
};

/// A summary and its place in the summary log.
pub type Positioned<'a> = (Place, &'a TraceSummary);

/// Decides transactions; holds only scratch.
#[derive(Default)]
pub struct Decider {
    workspace: Workspace,
}

impl Decider {
    /// The record that closes a transaction. `summaries` are those of `closing`, less those that are gone; `before` is the record of the row before, where
    /// there is one, and `joined` that of [`Closing::kept_from`].
    pub fn decide(
        &mut self,
        rules: &Rules,
        closing: &Closing,
        summaries: &[Positioned<'_>],
        before: Option<&Closed>,
        joined: Option<&Closed>,
    ) -> Closed {
        if closing.take_back {
            return taken_back(closing, before);
        }
        // Traces of before whose summaries are gone make this a fragment: a row of its own, of what is new, that overwrites nothing it does not know.
        // So do late spans alone, of a trace whose own transaction nobody remembers. A key that they bring may be new.
        let is_late = |summary: &TraceSummary| summary.late && summary.keys.is_empty();
        let forgotten = closing.version == 1
            && !summaries.is_empty()
            && summaries.iter().all(|(_, summary)| is_late(summary));
        let fragment = forgotten
            || closing.previous.is_some() && (before.is_none() || summaries.len() < closing.members.len());
        let new = closing.members.get(closing.covered as usize..).unwrap_or_default();
        let alone: Vec<Positioned<'_>>;
        let summaries = if fragment {
            alone = summaries
                .iter()
                .filter(|(place, _)| new.iter().any(|member| member.place() == *place))
                .copied()
                .collect();
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
            row.transaction_id =
                format!("{id}@{}", closing.members.last().map_or(0, |member| member.place().packed()));
        }
        // A fragment stays one.
        if let Some(known) = before.and_then(|before| before.row.as_ref())
            && known.closed_by() == ClosedBy::Late
        {
            row.closed_by = known.closed_by;
            row.transaction_id.clone_from(&known.transaction_id);
        }
        if !fragment {
            keep_on(&mut row, [before, joined]);
        }
        let to_write = if fragment { new } else { &closing.members };
        let kept = if row.kept { kept::spans(&input, path, summaries, to_write) } else { Vec::new() };
        let written = |member: &Member| if row.kept { member.written() } else { *member };
        let members = closing.members.iter().map(|member| written(member).packed()).collect();
        let (name_high, name_low) = closing.name.halves();
        Closed {
            first_start: before.map_or(path.start, |before| before.first_start),
            row: Some(row),
            version: closing.version,
            kept,
            members,
            terminals,
            before: before.and_then(|before| before.row.clone()),
            name_high,
            name_low,
        }
    }
}

/// Keeps only ever turn on, and the first of them stays the reason. A draw is made by the final id: one that was made by another keeps spans, and weighs nothing.
fn keep_on(row: &mut Transaction, earlier: [Option<&Closed>; 2]) {
    let rows = earlier.into_iter().flatten().filter_map(|closed| closed.row.as_ref());
    let Some(kept) = rows.into_iter().find(|earlier| earlier.kept) else { return };
    let same = kept.transaction_id == row.transaction_id;
    if same {
        row.weight = kept.weight;
    } else if !row.kept {
        row.weight = 0.0;
    }
    if same || !row.kept {
        row.kept_by.clone_from(&kept.kept_by);
        row.keep_reason.clone_from(&kept.keep_reason);
    }
    row.kept = true;
}

/// The end of a row whose transaction belongs to another name now.
fn taken_back(closing: &Closing, before: Option<&Closed>) -> Closed {
    let (name_high, name_low) = closing.name.halves();
    Closed {
        version: closing.version,
        first_start: before.map_or(0, |before| before.first_start),
        before: before.and_then(|before| before.row.clone()),
        name_high,
        name_low,
        ..Closed::default()
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
