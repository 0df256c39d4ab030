//! What is open, and what of the logs it still needs.

use super::{Member, Transactions, transaction::State};
use crate::names::NameHash;

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

    /// For each partition of the span log, the oldest position whose bytes this fold may still ask for; and the same for the summary log.
    #[must_use]
    pub fn needed(&self) -> (Vec<u64>, Vec<u64>) {
        let mut spans: Vec<u64> = self.span_sources().iter().map(|source| source.oldest).collect();
        let mut summaries = vec![u64::MAX; spans.len()];
        let undecided = self.slots.iter().flatten().filter(|transaction| transaction.state != State::Closed);
        for transaction in undecided {
            for place in &transaction.oldest {
                if let Some(oldest) = spans.get_mut(place.partition() as usize) {
                    *oldest = (*oldest).min(place.position());
                }
            }
            for place in transaction.members.iter().map(|member| member.place()) {
                if let Some(oldest) = summaries.get_mut(place.partition() as usize) {
                    *oldest = (*oldest).min(place.position());
                }
            }
        }
        (spans, summaries)
    }
}
