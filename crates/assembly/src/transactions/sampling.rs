//! Policies that hang on what came before: their state is a part of the fold.
//!
//! A transaction that closes is offered by a record; who waits for the end of a window of one second of log time, is settled by the time that records carry.
//! So the state is a function of the log: a replay comes to the same, whatever decisions it finds there to obey.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};
use throughline_sampling::{Offer as Offered, Sampler, Ticket};

use super::{
    Closing, Transactions,
    load::Load,
    transaction::{NameWords, State},
};
use crate::{
    decide::{Verdict, facts},
    names::NameHash,
    records::{Closed, ClosedBy, Offer, Outcome},
    rules::Rules,
};

/// One that was offered.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Entry {
    name: NameWords,
    /// Of the row to be.
    version: u32,
    /// Summaries that the offer covers.
    summaries: u32,
    closed_by: i32,
}

/// What the fold holds for its policies.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Sampling {
    sampler: Sampler,
    /// Those that wait for the end of the window.
    pending: BTreeMap<Ticket, Entry>,
    /// Those whose verdict is there and whose record is not, in the order of the verdicts.
    settled: BTreeMap<u64, (Entry, Verdict)>,
    next: u64,
    load: Load,
}

impl Sampling {
    pub(super) fn new(rules: &Rules) -> Self {
        Self { sampler: Sampler::new(&rules.policies), ..Self::default() }
    }

    /// Before anything else of a new fold time: windows that have ended.
    pub(super) fn advance(&mut self, rules: &Rules, now: u64) {
        self.load.advance(rules, now);
        self.sampler.advance_usual(now);
        let settled = self.sampler.window_end(&rules.policies, now);
        self.settle(settled.into_iter().map(|one| (one.ticket, one.decision.into())));
    }

    fn settle(&mut self, settled: impl Iterator<Item = (Ticket, Verdict)>) {
        for (ticket, verdict) in settled {
            if let Some(entry) = self.pending.remove(&ticket) {
                self.settled.insert(self.next, (entry, verdict));
                self.next += 1;
            }
        }
    }

    /// Other rules: who waits is settled by those that it was offered to, and what has a policy of the same name goes on.
    pub(super) fn switch(&mut self, before: &Rules, after: &Rules, now: u64) {
        let settled = self.sampler.flush(&before.policies, now);
        self.settle(settled.into_iter().map(|one| (one.ticket, one.decision.into())));
        self.sampler = std::mem::take(&mut self.sampler).adopt(&after.policies);
    }

    fn offer(&mut self, rules: &Rules, offer: &Offer, entry: Entry, now: u64) {
        // A window that is full ends at once.
        self.advance(rules, now);
        self.sampler.shed(offer.share);
        match facts::with(offer, |transaction| match self.sampler.offer(&rules.policies, transaction, now) {
            Offered::Decided(decision) => Ok(Verdict::from(decision)),
            Offered::Pending(ticket) => Err(ticket),
        }) {
            Ok(verdict) => {
                self.settled.insert(self.next, (entry, verdict));
                self.next += 1;
            }
            Err(ticket) => drop(self.pending.insert(ticket, entry)),
        }
    }

    /// A transaction begins to close: the share of it that is left to policies, 0 for all.
    pub(super) fn begin_close(&mut self, rules: &Rules, tenant: u32, kind: u16) -> f64 {
        self.load.begin_close(rules, tenant, kind)
    }

    /// A decision: the first of a transaction that went well says what is usual.
    pub(super) fn count(&mut self, closed: &Closed) {
        let Some(row) = closed.row.as_ref().filter(|_| closed.before.is_none()) else { return };
        if row.outcome() == Outcome::Ok && row.closed_by() != ClosedBy::Late {
            self.sampler.count_usual(&row.r#type, row.end.saturating_sub(row.start));
        }
    }

    /// Its record is there, or it is no more. Records come in the order of verdicts, so the search ends soon.
    pub(super) fn forget(&mut self, name: NameHash) {
        let name = NameWords::from(name);
        let settled = self.settled.iter().find(|(_, (entry, _))| entry.name == name);
        match settled.map(|(number, _)| *number) {
            Some(number) => drop(self.settled.remove(&number)),
            None => self.pending.retain(|_, entry| entry.name != name),
        }
    }
}

impl Transactions {
    /// The state of the policies after the last record.
    #[must_use]
    pub fn sampler(&self) -> &Sampler {
        &self.sampling.sampler
    }

    /// How many wait for the end of a window, and how many for their record.
    #[must_use]
    pub fn offered(&self) -> (usize, usize) {
        (self.sampling.pending.len(), self.sampling.settled.len())
    }

    /// Those that were offered and have a verdict, from number `from` on, each with its number: their records are to be made. A driver that replays waits
    /// until it has read all that the log holds: their records may be among it.
    pub fn settled(&self, from: u64) -> impl Iterator<Item = (u64, Closing)> {
        self.sampling.settled.range(from..).filter_map(|(number, (entry, verdict))| {
            let transaction = self.offered_one(entry)?;
            let members = transaction.members.get(..entry.summaries as usize)?.to_vec();
            let closing = Closing {
                sequence: 0,
                name: transaction.name.into(),
                closed_by: ClosedBy::try_from(entry.closed_by).unwrap_or_default(),
                members,
                covered: transaction.covered,
                previous: transaction.previous.checked_sub(1),
                kept_from: transaction.kept_from,
                version: entry.version,
                share: 0.0,
                begun: 0,
                verdict: Some(verdict.clone()),
                take_back: false,
            };
            Some((*number, closing))
        })
    }

    fn offered_one(&self, entry: &Entry) -> Option<&super::Transaction> {
        let slot = self.names.get(&NameHash::from(entry.name))?;
        let transaction = self.slots.get(*slot as usize)?.as_ref()?;
        (transaction.state == State::Offered && transaction.version < entry.version).then_some(transaction)
    }

    /// Offers a transaction to the policies; whether it was to be offered.
    pub(super) fn take_offer(&mut self, offer: &Offer) -> bool {
        let name = NameHash::joined(offer.name_high, offer.name_low);
        let Some(&slot) = self.names.get(&name) else { return false };
        let Some(Some(transaction)) = self.slots.get_mut(slot as usize) else { return false };
        if offer.version <= transaction.version {
            return false;
        }
        let other_rules = offer.rules_version != self.rules.version;
        match transaction.state {
            State::Closed | State::Offered => return false,
            State::Closing(sequence) => {
                let closing = self.closing.remove(&sequence);
                if let (Some(closing), true) = (closing, other_rules) {
                    // What it tells is numbered by rules that hold no more: it is asked for again.
                    transaction.state = State::Closing(self.next_sequence);
                    self.closing.insert(self.next_sequence, closing);
                    self.next_sequence += 1;
                    return true;
                }
            }
            // Closed early by a driver: its offer says so, nothing else does.
            State::Waiting if other_rules => return false,
            State::Waiting => {}
        }
        transaction.state = State::Offered;
        let entry = Entry {
            name: name.into(),
            version: offer.version,
            summaries: offer.summaries,
            closed_by: offer.closed_by,
        };
        let rules = Arc::clone(&self.rules);
        self.sampling.offer(&rules, offer, entry, self.now);
        true
    }
}
