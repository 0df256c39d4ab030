//! The state of the traces fold as bytes: written now and then, read at start.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeSeq};

use super::{
    Traces,
    closed::{ClosedTraces, SavedClosed},
    store::{Chain, SpanRecord, SpanStore},
    trace::Trace,
};
use crate::{
    rules::Rules,
    snapshot::{SnapshotError, decode, encode},
    strings::Strings,
    time::LogClock,
    timers::Timers,
};

/// Version of the layout: another one is refused, never guessed at.
const LAYOUT: u8 = 4;

#[derive(Serialize)]
struct Saved<'a> {
    rules: Vec<u8>,
    clock: LogClock,
    strings: &'a Strings,
    resources: &'a Strings,
    generation: u32,
    swept: u64,
    timers: &'a Timers,
    closed: SavedClosed,
    /// By slot; spans beside each.
    open: Vec<(u32, &'a Trace, SpansOf<'a>)>,
    free: &'a [u32],
}

/// The spans of a trace where they lie: written as a list, never copied into one.
struct SpansOf<'a> {
    store: &'a SpanStore,
    chain: &'a Chain,
}

impl Serialize for SpansOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.chain.len as usize))?;
        for span in self.store.iter(self.chain) {
            list.serialize_element(span)?;
        }
        list.end()
    }
}

#[derive(Deserialize)]
struct Loaded {
    rules: Vec<u8>,
    clock: LogClock,
    strings: Strings,
    resources: Strings,
    generation: u32,
    swept: u64,
    timers: Timers,
    closed: SavedClosed,
    open: Vec<(u32, Trace, Vec<SpanRecord>)>,
    free: Vec<u32>,
}

impl Traces {
    /// Writes the state after the last record that was applied to `out`, and gives it back.
    ///
    /// # Errors
    /// Where the state cannot be encoded or `out` does not take it.
    pub fn snapshot<W: std::io::Write>(&self, out: W) -> Result<W, SnapshotError> {
        let open = self.slots.iter().enumerate().filter_map(|(slot, trace)| {
            let trace = trace.as_ref()?;
            Some((slot as u32, trace, SpansOf { store: &self.spans, chain: &trace.chain }))
        });
        let state = Saved {
            rules: self.rules.to_record(),
            clock: self.clock,
            strings: &self.strings,
            resources: &self.resources,
            generation: self.generation,
            swept: self.swept,
            timers: &self.timers,
            closed: self.closed.to_snapshot(),
            open: open.collect(),
            free: &self.free,
        };
        encode(LAYOUT, &state, out)
    }

    /// The fold as it was when the snapshot was taken, under the rules of then.
    ///
    /// # Errors
    /// Where the bytes are no snapshot of this layout, or its rules are not understood by this binary.
    pub fn restore(partition: u32, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let mut loaded: Loaded = decode(LAYOUT, bytes)?;
        loaded.strings.rebuild();
        loaded.resources.rebuild();
        let rules = Rules::from_record(&loaded.rules).ok_or(SnapshotError::Rules)?;
        let mut fold = Self::new(partition, Arc::new(rules));
        fold.clock = loaded.clock;
        fold.strings = loaded.strings;
        fold.resources = loaded.resources;
        fold.generation = loaded.generation;
        fold.swept = loaded.swept;
        fold.timers = loaded.timers;
        fold.closed = ClosedTraces::from_snapshot(loaded.closed);
        fold.slots.resize_with(loaded.open.len() + loaded.free.len(), || None);
        fold.free = loaded.free;
        for (slot, mut trace, spans) in loaded.open {
            trace.chain = Chain::default();
            for span in spans {
                fold.spans.push(&mut trace.chain, span);
                fold.span_count += 1;
            }
            fold.open.insert(trace.key(), slot);
            let place = fold.slots.get_mut(slot as usize).ok_or(SnapshotError::Inconsistent)?;
            *place = Some(trace);
        }
        Ok(fold)
    }
}
