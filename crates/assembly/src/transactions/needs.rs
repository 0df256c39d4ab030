//! What is open, and what of the logs it still needs.

use super::{Transactions, transaction::State};
use crate::names::NameHash;

impl Transactions {
    /// Transactions that are not decided: their names and the positions of their summaries; in no order.
    pub fn open_transactions(&self) -> impl Iterator<Item = (NameHash, &[u64])> {
        let open = self.slots.iter().flatten().filter(|transaction| transaction.state != State::Closed);
        open.map(|transaction| (transaction.name.into(), &transaction.summaries[..]))
    }

    /// For each partition of the span log, the oldest position whose bytes this fold may still ask for; and the same for its own log.
    #[must_use]
    pub fn needed(&self) -> (Vec<u64>, u64) {
        let mut spans: Vec<u64> = self.sources.iter().map(|source| source.oldest).collect();
        let mut summaries = u64::MAX;
        let undecided = self.slots.iter().flatten().filter(|transaction| transaction.state != State::Closed);
        for transaction in undecided {
            for place in &transaction.oldest {
                if let Some(oldest) = spans.get_mut(place.partition() as usize) {
                    *oldest = (*oldest).min(place.position());
                }
            }
            summaries = transaction.summaries.iter().copied().fold(summaries, u64::min);
        }
        (spans, summaries)
    }
}
