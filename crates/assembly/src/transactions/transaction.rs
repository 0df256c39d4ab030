//! One transaction, open or closed: what the fold holds of it. Its traces' summaries lie in the summary log.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::Member;
use crate::{
    names::NameHash,
    place::Place,
    records::{Closed, ClosedBy},
    rules::{Rules, TransactionType},
};

/// No configured type matched.
pub(super) const NO_TYPE: u16 = u16::MAX;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    /// More may come.
    Waiting,
    /// Its row is being decided: `Closing::sequence`.
    Closing(u64),
    /// It was offered to policies, and waits for their verdict or for its record.
    Offered,
    /// Its row is decided.
    Closed,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Transaction {
    pub(super) name: NameWords,
    pub(super) generation: u32,
    pub(super) state: State,
    /// Index in the rules' types, or [`NO_TYPE`].
    pub(super) kind: u16,
    /// Hash of its tenant's name.
    pub(super) tenant: u32,
    /// Version of its last row; 0 before the first.
    pub(super) version: u32,
    /// The last row's version is at least this, for rows that were taken back when they were joined to this one may have had its id.
    pub(super) floor: u32,
    /// Members that the last row covers.
    pub(super) covered: u32,
    /// The last row is kept.
    pub(super) kept: bool,
    /// Fold time of its first and its last summary.
    pub(super) opened: u64,
    pub(super) last: u64,
    /// Fold time of its last decision.
    pub(super) closed_at: u64,
    /// Fold time when its terminal step was seen; 0 before.
    pub(super) terminal: u64,
    /// Terminal bits seen.
    pub(super) terminals: u64,
    /// Start of its earliest trace so far, whose root says the type.
    pub(super) first_start: u64,
    /// The moment at which a timer will look at it.
    pub(super) timer: u64,
    /// The record that holds its last row, position + 1; 0 before the first.
    pub(super) previous: u64,
    /// A decision by which spans of another name's part were written, before that was joined to this one.
    pub(super) kept_from: Option<Place>,
    /// Its summaries, in the order of arrival.
    pub(super) members: SmallVec<[Member; 3]>,
    /// The oldest records that hold bytes of its spans, one for each partition of the span log.
    pub(super) oldest: SmallVec<[Place; 1]>,
}

/// A name hash that serde and alignment like better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NameWords(u64, u64);

impl From<NameHash> for NameWords {
    fn from(name: NameHash) -> Self {
        let (high, low) = name.halves();
        Self(high, low)
    }
}

impl From<NameWords> for NameHash {
    fn from(words: NameWords) -> Self {
        Self::joined(words.0, words.1)
    }
}

impl Transaction {
    pub(super) fn new(name: NameHash, generation: u32, now: u64) -> Self {
        Self {
            name: name.into(),
            generation,
            state: State::Waiting,
            kind: NO_TYPE,
            tenant: 0,
            version: 0,
            floor: 0,
            covered: 0,
            kept: false,
            opened: now,
            last: now,
            closed_at: 0,
            terminal: 0,
            terminals: 0,
            first_start: u64::MAX,
            timer: u64::MAX,
            previous: 0,
            kept_from: None,
            members: SmallVec::new(),
            oldest: SmallVec::new(),
        }
    }

    fn kind<'a>(&self, rules: &'a Rules) -> Option<&'a TransactionType> {
        rules.types.get(usize::from(self.kind))
    }

    /// Whether the terminal step of its type was seen.
    pub(super) fn is_complete(&self, rules: &Rules) -> bool {
        let bit = self.kind(rules).and_then(|kind| kind.terminal.as_ref()).map(|(bit, _)| *bit);
        bit.is_some_and(|bit| self.terminals & 1 << bit != 0)
    }

    /// Fold time at which it closes if nothing more comes, and why then.
    ///
    /// A type with a terminal step closes `settle` after it, else at its age: quiet time does not close it, for a queue may hold a transfer for minutes.
    pub(super) fn deadline(&self, rules: &Rules) -> (u64, ClosedBy) {
        let settings = &rules.settings.transactions;
        if self.members.len() >= settings.max_traces as usize {
            return (self.last, ClosedBy::Size);
        }
        let quiet = (self.last + settings.quiet_time, ClosedBy::Quiet);
        let Some(kind) = self.kind(rules) else {
            return earlier(quiet, (self.opened + settings.max_age, ClosedBy::Age));
        };
        let age = (self.opened + kind.max_age, ClosedBy::Age);
        if self.previous > 0 {
            // What came after the row: it is amended once nothing more comes, by the terminal step at the earliest.
            return if self.is_complete(rules) {
                (self.last + kind.settle, ClosedBy::Terminal)
            } else {
                quiet
            };
        }
        if kind.terminal.is_none() {
            return earlier(quiet, age);
        }
        let end =
            if self.is_complete(rules) { (self.terminal + kind.settle, ClosedBy::Terminal) } else { age };
        match kind.deadline {
            Some(deadline) => earlier(earlier(end, age), (self.opened + deadline, ClosedBy::Age)),
            None => earlier(end, age),
        }
    }

    /// The version of its next row.
    pub(super) fn next_version(&self) -> u32 {
        self.version.max(self.floor) + 1
    }

    /// Its row is decided.
    pub(super) fn cover(&mut self, closed: &Closed) {
        self.covered = closed.members.len() as u32;
        self.kept |= closed.row.as_ref().is_some_and(|row| row.kept);
        for (own, decided) in self.members.iter_mut().zip(&closed.members) {
            *own = Member::unpacked(*decided);
        }
    }

    /// Remembers the oldest record that holds bytes of it.
    pub(super) fn needs(&mut self, place: Place) {
        match self.oldest.iter_mut().find(|known| known.partition() == place.partition()) {
            Some(known) => *known = (*known).min(place),
            None => self.oldest.push(place),
        }
    }
}

fn earlier(a: (u64, ClosedBy), b: (u64, ClosedBy)) -> (u64, ClosedBy) {
    if b.0 < a.0 { b } else { a }
}
