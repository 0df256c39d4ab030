//! The summary log, as far as anything may still ask for it.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;
use throughline_assembly::{
    chunk::ClosedChunk,
    names::NameHash,
    place::Place,
    records::{Closed, TraceSummary},
    time::SECOND,
    traces::{StoredSummaries, TraceKey},
    transactions::{Found, Link, StoredDecisions},
};

/// How long what is closed is found again, nanoseconds: late spans of before make a row of their own. Ten minutes of 1,000 traces a second are some 2 GiB.
pub const LATE: u64 = 600 * SECOND;

/// A record that is held.
#[derive(Clone)]
pub(crate) enum Held {
    Summary(Arc<TraceSummary>),
    Closed(Arc<Closed>),
    Links(Vec<Link>),
}

/// Records by position, the oldest forgotten.
#[derive(Default)]
pub(crate) struct Memory {
    /// Position of the oldest record that is held.
    first: u64,
    records: VecDeque<(u64, Held)>,
    /// What left the folds in chunks.
    traces: HashMap<[u8; 16], SmallVec<[u64; 2]>, FixedState>,
    transactions: HashMap<[u8; 16], u64, FixedState>,
    /// Bytes of spans by trace.
    bytes: HashMap<TraceKey, u64, FixedState>,
}

impl Memory {
    /// Position of the next record.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// Holds a record from log time `now` on.
    pub(crate) fn push(&mut self, now: u64, record: Held) {
        self.records.push_back((now, record));
    }

    fn at(&self, position: u64) -> Option<&Held> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        self.records.get(index).map(|(_, held)| held)
    }

    pub(crate) fn summary_at(&self, position: u64) -> Option<&TraceSummary> {
        match self.at(position)? {
            Held::Summary(summary) => Some(summary),
            Held::Closed(_) | Held::Links(_) => None,
        }
    }

    pub(crate) fn closed_at(&self, position: u64) -> Option<Arc<Closed>> {
        match self.at(position)? {
            Held::Closed(closed) => Some(Arc::clone(closed)),
            Held::Summary(_) | Held::Links(_) => None,
        }
    }

    pub(crate) fn add_bytes(&mut self, trace: TraceKey, bytes: u64) {
        *self.bytes.entry(trace).or_default() += bytes;
    }

    /// Bytes of all spans of these traces.
    pub(crate) fn bytes_of(&self, traces: impl Iterator<Item = TraceKey>) -> u64 {
        traces.filter_map(|trace| self.bytes.get(&trace)).sum()
    }

    pub(crate) fn take_traces(&mut self, chunk: ClosedChunk) {
        for (trace, place) in chunk.entries {
            self.traces.entry(trace).or_default().push(place);
        }
    }

    pub(crate) fn take_transactions(&mut self, chunk: ClosedChunk) {
        self.transactions.extend(chunk.entries);
    }

    /// Forgets what is older than [`LATE`], but nothing from position `needed` on.
    pub(crate) fn forget(&mut self, now: u64, needed: u64) {
        while self.first < needed && self.records.front().is_some_and(|(at, _)| at + LATE < now) {
            match self.records.pop_front().map(|(_, held)| held) {
                Some(Held::Summary(summary)) => {
                    let key = TraceKey::from(&*summary);
                    self.traces.remove(&key.0);
                    self.bytes.remove(&key);
                }
                Some(Held::Closed(closed)) => self.forget_name(closed.name()),
                Some(Held::Links(links)) => links.iter().for_each(|(greater, _)| self.forget_name(*greater)),
                None => {}
            }
            self.first += 1;
        }
    }
}

impl Memory {
    /// What is known of a name goes with the record that says it.
    fn forget_name(&mut self, name: NameHash) {
        let name = name.0.to_be_bytes();
        if self.transactions.get(&name) == Some(&self.first) {
            self.transactions.remove(&name);
        }
    }
}

impl StoredSummaries for Memory {
    fn summary(&mut self, place: Place) -> Option<Arc<TraceSummary>> {
        match self.at(place.position())? {
            Held::Summary(summary) => Some(Arc::clone(summary)),
            Held::Closed(_) | Held::Links(_) => None,
        }
    }

    fn places(&mut self, trace: TraceKey) -> SmallVec<[Place; 2]> {
        self.traces.get(&trace.0).into_iter().flatten().map(|place| Place::unpacked(*place)).collect()
    }

    fn unplaced(&mut self, _: TraceKey) -> Vec<Arc<TraceSummary>> {
        // A summary has its place as soon as it is there.
        Vec::new()
    }
}

impl StoredDecisions for Memory {
    fn find(&mut self, name: NameHash) -> Option<Found> {
        let position = *self.transactions.get(&name.0.to_be_bytes())?;
        match self.at(position)? {
            Held::Closed(closed) => Some(Found::Closed(position, Arc::clone(closed))),
            Held::Links(links) => {
                let its = links.iter().find(|(greater, _)| *greater == name);
                its.map(|(_, parent)| Found::Parent(*parent))
            }
            Held::Summary(_) => None,
        }
    }
}
