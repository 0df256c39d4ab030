//! What is to be decided, and the decisions that the log has.

use serde::{Deserialize, Serialize};

use super::{
    Member, Transactions,
    transaction::{NameWords, State},
};
use crate::{
    decide::Verdict,
    names::NameHash,
    place::Place,
    records::{Closed, ClosedBy},
    timers::Due,
};

/// A transaction whose row is to be decided: see [`crate::decide`].
#[derive(Clone, Debug, PartialEq)]
pub struct Closing {
    /// In the order of closing.
    pub sequence: u64,
    /// Its name.
    pub name: NameHash,
    /// Why it closes.
    pub closed_by: ClosedBy,
    /// Its summaries, in the order of arrival.
    pub members: Vec<Member>,
    /// How many of them the row before covers.
    pub covered: u32,
    /// Position of the record that holds the row before.
    pub previous: Option<u64>,
    /// A decision by which spans of another name's part were written, before that was joined to this one.
    pub kept_from: Option<Place>,
    /// Version of the row to be.
    pub version: u32,
    /// The share of transactions that overload leaves to policies; 0 for all.
    pub share: f64,
    /// Fold time when it began to close: what was usual then is what it is measured by.
    pub begun: u64,
    /// What policies made of it, where it was offered to them.
    pub verdict: Option<Verdict>,
    /// There is no row to be: the one before is taken back, for its transaction belongs to another name now.
    pub take_back: bool,
}

/// What waits for its record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pending {
    /// The row of the transaction in this slot.
    Row(Begun),
    /// The end of a row whose transaction belongs to another name now.
    TakeBack(TakeBack),
}

/// How a transaction began to close.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) slot: u32,
    pub(super) closed_by: i32,
    /// What is left to policies; 0 for all.
    pub(super) share: f64,
    /// Fold time.
    pub(super) at: u64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct TakeBack {
    pub(super) name: NameWords,
    /// Position of the record that holds the row.
    pub(super) previous: u64,
    /// Version of the end.
    pub(super) version: u32,
}

impl Transactions {
    pub(super) fn take_closed(&mut self, position: u64, closed: &Closed) -> bool {
        if closed.row.is_none() {
            return self.take_end(closed);
        }
        let Some(&slot) = self.names.get(&closed.name()) else { return false };
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return false };
        if closed.version <= transaction.version {
            return false;
        }
        if closed.version > transaction.next_version() {
            transaction.adopt(closed);
        }
        match transaction.state {
            State::Closing(sequence) => drop(self.closing.remove(&sequence)),
            // Closed early by a driver: its decision says so, nothing else does.
            State::Waiting => {}
            State::Offered => self.sampling.forget(closed.name()),
            State::Closed => return false,
        }
        self.sampling.count(closed);
        transaction.version = closed.version;
        transaction.previous = position + 1;
        transaction.cover(closed);
        self.batch.add(closed, self.now);
        if transaction.members.len() > closed.members.len() {
            // More came while it was decided: the row is amended.
            transaction.state = State::Waiting;
            transaction.timer = u64::MAX;
            self.watch(slot);
            return true;
        }
        transaction.state = State::Closed;
        transaction.closed_at = self.now;
        transaction.oldest.clear();
        self.open -= 1;
        self.closed.push_back((self.now, Due { slot, generation: transaction.generation }));
        true
    }

    /// A row is taken back.
    fn take_end(&mut self, closed: &Closed) -> bool {
        let name = closed.name();
        let is_it = |pending: &Pending| matches!(pending, Pending::TakeBack(end) if NameHash::from(end.name) == name && end.version == closed.version);
        let Some(sequence) =
            self.closing.iter().find(|(_, pending)| is_it(pending)).map(|(sequence, _)| *sequence)
        else {
            return false;
        };
        self.closing.remove(&sequence);
        self.batch.add(closed, self.now);
        true
    }

    /// Those to be decided, from `sequence` on. A driver that replays waits until it has read all that the log holds: a decision may be among it.
    pub fn closing(&self, sequence: u64) -> impl Iterator<Item = Closing> {
        self.closing.range(sequence..).filter_map(|(sequence, pending)| match pending {
            Pending::Row(begun) => {
                let transaction = self.slots.get(begun.slot as usize)?.as_ref()?;
                Some(Closing {
                    sequence: *sequence,
                    name: transaction.name.into(),
                    closed_by: ClosedBy::try_from(begun.closed_by).unwrap_or_default(),
                    members: transaction.members.to_vec(),
                    covered: transaction.covered,
                    previous: transaction.previous.checked_sub(1),
                    kept_from: transaction.kept_from,
                    version: transaction.next_version(),
                    share: begun.share,
                    begun: begun.at,
                    verdict: None,
                    take_back: false,
                })
            }
            Pending::TakeBack(end) => Some(Closing {
                sequence: *sequence,
                name: end.name.into(),
                closed_by: ClosedBy::Unspecified,
                members: Vec::new(),
                covered: 0,
                previous: Some(end.previous),
                kept_from: None,
                version: end.version,
                share: 0.0,
                begun: 0,
                verdict: None,
                take_back: true,
            }),
        })
    }
}
