//! Closed transactions leave memory, and come back when something late belongs to them.

use std::sync::Arc;

use smallvec::SmallVec;

use super::{
    MAX_CLOSED_TRANSACTIONS, Member, Pending, Transactions,
    closing::Begun,
    head::tenant_hash,
    transaction::{NO_TYPE, State, Transaction},
};
use crate::{
    chunk::ClosedChunk,
    names::NameHash,
    records::{Closed, ClosedBy},
    rules::Rules,
    timers::Due,
};

/// Transactions of one chunk.
const CHUNK: usize = MAX_CLOSED_TRANSACTIONS / 2;

/// Finds what left the fold in a chunk.
pub trait StoredDecisions {
    /// The last that is known of a name; `None` for one that no chunk holds, or whose record is gone.
    fn find(&mut self, name: NameHash) -> Option<Found>;
}

/// What left the fold.
pub enum Found {
    /// The decision of its transaction, and where that lies.
    Closed(u64, Arc<Closed>),
    /// The name's parent.
    Parent(NameHash),
}

impl Transactions {
    /// Forgets what was closed longer ago than retention reaches, and hands out what is too much.
    pub(super) fn let_go(&mut self) {
        let retention = self.rules.settings.retention;
        while let Some((at, due)) = self.closed.front().copied()
            && self.now.saturating_sub(at) > retention
        {
            self.closed.pop_front();
            self.take_closed_slot(at, due);
        }
        self.aliases.forget_before(self.now.saturating_sub(retention));
        while let Some(chunk) = self.aliases.take_chunk(self.next_chunk) {
            self.next_chunk += 1;
            self.chunks.push_back(chunk);
        }
        while self.closed.len() > MAX_CLOSED_TRANSACTIONS {
            let mut chunk = ClosedChunk { number: self.next_chunk, since: 0, until: 0, entries: Vec::new() };
            let oldest: Vec<_> = self.closed.drain(..CHUNK).collect();
            for (at, due) in oldest {
                let Some(gone) = self.take_closed_slot(at, due) else { continue };
                if chunk.entries.is_empty() {
                    chunk.since = at;
                }
                chunk.until = at;
                chunk.entries.push((NameHash::from(gone.name).0.to_be_bytes(), gone.previous - 1));
            }
            if !chunk.entries.is_empty() {
                self.next_chunk += 1;
                self.chunks.push_back(chunk);
            }
        }
    }

    /// Empties the slot of a transaction that was closed at `at`, if it is still that one and still closed.
    fn take_closed_slot(&mut self, at: u64, due: Due) -> Option<Transaction> {
        let place = self.slots.get_mut(due.slot as usize)?;
        // One that was amended since has another entry.
        let gone = place.take_if(|transaction| {
            transaction.generation == due.generation
                && transaction.state == State::Closed
                && transaction.closed_at == at
        })?;
        self.names.remove(&NameHash::from(gone.name));
        self.free.push(due.slot);
        Some(gone)
    }

    /// The next chunk of closed transactions to be kept outside, if there is one: to be taken before the next record is applied.
    pub fn take_chunk(&mut self) -> Option<ClosedChunk> {
        self.chunks.pop_front()
    }

    /// Number of the next chunk: those before it left this fold.
    #[must_use]
    pub fn next_chunk(&self) -> u64 {
        self.next_chunk
    }

    /// Closes early what still needs bytes of before `limits`, by partition of the span log. Returns how many.
    ///
    /// The moment is the driver's choice: what makes it a fact is the decision that it appends.
    pub fn close_early(&mut self, limits: &[u64]) -> u64 {
        let is_over = |transaction: &Transaction| {
            transaction.oldest.iter().any(|place| {
                limits.get(place.partition() as usize).is_some_and(|limit| place.position() < *limit)
            })
        };
        let mut count = 0;
        for slot in 0..self.slots.len() as u32 {
            let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { continue };
            if transaction.state == State::Waiting && is_over(transaction) {
                transaction.state = State::Closing(self.next_sequence);
                self.closing.insert(
                    self.next_sequence,
                    Pending::Row(Begun { slot, closed_by: ClosedBy::Limit.into(), share: 0.0, at: self.now }),
                );
                self.next_sequence += 1;
                count += 1;
            }
        }
        self.counts.closed_by_limit += count;
        count
    }
}

impl Transaction {
    /// A decision in the log knows of an earlier one that was found when it was made and is not any more: what it says is taken over, so that replay obeys it.
    pub(super) fn adopt(&mut self, closed: &Closed) {
        let mut members: SmallVec<[Member; 3]> =
            closed.members.iter().copied().map(Member::unpacked).collect();
        let known = members.len();
        for own in &self.members {
            if members[..known].iter().all(|decided| decided.place() != own.place()) {
                members.push(*own);
            }
        }
        self.members = members;
        self.terminals |= closed.terminals;
    }

    /// Takes up where its last decision, the record at `position`, left it.
    pub(super) fn recall(&mut self, position: u64, closed: &Closed, rules: &Rules) {
        self.version = closed.version;
        self.previous = position + 1;
        self.members = closed.members.iter().copied().map(Member::unpacked).collect();
        self.cover(closed);
        self.terminals = closed.terminals;
        if let Some(row) = &closed.row {
            self.first_start = row.start;
            self.tenant = tenant_hash(&row.tenant);
            let kind = rules.types.iter().position(|kind| *kind.name == *row.r#type);
            self.kind = kind.map_or(NO_TYPE, |kind| kind as u16);
        }
    }
}
