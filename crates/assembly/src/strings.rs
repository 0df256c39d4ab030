//! The fold's own interner: repeated strings become small ids, in a table with a limit, freed by age in log time.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use std::hash::BuildHasher;

use crate::{general::general, time::SECOND};

/// Entries a table can hold at once. An id takes 3 bytes in a span; far fewer are alive in any real system.
pub const MAX_ENTRIES: usize = 1 << 18;

/// Entries beyond those for what must not be taken for something else, however many other values there are: tenants.
pub const RESERVED_ENTRIES: usize = 1 << 12;

/// Entries from which on names of operations are held without what changes from call to call: they must not take all the room.
pub const NAMED_ENTRIES: usize = MAX_ENTRIES / 4 * 3;

/// Id of the empty value.
pub const EMPTY: u32 = 0;

/// Id of what found no room: one named value for all of it.
pub const OVERFLOW: u32 = 1;

/// Text of [`OVERFLOW`].
pub const OVERFLOW_TEXT: &str = "(other)";

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    /// `None` where the id is free.
    value: Option<Box<[u8]>>,
    /// Log time of the last use, seconds.
    used: u32,
}

/// Bytes to ids and back. An id stays valid as long as it was used within the last `keep` of [`Strings::sweep`].
#[derive(Debug, Serialize, Deserialize)]
pub struct Strings {
    entries: Vec<Entry>,
    free: Vec<u32>,
    #[serde(skip)]
    table: HashTable<u32>,
    /// How often there was no room.
    overflows: u64,
}

fn hash(bytes: &[u8]) -> u64 {
    // A fixed seed: the table's order never shows, and what it costs to build collisions is bounded by MAX_ENTRIES.
    FixedState::with_seed(0x5eed).hash_one(bytes)
}

impl Default for Strings {
    fn default() -> Self {
        let fixed = |text: &str| Entry { value: Some(text.as_bytes().into()), used: u32::MAX };
        let mut strings = Self {
            entries: vec![fixed(""), fixed(OVERFLOW_TEXT)],
            free: Vec::new(),
            table: HashTable::new(),
            overflows: 0,
        };
        strings.rebuild();
        strings
    }
}

impl Strings {
    /// The id of `bytes`, used at log time `now` (nanoseconds).
    #[inline]
    pub fn intern(&mut self, bytes: &[u8], now: u64) -> u32 {
        self.intern_within(bytes, now, MAX_ENTRIES)
    }

    /// The same of a value for which there is room where others find none: [`RESERVED_ENTRIES`].
    pub fn intern_reserved(&mut self, bytes: &[u8], now: u64) -> u32 {
        self.intern_within(bytes, now, MAX_ENTRIES + RESERVED_ENTRIES)
    }

    /// The same of the name of an operation: where room gets short, without what changes from call to call, so that a new one is not like all others.
    #[inline]
    pub fn intern_name(&mut self, bytes: &[u8], now: u64) -> u32 {
        if self.entries.len() - self.free.len() < NAMED_ENTRIES {
            return self.intern(bytes, now);
        }
        self.intern_short(bytes, now)
    }

    #[cold]
    fn intern_short(&mut self, bytes: &[u8], now: u64) -> u32 {
        let name = std::str::from_utf8(bytes).unwrap_or_default();
        if self.find(hash(bytes), bytes).is_some() {
            return self.intern(bytes, now);
        }
        self.intern(general(name).as_bytes(), now)
    }

    #[inline]
    fn find(&self, hashed: u64, bytes: &[u8]) -> Option<u32> {
        let entries = &self.entries;
        let same =
            |id: &u32| entries.get(*id as usize).and_then(|entry| entry.value.as_deref()) == Some(bytes);
        self.table.find(hashed, same).copied()
    }

    #[inline]
    fn intern_within(&mut self, bytes: &[u8], now: u64, most: usize) -> u32 {
        if bytes.is_empty() {
            return EMPTY;
        }
        let seconds = seconds(now);
        let hashed = hash(bytes);
        if let Some(id) = self.find(hashed, bytes) {
            if let Some(entry) = self.entries.get_mut(id as usize) {
                entry.used = entry.used.max(seconds);
            }
            return id;
        }
        self.insert(bytes, seconds, hashed, most)
    }

    #[cold]
    fn insert(&mut self, bytes: &[u8], used: u32, hashed: u64, most: usize) -> u32 {
        // What was let go by those that may have more is not for the others.
        if self.entries.len() - self.free.len() >= most {
            self.overflows += 1;
            return OVERFLOW;
        }
        let entry = Entry { value: Some(bytes.into()), used };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        let entries = &self.entries;
        self.table
            .insert_unique(hashed, id, |id| hash(entries[*id as usize].value.as_deref().unwrap_or_default()));
        id
    }

    /// What `id` stands for.
    #[must_use]
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.entries.get(id as usize).and_then(|entry| entry.value.as_deref()).unwrap_or_default()
    }

    /// What `id` stands for, as text. The scan has checked that it is UTF-8.
    #[must_use]
    pub fn text(&self, id: u32) -> &str {
        std::str::from_utf8(self.bytes(id)).unwrap_or_default()
    }

    /// Frees what was last used before `now - keep` (nanoseconds of log time). Whoever holds ids for longer than `keep` after their use must not.
    pub fn sweep(&mut self, now: u64, keep: u64) {
        let limit = seconds(now.saturating_sub(keep));
        let Self { entries, free, table, .. } = self;
        for (id, entry) in entries.iter_mut().enumerate().skip(2) {
            if entry.used >= limit {
                continue;
            }
            if let Some(value) = entry.value.take() {
                if let Ok(found) = table.find_entry(hash(&value), |other| *other as usize == id) {
                    found.remove();
                }
                free.push(id as u32);
            }
        }
    }

    /// Makes the lookup table anew, after reading a snapshot.
    pub fn rebuild(&mut self) {
        let Self { entries, table, .. } = self;
        table.clear();
        for (id, entry) in entries.iter().enumerate().skip(1) {
            if let Some(value) = &entry.value {
                table.insert_unique(hash(value), id as u32, |id| {
                    hash(entries[*id as usize].value.as_deref().unwrap_or_default())
                });
            }
        }
    }

    /// How often there was no room since the last call.
    pub fn take_overflows(&mut self) -> u64 {
        std::mem::take(&mut self.overflows)
    }

    /// One more than the largest id in use.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.entries.len()
    }
}

fn seconds(now: u64) -> u32 {
    (now / SECOND).min(u64::from(u32::MAX) - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_while_used_and_freed_by_age() {
        let mut strings = Strings::default();
        let a = strings.intern(b"a", SECOND);
        let b = strings.intern(b"b", SECOND);
        assert_eq!(strings.intern(b"a", 90 * SECOND), a);
        strings.sweep(100 * SECOND, 60 * SECOND);
        assert_eq!(strings.text(a), "a");
        assert_eq!(strings.text(b), "");
        assert_eq!(strings.intern(b"c", 100 * SECOND), b, "the freed id is used again");
        assert_eq!(strings.intern(b"", 0), EMPTY);
        strings.rebuild();
        assert_eq!(strings.intern(b"c", 100 * SECOND), b);
    }

    #[test]
    fn what_finds_no_room_is_counted_under_one_name() {
        let mut strings = Strings::default();
        for i in 0..MAX_ENTRIES {
            strings.intern(format!("pod-{i}").as_bytes(), SECOND);
        }
        assert_eq!(strings.intern(b"one too many", SECOND), OVERFLOW);
        assert_eq!(strings.text(OVERFLOW), OVERFLOW_TEXT);
        assert!(strings.take_overflows() >= 1);
        let tenant = strings.intern_reserved(b"north", SECOND);
        assert_eq!(strings.intern(b"north", SECOND), tenant);
        assert_eq!(strings.text(tenant), "north");
        assert_eq!(strings.intern(b"another", SECOND), OVERFLOW, "the room is for tenants");
        strings.sweep(1_000 * SECOND, SECOND);
        assert_ne!(strings.intern(b"one too many", 1_000 * SECOND), OVERFLOW);
    }

    #[test]
    fn names_of_operations_with_ids_leave_room_and_stay_apart() {
        let mut strings = Strings::default();
        for i in 0..2 * MAX_ENTRIES {
            strings.intern_name(format!("GET /orders/{i}").as_bytes(), SECOND);
        }
        let (orders, carts) = (
            strings.intern_name(b"GET /orders/99999999", SECOND),
            strings.intern_name(b"GET /carts/17", SECOND),
        );
        assert_eq!((strings.text(orders), strings.text(carts)), ("GET /orders/*", "GET /carts/*"));
        let known = strings.intern_name(b"GET /orders/8213", SECOND);
        assert_eq!(strings.text(known), "GET /orders/8213", "what has its place keeps it");
        assert_ne!(strings.intern(b"a-pod", SECOND), OVERFLOW);
        assert_eq!(strings.take_overflows(), 0);
    }
}
