//! Names that are not roots, and what they mean: folds.md calls it a parent.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::{chunk::ClosedChunk, names::NameHash};

/// Names with a parent that one fold holds in memory; older ones leave in chunks and are asked for.
pub const MAX_ALIASES: usize = 1 << 16;

/// Names of one chunk.
const CHUNK: usize = MAX_ALIASES / 2;

/// A name's parent: another name of the same transaction, before it in [`NameHash::is_before`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) parent: NameHash,
    /// Position of the record that says so.
    position: u64,
}

/// The newest names with a parent.
#[derive(Default)]
pub(super) struct Aliases {
    map: HashMap<NameHash, Alias, FixedState>,
    /// In the order of their coming, with the fold's time of it.
    order: VecDeque<(u64, NameHash)>,
}

/// One of them, as a snapshot has it: time, name and parent by halves, position.
pub(super) type SavedAlias = (u64, (u64, u64), (u64, u64), u64);

impl Aliases {
    pub(super) fn parent(&self, name: NameHash) -> Option<NameHash> {
        self.map.get(&name).map(|alias| alias.parent)
    }

    /// A name is given a parent for good.
    pub(super) fn set(&mut self, name: NameHash, parent: NameHash, position: u64, now: u64) {
        self.map.insert(name, Alias { parent, position });
        self.order.push_back((now, name));
    }

    /// Time begins: what came before counts from here.
    pub(super) fn begin(&mut self, now: u64) {
        self.order.iter_mut().for_each(|(at, _)| *at = now);
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Forgets those of before `since`.
    pub(super) fn forget_before(&mut self, since: u64) {
        while let Some((at, name)) = self.order.front().copied()
            && at < since
        {
            self.order.pop_front();
            self.map.remove(&name);
        }
    }

    /// The oldest, where there are too many.
    pub(super) fn take_chunk(&mut self, number: u64) -> Option<ClosedChunk> {
        if self.order.len() <= MAX_ALIASES {
            return None;
        }
        let oldest: Vec<(u64, NameHash)> = self.order.drain(..CHUNK).collect();
        let (since, until) = (oldest.first()?.0, oldest.last()?.0);
        let entries = oldest
            .iter()
            .filter_map(|(_, name)| Some((name.0.to_be_bytes(), self.map.remove(name)?.position)));
        Some(ClosedChunk { number, since, until, entries: entries.collect() })
    }

    pub(super) fn save(&self) -> Vec<SavedAlias> {
        let saved = self.order.iter().filter_map(|(at, name)| {
            let alias = self.map.get(name)?;
            Some((*at, name.halves(), alias.parent.halves(), alias.position))
        });
        saved.collect()
    }

    pub(super) fn restore(saved: Vec<SavedAlias>) -> Self {
        let mut aliases = Self::default();
        for (at, (high, low), (parent_high, parent_low), position) in saved {
            let parent = NameHash::joined(parent_high, parent_low);
            aliases.set(NameHash::joined(high, low), parent, position, at);
        }
        aliases
    }
}
