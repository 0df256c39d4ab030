//! What is in flight right now: open transactions, shared between the drivers and whoever asks.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
};

use arc_swap::ArcSwap;
use dashmap::{DashMap, Entry};
use throughline_assembly::{
    names::{Name, NameHash, TRACE_PLACE},
    place::Place,
    rules::Rules,
    transactions::TraceHead,
};
use throughline_log::{Log, Position};
use tokio::time::{Instant, sleep};

use crate::{
    limits::{CATCH_UP_POLL, MAX_IN_FLIGHT, MAX_TRACES_SHOWN},
    looking::OpenTraces,
};

/// An open transaction: where its summaries lie.
#[derive(Clone, Debug, Default)]
pub struct OpenTransaction {
    /// Places in the summary log.
    pub summaries: Vec<Place>,
    /// Its other names: keys, and its traces.
    aliases: Vec<NameHash>,
}

/// How far the second fold of one partition is.
#[derive(Default)]
struct Progress {
    /// It has read the summary log up to here.
    read: AtomicU64,
    /// Some of what it has decided is not in the store, and not shown either.
    is_short: AtomicBool,
}

struct Shared {
    /// By the name that owns them.
    open: DashMap<NameHash, OpenTransaction>,
    /// Other names to those.
    aliases: DashMap<NameHash, NameHash>,
    /// Of `open`: its own count would lock all of it.
    count: AtomicUsize,
    /// By partition.
    progress: Box<[Progress]>,
}

/// Open transactions by name.
#[derive(Clone)]
pub struct InFlight {
    shared: Arc<Shared>,
    pub(crate) summary_log: Log,
    pub(crate) rules: Arc<ArcSwap<Rules>>,
    pub(crate) open_traces: OpenTraces,
}

impl InFlight {
    pub(crate) fn new(summary_log: Log, rules: Arc<Rules>, open_traces: OpenTraces) -> Self {
        let progress = (0..summary_log.partitions()).map(|_| Progress::default()).collect();
        let shared =
            Shared { open: DashMap::new(), aliases: DashMap::new(), count: AtomicUsize::new(0), progress };
        let rules = Arc::new(ArcSwap::new(rules));
        Self { shared: Arc::new(shared), summary_log, rules, open_traces }
    }

    /// What a partition of the summary log holds before `next` is shown.
    pub(crate) fn read_to(&self, partition: u32, next: Position) {
        if let Some(progress) = self.shared.progress.get(partition as usize) {
            progress.read.store(next.0, Ordering::Release);
        }
    }

    /// Whether some of what a partition has decided is neither shown nor stored.
    pub(crate) fn set_short(&self, partition: u32, is_short: bool) {
        if let Some(progress) = self.shared.progress.get(partition as usize) {
            progress.is_short.store(is_short, Ordering::Release);
        }
    }

    /// Waits until all that the summary log holds now is shown, until `deadline` at most; whether it is.
    pub(crate) async fn caught_up(&self, deadline: Instant) -> bool {
        for (partition, progress) in (0..).zip(&self.shared.progress) {
            let end = self.summary_log.end(partition).0;
            while progress.read.load(Ordering::Acquire) < end {
                if Instant::now() >= deadline {
                    return false;
                }
                sleep(CATCH_UP_POLL).await;
            }
        }
        let is_short = |progress: &Progress| progress.is_short.load(Ordering::Acquire);
        !self.shared.progress.iter().any(is_short) && self.len() < MAX_IN_FLIGHT
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

    /// What is open under a name, and the name that owns it.
    pub(crate) fn get(&self, name: NameHash) -> Option<(NameHash, OpenTransaction)> {
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

    /// Whether a key, or the id of a trace, names an open transaction of closed traces.
    #[must_use]
    pub fn holds(&self, tenant: &str, key: &str) -> bool {
        let lower = key.to_ascii_lowercase();
        let keys = (0..self.key_places()).map(|place| Name { tenant, place, value: key });
        let names = keys.chain([Name { tenant, place: TRACE_PLACE, value: &lower }]);
        names.map(|name| name.hash()).any(|name| self.get(name).is_some())
    }

    /// How many keys there are that may name a transaction.
    pub(crate) fn key_places(&self) -> u32 {
        self.rules.load().settings.transactions.keys.len() as u32
    }

    /// Up to `limit` of what is open.
    pub(crate) fn some(&self, limit: usize) -> Vec<(NameHash, OpenTransaction)> {
        self.shared.open.iter().take(limit).map(|entry| (*entry.key(), entry.value().clone())).collect()
    }
}
