//! The state of the transactions fold as bytes: written at a cut, once its batches are safe.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    BatchState, Source, Transactions,
    aliases::{Aliases, SavedAlias},
    closing::{Begun, Pending, TakeBack},
    sampling::Sampling,
    transaction::{State, Transaction},
};
use crate::{
    rules::Rules,
    snapshot::{SnapshotError, decode, encode},
    timers::{Due, Timers},
};

/// Version of the layout: another one is refused, never guessed at.
const LAYOUT: u8 = 7;

#[derive(Serialize)]
struct Saved<'a> {
    rules: Vec<u8>,
    sources: &'a [Source],
    now: u64,
    slots: &'a [Option<Transaction>],
    free: &'a [u32],
    generation: u32,
    timers: &'a Timers,
    closing: Vec<(u64, Begun)>,
    next_sequence: u64,
    closed: Vec<(u64, Due)>,
    next_chunk: u64,
    batch: BatchState,
    ends: Vec<(u64, TakeBack)>,
    aliases: Vec<SavedAlias>,
    sampling: &'a Sampling,
}

#[derive(Deserialize)]
struct Loaded {
    rules: Vec<u8>,
    sources: Vec<Source>,
    now: u64,
    slots: Vec<Option<Transaction>>,
    free: Vec<u32>,
    generation: u32,
    timers: Timers,
    closing: Vec<(u64, Begun)>,
    next_sequence: u64,
    closed: Vec<(u64, Due)>,
    next_chunk: u64,
    batch: BatchState,
    ends: Vec<(u64, TakeBack)>,
    aliases: Vec<SavedAlias>,
    sampling: Sampling,
}

impl Transactions {
    /// Writes the state after the last record that was applied to `out`, and gives it back.
    ///
    /// # Errors
    /// Where the state cannot be encoded or `out` does not take it.
    pub fn snapshot<W: std::io::Write>(&self, out: W) -> Result<W, SnapshotError> {
        let (mut closing, mut ends) = (Vec::new(), Vec::new());
        for (sequence, pending) in &self.closing {
            match pending {
                Pending::Row(begun) => closing.push((*sequence, *begun)),
                Pending::TakeBack(end) => ends.push((*sequence, *end)),
            }
        }
        let state = Saved {
            rules: self.rules.to_record(),
            sources: &self.sources,
            now: self.now,
            slots: &self.slots,
            free: &self.free,
            generation: self.generation,
            timers: &self.timers,
            closing,
            next_sequence: self.next_sequence,
            closed: self.closed.iter().copied().collect(),
            next_chunk: self.next_chunk,
            batch: self.batch,
            ends,
            aliases: self.aliases.save(),
            sampling: &self.sampling,
        };
        encode(LAYOUT, &state, out)
    }

    /// The fold as it was when the snapshot was taken, under the rules of then.
    ///
    /// # Errors
    /// Where the bytes are no snapshot of this layout, or its rules are not understood by this binary.
    pub fn restore(partition: u32, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let loaded: Loaded = decode(LAYOUT, bytes)?;
        let rules = Rules::from_record(&loaded.rules).ok_or(SnapshotError::Rules)?;
        let mut fold = Self::new(partition, Arc::new(rules));
        let occupied =
            loaded.slots.iter().enumerate().filter_map(|(slot, found)| Some((slot as u32, found.as_ref()?)));
        for (slot, transaction) in occupied {
            fold.names.insert(transaction.name.into(), slot);
            fold.open += u64::from(transaction.state != State::Closed);
        }
        fold.closing = loaded
            .closing
            .into_iter()
            .map(|(sequence, begun)| (sequence, Pending::Row(begun)))
            .chain(loaded.ends.into_iter().map(|(sequence, end)| (sequence, Pending::TakeBack(end))))
            .collect::<BTreeMap<_, _>>();
        fold.aliases = Aliases::restore(loaded.aliases);
        fold.sources = loaded.sources;
        fold.now = loaded.now;
        fold.slots = loaded.slots;
        fold.free = loaded.free;
        fold.generation = loaded.generation;
        fold.timers = loaded.timers;
        fold.next_sequence = loaded.next_sequence;
        fold.closed = loaded.closed.into();
        fold.next_chunk = loaded.next_chunk;
        fold.batch = loaded.batch;
        fold.sampling = loaded.sampling;
        Ok(fold)
    }
}
