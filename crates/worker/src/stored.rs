//! What left the folds' memory, found again: by the index on disk, in the summary log.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::Arc,
};

use smallvec::SmallVec;
use throughline_assembly::{
    chunk::ClosedChunk,
    names::NameHash,
    place::Place,
    records::{Closed, TraceSummary},
    traces::{StoredSummaries, TraceKey},
    transactions::{Found, StoredDecisions, decode_links},
};
use throughline_index::{Chunk, IndexError, Runs, Settings};
use throughline_log::{FetchError, Kind, Log, Position};

use crate::{
    events::{closed_of, summary_of},
    limits::MAX_INDEXED,
};

/// Chunks that wait in memory while the disk is full; more stop the fold.
const MAX_WAITING: usize = 16;

/// The index of one fold, in a folder of its name.
pub(crate) struct Index {
    runs: Runs,
    /// In order.
    waiting: VecDeque<Chunk>,
}

impl Index {
    /// What chunks from `next` on hold comes again by replay.
    pub(crate) fn open(dir: &Path, fold: &str, next: u64) -> Result<Self, IndexError> {
        let mut runs = Runs::open(&dir.join(fold), fold, Settings { max_entries: MAX_INDEXED })?;
        runs.restore(next)?;
        Ok(Self { runs, waiting: VecDeque::new() })
    }

    pub(crate) fn add(&mut self, chunk: ClosedChunk) -> Result<(), IndexError> {
        let ClosedChunk { number, since, until, mut entries } = chunk;
        // In order, as the file has them: one that waits is searched as fast. Stable, so that a key's values stay in the order of closing.
        entries.sort_by_key(|(key, _)| *key);
        self.waiting.push_back(Chunk { number, since, until, entries });
        match self.write() {
            Err(error) if error.is_retryable() && self.waiting.len() <= MAX_WAITING => {
                tracing::warn!(%error, "the index of what is closed cannot be written at the moment; tried again later");
                Ok(())
            }
            result => result,
        }
    }

    fn write(&mut self) -> Result<(), IndexError> {
        while let Some(chunk) = self.waiting.front() {
            self.runs.add(chunk)?;
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// The values of a key, the newest first.
    fn get(&self, key: &[u8; 16]) -> SmallVec<[u64; 2]> {
        let mut values = SmallVec::new();
        for Chunk { entries, .. } in self.waiting.iter().rev() {
            let first = entries.partition_point(|(known, _)| known < key);
            let own = entries[first..].iter().take_while(|(known, _)| known == key);
            values.extend(own.map(|(_, value)| *value));
        }
        values.extend(self.runs.get(key));
        values
    }

    /// Before the fold's snapshot, which has handed out the chunks before `next`.
    pub(crate) fn save(&mut self, next: u64) -> Result<(), IndexError> {
        self.write()?;
        self.runs.sync(next)
    }

    /// That snapshot is durable: what is older than `retention` before log time `now` is not asked for by a replay from it.
    pub(crate) fn saved(&mut self, now: u64, retention: u64) -> Result<(), IndexError> {
        self.runs.saved();
        let forgotten = self.runs.forget_before(now.saturating_sub(retention));
        let lost = self.runs.take_lost();
        if lost > 0 {
            tracing::warn!(
                lost,
                "entries of the index of what is closed are gone before their time; what comes late for them is a row of its own"
            );
        }
        forgotten
    }
}

/// Summaries that were emitted and do not lie anywhere yet, and those that do.
pub(crate) struct StoredTraces {
    pub(crate) log: Log,
    pub(crate) unplaced: HashMap<TraceKey, Vec<Arc<TraceSummary>>>,
    pub(crate) index: Index,
}

impl StoredTraces {
    /// The first of a trace's summaries that had no place has one now: appends keep the order.
    pub(crate) fn placed(&mut self, trace: TraceKey) {
        let Some(waiting) = self.unplaced.get_mut(&trace) else { return };
        waiting.remove(0);
        if waiting.is_empty() {
            self.unplaced.remove(&trace);
        }
    }
}

impl StoredSummaries for StoredTraces {
    fn summary(&mut self, place: Place) -> Option<Arc<TraceSummary>> {
        match self.log.fetch(place.partition(), Position(place.position())) {
            Ok(record) => summary_of(&record),
            Err(error) => {
                tracing::warn!(%error, "the summary of a closed trace is gone; late spans of it count as new");
                None
            }
        }
    }

    fn places(&mut self, trace: TraceKey) -> SmallVec<[Place; 2]> {
        self.index.get(&trace.0).into_iter().map(Place::unpacked).collect()
    }

    fn unplaced(&mut self, trace: TraceKey) -> Vec<Arc<TraceSummary>> {
        self.unplaced.get(&trace).cloned().unwrap_or_default()
    }
}

/// Decisions of one partition of the summary log.
pub(crate) struct Decisions {
    pub(crate) log: Log,
    pub(crate) partition: u32,
    pub(crate) index: Index,
}

impl Decisions {
    /// The decision at a place; `None` where it is gone.
    pub(crate) fn at(&self, place: Place) -> Result<Option<Arc<Closed>>, FetchError> {
        match self.log.fetch(place.partition(), Position(place.position())) {
            Ok(record) => Ok(closed_of(&record)),
            Err(FetchError::Trimmed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl StoredDecisions for Decisions {
    fn find(&mut self, name: NameHash) -> Option<Found> {
        // The newest chunk's comes first: entries are in the order of the log.
        let position = *self.index.get(&name.0.to_be_bytes()).first()?;
        match self.log.fetch(self.partition, Position(position)) {
            Ok(record) if record.kind == Kind::Link => {
                let its = decode_links(&record.payload).find(|(greater, _)| *greater == name);
                its.map(|(_, parent)| Found::Parent(parent))
            }
            Ok(record) => {
                let closed = closed_of(&record).filter(|closed| closed.name() == name);
                closed.map(|closed| Found::Closed(position, closed))
            }
            Err(FetchError::Trimmed { .. }) => None,
            Err(error) => {
                tracing::warn!(%error, "the decision of a closed transaction is gone; what comes late is a row of its own");
                None
            }
        }
    }
}
