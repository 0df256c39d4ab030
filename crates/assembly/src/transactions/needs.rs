//! What is open, and what of the logs it still needs.

use super::{Member, Transactions, closing::Pending, transaction::State};
use crate::{names::NameHash, place::Place, records::Moved};

/// For each partition of the span log and of the summary log, the oldest position that is still asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// By partition of the span log.
    pub spans: Vec<u64>,
    /// By partition of the summary log.
    pub summaries: Vec<u64>,
}

impl Needed {
    /// Nothing yet, of logs of so many partitions.
    #[must_use]
    pub fn nothing(partitions: u32) -> Self {
        Self { spans: vec![u64::MAX; partitions as usize], summaries: vec![u64::MAX; partitions as usize] }
    }

    /// What a move brings: whoever takes it asks for that.
    #[must_use]
    pub fn of(moved: &Moved, partitions: u32) -> Self {
        let mut needed = Self::nothing(partitions);
        for place in &moved.oldest {
            needed.span(Place::unpacked(*place));
        }
        let members = moved.members.iter().map(|member| Member::unpacked(*member).place());
        for place in members.chain(moved.kept_from.checked_sub(1).map(Place::unpacked)) {
            needed.summary(place);
        }
        needed
    }

    /// What `other` needs too.
    pub fn lower(&mut self, other: &Self) {
        let pairs = [(&mut self.spans, &other.spans), (&mut self.summaries, &other.summaries)];
        for (own, others) in pairs {
            own.iter_mut().zip(others).for_each(|(own, other)| *own = (*own).min(*other));
        }
    }

    /// Bytes in this record of the span log, and after it; whether that is more than before.
    pub fn span(&mut self, place: Place) -> bool {
        lower(&mut self.spans, place.partition(), place.position())
    }

    /// This record of the summary log, and those after it; whether that is more than before.
    pub fn summary(&mut self, place: Place) -> bool {
        lower(&mut self.summaries, place.partition(), place.position())
    }
}

fn lower(known: &mut [u64], partition: u32, position: u64) -> bool {
    let oldest = known.get_mut(partition as usize).filter(|oldest| position < **oldest);
    oldest.map(|oldest| *oldest = position).is_some()
}

impl Transactions {
    /// Transactions that are not decided: their names and their summaries; in no order.
    pub fn open_transactions(&self) -> impl Iterator<Item = (NameHash, &[Member])> {
        let open = self.slots.iter().flatten().filter(|transaction| transaction.state != State::Closed);
        open.map(|transaction| (transaction.name.into(), &transaction.members[..]))
    }

    /// Whether a name's transaction is known here and not decided.
    #[must_use]
    pub fn is_open(&self, name: NameHash) -> bool {
        let known = self.names.get(&name).and_then(|slot| self.slots.get(*slot as usize)?.as_ref());
        known.is_some_and(|transaction| transaction.state != State::Closed)
    }

    /// What this fold may still ask for: bytes and summaries of what is not decided, and the decisions of before that the next one starts from.
    #[must_use]
    pub fn needed(&self) -> Needed {
        let mut needed = Needed::nothing(self.rules.settings.partitions);
        needed.spans = self.span_sources().iter().map(|source| source.oldest).collect();
        let undecided = self.slots.iter().flatten().filter(|transaction| transaction.state != State::Closed);
        for transaction in undecided {
            for place in &transaction.oldest {
                needed.span(*place);
            }
            let members = transaction.members.iter().map(|member| member.place());
            let before = transaction.previous.checked_sub(1).map(|position| self.place(position));
            for place in members.chain(before).chain(transaction.kept_from) {
                needed.summary(place);
            }
        }
        for pending in self.closing.values() {
            if let Pending::TakeBack(end) = pending {
                needed.summary(self.place(end.previous));
            }
        }
        needed
    }
}
