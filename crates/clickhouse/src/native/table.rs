//! Distinct small keys, numbered as they come.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Keys by number and numbers by key. Hashes are seeded at random; nothing depends on them but speed.
#[derive(Debug)]
pub(crate) struct Table<K> {
    keys: Vec<K>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), index: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<K: Copy + Eq + Hash> Table<K> {
    /// The number of a key.
    #[inline]
    pub(crate) fn intern(&mut self, key: K) -> u32 {
        let Self { keys, index, hasher } = self;
        let hash = hasher.hash_one(key);
        if let Some(found) = index.find(hash, |&at| keys[at as usize] == key) {
            return *found;
        }
        let number = keys.len() as u32;
        keys.push(key);
        index.insert_unique(hash, number, |&at| hasher.hash_one(keys[at as usize]));
        number
    }

    /// The key of a number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> K {
        self.keys[number as usize]
    }

    /// All keys in the order of their numbers.
    pub(crate) fn keys(&self) -> &[K] {
        &self.keys
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}
