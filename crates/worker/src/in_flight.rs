//! What is in flight right now: open transactions, shared between the drivers and whoever asks.

use std::sync::Arc;

use dashmap::DashMap;
use throughline_assembly::{
    decide::Decider,
    names::{Name, NameHash, TRACE_PLACE},
    records::{ClosedBy, Transaction},
    rules::Rules,
    transactions::Closing,
};
use throughline_log::{Log, Position};

use crate::{
    events::summary_of,
    limits::{MAX_IN_FLIGHT, MAX_TRACES_SHOWN},
};

/// An open transaction: where its summaries lie.
#[derive(Clone, Debug, Default)]
pub struct OpenTransaction {
    /// Partition of the summary log.
    pub partition: u32,
    /// Positions in it.
    pub summaries: Vec<u64>,
}

/// Open transactions by name.
#[derive(Clone)]
pub struct InFlight {
    open: Arc<DashMap<NameHash, OpenTransaction>>,
    summary_log: Log,
    rules: Arc<Rules>,
}

impl InFlight {
    pub(crate) fn new(summary_log: Log, rules: Arc<Rules>) -> Self {
        Self { open: Arc::new(DashMap::new()), summary_log, rules }
    }

    pub(crate) fn add(&self, name: NameHash, partition: u32, position: u64) {
        if self.open.len() < MAX_IN_FLIGHT || self.open.contains_key(&name) {
            let mut entry = self.open.entry(name).or_default();
            entry.partition = partition;
            if entry.summaries.len() < MAX_TRACES_SHOWN {
                entry.summaries.push(position);
            }
        }
    }

    pub(crate) fn remove(&self, name: NameHash) {
        self.open.remove(&name);
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// An open transaction by any of its keys, or by the id of a trace that has none: the row as it would be if it closed now.
    #[must_use]
    pub fn find(&self, tenant: &str, key: &str) -> Option<Transaction> {
        let places = 0..self.rules.settings.transactions.keys.len() as u32;
        let lower = key.to_ascii_lowercase();
        let names = places.map(|place| Name { tenant, place, value: key });
        let names = names.chain([Name { tenant, place: TRACE_PLACE, value: &lower }]);
        let (name, open) =
            names.map(|name| name.hash()).find_map(|name| Some((name, self.open.get(&name)?.clone())))?;
        self.row(name, &open)
    }

    /// Up to `limit` open transactions, as they would be if they closed now; in no order.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<Transaction> {
        let chosen: Vec<_> =
            self.open.iter().take(limit).map(|entry| (*entry.key(), entry.value().clone())).collect();
        chosen.iter().filter_map(|(name, open)| self.row(*name, open)).collect()
    }

    fn row(&self, name: NameHash, open: &OpenTransaction) -> Option<Transaction> {
        let read = |position: &u64| {
            let record = self.summary_log.fetch(open.partition, Position(*position)).ok()?;
            Some((*position, summary_of(&record)?))
        };
        let summaries: Vec<_> = open.summaries.iter().filter_map(read).collect();
        let summaries: Vec<_> = summaries.iter().map(|(position, summary)| (*position, &**summary)).collect();
        if summaries.is_empty() {
            return None;
        }
        let closing = Closing {
            sequence: 0,
            name,
            closed_by: ClosedBy::Unspecified,
            summaries: open.summaries.clone(),
            covered: 0,
            previous: None,
            version: 1,
        };
        Decider::default().decide(&self.rules, &closing, &summaries, None).row
    }
}
