//! One transaction's row and decision, from its traces' summaries: a pure function of them and of the rules.

pub(crate) mod facts;
mod input;
mod kept;
mod outcome;
mod row;
mod verdict;

use throughline_analysis::Workspace;
use throughline_sampling::{Offer as Offered, Sampler, Transaction};

use self::input::Input;
pub use self::verdict::{DRY_RUN, Verdict};
use crate::{
    place::Place,
    records::{Closed, ClosedBy, Offer, Outcome, TraceSummary, Transaction as Row},
    rules::Rules,
    transactions::{Closing, Member},
};

/// A summary and its place in the summary log.
pub type Positioned<'a> = (Place, &'a TraceSummary);

/// What becomes of a closing transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// Its record.
    Closed(Box<Closed>),
    /// Policies hang on what was offered before: this record asks them. Beside it what the decision's record will be if it is not kept, but for the
    /// verdict ([`Verdict::of_draft`]).
    Offer(Box<Offer>, Box<Closed>),
}

/// Limits that decisions hit since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeciderCounts {
    /// Lists of keys, services or departments that a row has only a part of.
    pub lists_cut: u64,
    /// Transactions whose spans are written without their own times.
    pub without_times: u64,
}

/// Decides transactions; holds only scratch and what it counted.
#[derive(Default)]
pub struct Decider {
    workspace: Workspace,
    counts: DeciderCounts,
}

impl Decider {
    /// The record that closes a transaction, or offers it. `sampler` is the fold's ([`crate::transactions::Transactions::sampler`]). `summaries` are those of
    /// `closing`, less those that are gone; `before` is the record of the row before, where there is one, and `joined` that of [`Closing::kept_from`].
    pub fn decide(
        &mut self,
        (rules, sampler): (&Rules, &Sampler),
        closing: &Closing,
        summaries: &[Positioned<'_>],
        before: Option<&Closed>,
        joined: Option<&Closed>,
    ) -> Decided {
        if closing.take_back {
            return Decided::Closed(Box::new(taken_back(closing, before)));
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
        let new_ones: Vec<Positioned<'_>>;
        let summaries = if fragment {
            new_ones = summaries
                .iter()
                .filter(|(place, _)| new.iter().any(|member| member.place() == *place))
                .copied()
                .collect();
            &new_ones
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
        let mut row = row::build(&input, path, rules, kind, &mut self.counts.lists_cut);
        row.outcome = outcome.into();
        row.outcome_reason = outcome_reason;
        let captured = row::attributes(&input);
        let offer = closing.verdict.is_none() && before.is_none() && rules.policies.is_stateful();
        let mut offered = None;
        let known = before.and_then(|before| before.row.as_ref());
        let verdict = match &closing.verdict {
            Some(verdict) => verdict.clone(),
            None => {
                let lists = facts::Lists::new(&row, &captured, &rules.policies);
                let usual = sampler.usual(&row.r#type, closing.begun);
                let facts = facts::of(&input, path, &row, &lists, (&id, rules, kind), usual);
                if offer {
                    offered = Some(Box::new(facts::offer(closing, rules, &facts)));
                    Verdict::default()
                } else if known.is_some() {
                    sampler.amend(&rules.policies, &facts).into()
                } else {
                    by_itself(rules, &facts, closing.share)
                }
            }
        };
        row.attributes = row::wanted(captured, rules);
        name(&mut row, id, closing, fragment, known);
        let earlier = if fragment { [None, None] } else { [before, joined] };
        let dry_run = rules.settings.sampling.dry_run && !offer;
        verdict.write(&mut row, earlier.map(|closed| closed?.row.as_ref()), dry_run);
        let to_write = if fragment { new } else { &closing.members };
        let (kept, over) =
            if row.kept { kept::spans(&input, path, summaries, to_write) } else { Default::default() };
        self.counts.without_times += u64::from(over);
        let written = |member: &Member| if row.kept { member.written() } else { *member };
        let members = closing.members.iter().map(|member| written(member).packed()).collect();
        let (name_high, name_low) = closing.name.halves();
        let closed = Box::new(Closed {
            first_start: before.map_or(path.start, |before| before.first_start),
            row: Some(row),
            version: closing.version,
            kept,
            members,
            terminals: input.terminals(),
            before: before.and_then(|before| before.row.clone()),
            name_high,
            name_low,
        });
        match offered {
            Some(offer) => Decided::Offer(offer, closed),
            None => Decided::Closed(closed),
        }
    }
}

impl Decider {
    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> DeciderCounts {
        std::mem::take(&mut self.counts)
    }
}

/// Id and reason of closing. A fragment has an id of its own, and stays one.
fn name(row: &mut Row, id: String, closing: &Closing, fragment: bool, known: Option<&Row>) {
    row.closed_by = closing.closed_by.into();
    row.transaction_id = id;
    if fragment {
        let last = closing.members.last().map_or(0, |member| member.place().packed());
        row.closed_by = ClosedBy::Late.into();
        row.transaction_id = format!("{}@{last}", row.transaction_id);
    } else if let Some(known) = known.filter(|known| known.closed_by() == ClosedBy::Late) {
        row.closed_by = known.closed_by;
        row.transaction_id.clone_from(&known.transaction_id);
    }
}

/// By policies that hang on nothing but the transaction.
fn by_itself(rules: &Rules, facts: &Transaction<'_>, share: f64) -> Verdict {
    let mut sampler = Sampler::new(&rules.policies);
    sampler.shed(share);
    match sampler.offer(&rules.policies, facts, 0) {
        Offered::Decided(decision) => decision.into(),
        // Only limits wait, and these policies have none.
        Offered::Pending(_) => Verdict::default(),
    }
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
