//! Closed traces, as far back as they are found again: trace id to where its summaries lie.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use throughline_otlp::TraceId;

use crate::place::Place;

/// Traces that one fold remembers after closing. What is older is forgotten early, and counted.
pub const MAX_CLOSED_TRACES: usize = 1 << 20;

/// Generations: memory is given back one at a time.
const GENERATIONS: usize = 8;

/// Where a closed trace's summaries lie. A trace has one unless spans came late.
pub(super) type Places = SmallVec<[Place; 1]>;

#[derive(Default)]
struct Generation {
    /// Log time when it was begun.
    since: u64,
    traces: HashMap<TraceId, Places, FixedState>,
}

/// The closed traces of one fold.
#[derive(Default)]
pub(super) struct ClosedTraces {
    generations: VecDeque<Generation>,
    forgotten: u64,
}

impl ClosedTraces {
    /// Where the summaries of a closed trace lie; `None` for one that is unknown.
    pub(super) fn get(&self, trace: TraceId) -> Option<&Places> {
        self.generations.iter().rev().find_map(|generation| generation.traces.get(&trace))
    }

    /// Whether nothing was ever closed.
    pub(super) fn is_empty(&self) -> bool {
        self.generations.iter().all(|generation| generation.traces.is_empty())
    }

    /// Remembers a trace as closed at log time `now`, with no summary known to lie anywhere yet.
    pub(super) fn insert(&mut self, trace: TraceId, places: Places, now: u64, retention: u64) {
        for generation in &mut self.generations {
            if let Some(known) = generation.traces.get_mut(&trace) {
                known.extend(places);
                return;
            }
        }
        self.roll(now, retention);
        if let Some(newest) = self.generations.back_mut() {
            newest.traces.insert(trace, places);
        }
    }

    /// Adds where a summary of a closed trace was found to lie.
    pub(super) fn note(&mut self, trace: TraceId, place: Place) {
        let known =
            self.generations.iter_mut().rev().find_map(|generation| generation.traces.get_mut(&trace));
        if let Some(places) = known
            && !places.contains(&place)
        {
            places.push(place);
        }
    }

    fn roll(&mut self, now: u64, retention: u64) {
        let per_generation = retention / GENERATIONS as u64;
        let full = self.generations.back().is_none_or(|newest| {
            now.saturating_sub(newest.since) > per_generation
                || newest.traces.len() >= MAX_CLOSED_TRACES / GENERATIONS
        });
        if full {
            self.generations.push_back(Generation { since: now, ..Generation::default() });
        }
        while let Some(oldest) = self.generations.front() {
            let next_since = self.generations.get(1).map_or(now, |next| next.since);
            let aged = now.saturating_sub(next_since) > retention;
            if !aged && self.generations.len() <= GENERATIONS + 1 {
                return;
            }
            if !aged {
                self.forgotten += oldest.traces.len() as u64;
            }
            self.generations.pop_front();
        }
    }

    /// Traces forgotten before their time since the last call.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }

    pub(super) fn to_snapshot(&self) -> Vec<ClosedGeneration> {
        let copy = |generation: &Generation| {
            let mut traces: Vec<_> =
                generation.traces.iter().map(|(id, places)| (id.0, places.clone())).collect();
            traces.sort_unstable_by_key(|(id, _)| *id);
            ClosedGeneration { since: generation.since, traces }
        };
        self.generations.iter().map(copy).collect()
    }

    pub(super) fn from_snapshot(generations: Vec<ClosedGeneration>) -> Self {
        let back = |generation: ClosedGeneration| Generation {
            since: generation.since,
            traces: generation.traces.into_iter().map(|(id, places)| (TraceId(id), places)).collect(),
        };
        Self { generations: generations.into_iter().map(back).collect(), forgotten: 0 }
    }
}

/// A generation as it stands in a snapshot, sorted.
#[derive(Serialize, Deserialize)]
pub(super) struct ClosedGeneration {
    since: u64,
    traces: Vec<([u8; 16], Places)>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    fn id(n: u64) -> TraceId {
        let mut bytes = [1; 16];
        bytes[..8].copy_from_slice(&n.to_be_bytes());
        TraceId(bytes)
    }

    #[test]
    fn a_trace_is_found_as_long_as_retention_lasts() {
        let mut closed = ClosedTraces::default();
        for second in 0..100 {
            closed.insert(id(second), Places::new(), second * SECOND, 40 * SECOND);
        }
        assert!((60..100).all(|n| closed.get(id(n)).is_some()));
        assert!(closed.get(id(10)).is_none());
        assert_eq!(closed.take_forgotten(), 0);
    }

    #[test]
    fn over_the_limit_the_oldest_go_and_are_counted() {
        let mut closed = ClosedTraces::default();
        for n in 0..MAX_CLOSED_TRACES as u64 * 3 / 2 {
            closed.insert(id(n), Places::new(), n, u64::MAX / 2);
        }
        assert!(closed.get(id(MAX_CLOSED_TRACES as u64 * 3 / 2 - MAX_CLOSED_TRACES as u64 + 1)).is_some());
        assert!(closed.get(id(0)).is_none());
        assert!(closed.take_forgotten() > 0);
    }
}
