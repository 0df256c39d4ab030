//! What is in flight right now: open transactions, shared between the drivers and whoever asks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use arc_swap::ArcSwap;
use dashmap::{DashMap, Entry};
use throughline_assembly::{
    decide::{Decided, Decider, Verdict},
    names::{Name, NameHash, TRACE_PLACE},
    place::Place,
    records::{ClosedBy, Transaction},
    rules::Rules,
    transactions::{Closing, Member, TraceHead},
};
use throughline_log::{Log, Position};
use throughline_sampling::Sampler;

use crate::{
    events::summary_of,
    limits::{MAX_IN_FLIGHT, MAX_TRACES_SHOWN},
};

/// An open transaction: where its summaries lie.
#[derive(Clone, Debug, Default)]
pub struct OpenTransaction {
    /// Places in the summary log.
    pub summaries: Vec<Place>,
    /// Its other names: keys, and its traces.
    aliases: Vec<NameHash>,
}

#[derive(Default)]
struct Shared {
    /// By the name that owns them.
    open: DashMap<NameHash, OpenTransaction>,
    /// Other names to those.
    aliases: DashMap<NameHash, NameHash>,
    /// Of `open`: its own count would lock all of it.
    count: AtomicUsize,
}

/// Open transactions by name.
#[derive(Clone)]
pub struct InFlight {
    shared: Arc<Shared>,
    summary_log: Log,
    rules: Arc<ArcSwap<Rules>>,
}

impl InFlight {
    pub(crate) fn new(summary_log: Log, rules: Arc<Rules>) -> Self {
        Self { shared: Arc::default(), summary_log, rules: Arc::new(ArcSwap::new(rules)) }
    }

    /// What is shown from now on is what it would be under these rules.
    pub(crate) fn switch(&self, rules: Arc<Rules>) {
        self.rules.store(rules);
    }

    /// Adds a trace, whose summary lies at `place`, to the transaction that the fold filed it under.
    pub(crate) fn add(&self, name: NameHash, trace: TraceHead<'_>, place: Place) {
        self.extend(name, [place], trace.names());
    }

    /// What was open under one name is so under another from now on; whether anything was.
    pub(crate) fn join(&self, from: NameHash, to: NameHash) -> bool {
        let Some((_, gone)) = self.shared.open.remove(&from) else { return false };
        self.shared.count.fetch_sub(1, Ordering::Relaxed);
        if !self.extend(to, gone.summaries, gone.aliases.iter().copied().chain([from])) {
            self.forget(from, &gone.aliases);
        }
        true
    }

    /// Whether there was room.
    fn extend(
        &self,
        name: NameHash,
        places: impl IntoIterator<Item = Place>,
        aliases: impl Iterator<Item = NameHash>,
    ) -> bool {
        let shared = &self.shared;
        let mut entry = match shared.open.entry(name) {
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(entry) => {
                if shared.count.fetch_add(1, Ordering::Relaxed) >= MAX_IN_FLIGHT {
                    shared.count.fetch_sub(1, Ordering::Relaxed);
                    return false;
                }
                entry.insert(OpenTransaction::default())
            }
        };
        if entry.summaries.len() >= MAX_TRACES_SHOWN {
            return false;
        }
        entry.summaries.extend(places);
        for alias in aliases.filter(|alias| *alias != name) {
            shared.aliases.insert(alias, name);
            entry.aliases.push(alias);
        }
        true
    }

    pub(crate) fn remove(&self, name: NameHash) {
        let Some((_, gone)) = self.shared.open.remove(&name) else { return };
        self.shared.count.fetch_sub(1, Ordering::Relaxed);
        self.forget(name, &gone.aliases);
    }

    fn forget(&self, name: NameHash, aliases: &[NameHash]) {
        for alias in aliases {
            self.shared.aliases.remove_if(alias, |_, owner| *owner == name);
        }
    }

    fn get(&self, name: NameHash) -> Option<(NameHash, OpenTransaction)> {
        let owner = self.shared.aliases.get(&name).map_or(name, |owner| *owner);
        Some((owner, self.shared.open.get(&owner)?.clone()))
    }

    /// How many are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.count.load(Ordering::Relaxed)
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An open transaction by any of its keys, or by the id of any of its traces: the row as it would be if it closed now.
    #[must_use]
    pub fn find(&self, tenant: &str, key: &str) -> Option<Transaction> {
        let places = 0..self.rules.load().settings.transactions.keys.len() as u32;
        let lower = key.to_ascii_lowercase();
        let names = places.map(|place| Name { tenant, place, value: key });
        let names = names.chain([Name { tenant, place: TRACE_PLACE, value: &lower }]);
        let (name, open) = names.map(|name| name.hash()).find_map(|name| self.get(name))?;
        self.row(name, &open)
    }

    /// Up to `limit` open transactions, as they would be if they closed now; in no order.
    #[must_use]
    pub fn list(&self, limit: usize) -> Vec<Transaction> {
        let chosen: Vec<_> =
            self.shared.open.iter().take(limit).map(|entry| (*entry.key(), entry.value().clone())).collect();
        chosen.iter().filter_map(|(name, open)| self.row(*name, open)).collect()
    }

    fn row(&self, name: NameHash, open: &OpenTransaction) -> Option<Transaction> {
        let read = |place: &Place| {
            let record = self.summary_log.fetch(place.partition(), Position(place.position())).ok()?;
            Some((*place, summary_of(&record)?))
        };
        let summaries: Vec<_> = open.summaries.iter().filter_map(read).collect();
        let summaries: Vec<_> = summaries.iter().map(|(place, summary)| (*place, &**summary)).collect();
        if summaries.is_empty() {
            return None;
        }
        let rules = self.rules.load();
        let closing = Closing {
            sequence: 0,
            name,
            closed_by: ClosedBy::Unspecified,
            members: open.summaries.iter().copied().map(Member::new).collect(),
            covered: 0,
            previous: None,
            kept_from: None,
            version: 1,
            share: 0.0,
            begun: 0,
            // What hangs on others is not known before it closes.
            verdict: rules.policies.is_stateful().then(Verdict::default),
            take_back: false,
        };
        let by = (&**rules, &Sampler::default());
        match Decider::default().decide(by, &closing, &summaries, None, None) {
            Decided::Closed(closed) => closed.row,
            Decided::Offer(..) => None,
        }
    }
}
