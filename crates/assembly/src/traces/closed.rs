//! Closed traces: tenant and trace id to where its summaries lie. The newest are held here, older ones leave in chunks and are asked for.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::key::TraceKey;
use crate::{chunk::ClosedChunk, place::Place};

/// Closed traces that one fold holds in memory.
pub const MAX_CLOSED_TRACES: usize = 1 << 16;

/// Traces of one generation: the older of two leaves when the newer is full.
const GENERATION: usize = MAX_CLOSED_TRACES / 2;

/// Where a closed trace's summaries lie. A trace has one unless spans came late.
pub(super) type Places = SmallVec<[Place; 1]>;

#[derive(Default)]
struct Generation {
    /// Log times of the first and the last closing.
    since: u64,
    until: u64,
    traces: HashMap<TraceKey, Places, FixedState>,
}

/// The closed traces of one fold.
#[derive(Default)]
pub(super) struct ClosedTraces {
    newer: Generation,
    older: Generation,
    /// Traces in the newer that were moved there by the last roll.
    carried: usize,
    /// Number of the next chunk.
    next_chunk: u64,
    chunks: VecDeque<ClosedChunk>,
}

impl ClosedTraces {
    /// Where the summaries of a closed trace lie, as far as it is held here.
    pub(super) fn get(&self, trace: TraceKey) -> Option<&Places> {
        self.newer.traces.get(&trace).or_else(|| self.older.traces.get(&trace))
    }

    /// Whether nothing was ever closed.
    pub(super) fn is_empty(&self) -> bool {
        self.newer.traces.is_empty() && self.older.traces.is_empty() && self.next_chunk == 0
    }

    /// Remembers a trace as closed at log time `now`; where its summaries lie is noted as it becomes known.
    pub(super) fn insert(&mut self, trace: TraceKey, now: u64) {
        if self.get(trace).is_some() {
            return;
        }
        // What had no place at the last roll counts twice: where very many close at once, rolling stays linear.
        if self.newer.traces.len() >= GENERATION.max(2 * self.carried) {
            self.roll();
        }
        if self.newer.traces.is_empty() {
            self.newer.since = now;
        }
        self.newer.until = now;
        self.newer.traces.insert(trace, Places::new());
    }

    /// Adds where a summary of a closed trace was found to lie.
    pub(super) fn note(&mut self, trace: TraceKey, place: Place) {
        let Self { newer, older, .. } = self;
        match newer.traces.get_mut(&trace).or_else(|| older.traces.get_mut(&trace)) {
            Some(places) if places.contains(&place) => {}
            Some(places) => places.push(place),
            // It left while a late summary of it was on its way: this place leaves in a later chunk.
            None => drop(newer.traces.insert(trace, Places::from_elem(place, 1))),
        }
    }

    fn roll(&mut self) {
        let newer = std::mem::take(&mut self.newer);
        let gone = std::mem::replace(&mut self.older, newer);
        let mut entries = Vec::with_capacity(gone.traces.len());
        for (trace, places) in gone.traces {
            if places.is_empty() {
                // Its summary is still on its way to the log.
                self.newer.traces.insert(trace, places);
                self.newer.since = gone.since;
            } else {
                entries.extend(places.iter().map(|place| (trace.0, place.packed())));
            }
        }
        self.carried = self.newer.traces.len();
        if entries.is_empty() {
            return;
        }
        // The order of a hash map shows nowhere.
        entries.sort_unstable();
        let (number, since, until) = (self.next_chunk, gone.since, gone.until);
        self.chunks.push_back(ClosedChunk { number, since, until, entries });
        self.next_chunk += 1;
    }

    /// The next chunk to be kept outside, if there is one.
    pub(super) fn take_chunk(&mut self) -> Option<ClosedChunk> {
        self.chunks.pop_front()
    }

    pub(super) fn next_chunk(&self) -> u64 {
        self.next_chunk
    }

    pub(super) fn to_snapshot(&self) -> SavedClosed {
        let copy = |generation: &Generation| {
            let mut traces: Vec<_> =
                generation.traces.iter().map(|(id, places)| (id.0, places.clone())).collect();
            traces.sort_unstable_by_key(|(id, _)| *id);
            SavedGeneration { since: generation.since, until: generation.until, traces }
        };
        SavedClosed {
            newer: copy(&self.newer),
            older: copy(&self.older),
            carried: self.carried,
            next_chunk: self.next_chunk,
        }
    }

    pub(super) fn from_snapshot(saved: SavedClosed) -> Self {
        let back = |saved: SavedGeneration| Generation {
            since: saved.since,
            until: saved.until,
            traces: saved.traces.into_iter().map(|(id, places)| (TraceKey(id), places)).collect(),
        };
        let SavedClosed { newer, older, carried, next_chunk } = saved;
        Self { newer: back(newer), older: back(older), carried, next_chunk, chunks: VecDeque::new() }
    }
}

/// As they stand in a snapshot, sorted.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedClosed {
    newer: SavedGeneration,
    older: SavedGeneration,
    carried: usize,
    next_chunk: u64,
}

#[derive(Serialize, Deserialize)]
struct SavedGeneration {
    since: u64,
    until: u64,
    traces: Vec<([u8; 16], Places)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u64) -> TraceKey {
        let mut bytes = [1; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        TraceKey(bytes)
    }

    #[test]
    fn a_place_that_becomes_known_after_its_trace_left_leaves_later() {
        let mut closed = ClosedTraces::default();
        let count = MAX_CLOSED_TRACES as u64;
        for n in 0..=count {
            closed.insert(id(n), n);
            closed.note(id(n), Place::new(0, n));
        }
        assert!(closed.take_chunk().is_some() && closed.get(id(1)).is_none());
        closed.note(id(1), Place::new(0, 7));
        assert_eq!(closed.get(id(1)).map(|places| places[0]), Some(Place::new(0, 7)));
    }

    #[test]
    fn what_is_too_much_leaves_in_chunks_once_its_place_is_known() {
        let mut closed = ClosedTraces::default();
        let count = MAX_CLOSED_TRACES as u64 + 1;
        for n in 0..count {
            closed.insert(id(n), n);
            // The first one's summary takes its time.
            if n > 0 {
                closed.note(id(n), Place::new(0, n));
            }
        }
        let chunk = closed.take_chunk().unwrap();
        assert_eq!((chunk.number, chunk.since, chunk.until), (0, 0, GENERATION as u64 - 1));
        assert_eq!(chunk.entries.len(), GENERATION - 1);
        assert!(chunk.entries.contains(&(id(7).0, Place::new(0, 7).packed())));
        assert!(closed.take_chunk().is_none());
        assert!(closed.get(id(7)).is_none() && closed.get(id(0)).is_some());
        assert!(closed.get(id(count - 1)).is_some());
    }
}
