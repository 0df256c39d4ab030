//! Distinct strings, numbered in the order of their first appearance: the same strings give the same numbers.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Strings that repeat. Hashes are seeded at random, against chosen collisions; no order depends on them.
#[derive(Debug)]
pub(crate) struct Dictionary {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    index: HashTable<u32>,
    last: u32,
    hasher: RandomState,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self {
            bytes: Vec::new(),
            ends: Vec::new(),
            index: HashTable::new(),
            last: 0,
            hasher: RandomState::default(),
        }
    }
}

impl Dictionary {
    /// A dictionary of these strings, in this order; they must be distinct.
    pub(crate) fn of(values: &[&str]) -> Self {
        let mut dictionary = Self::default();
        values.iter().for_each(|value| {
            dictionary.intern(value.as_bytes());
        });
        dictionary
    }

    /// The number of a string.
    #[inline]
    pub(crate) fn intern(&mut self, value: &[u8]) -> u32 {
        // Rows of one transaction follow each other.
        if !self.ends.is_empty() && slice(&self.bytes, &self.ends, self.last) == value {
            return self.last;
        }
        self.last = self.look_up(value);
        self.last
    }

    /// As [`Self::intern`], for a string that is not expected to be the last one again.
    pub(crate) fn look_up(&mut self, value: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(value);
        let Self { bytes, ends, index, hasher, .. } = self;
        if let Some(found) = index.find(hash, |&at| slice(bytes, ends, at) == value) {
            return *found;
        }
        let number = ends.len() as u32;
        bytes.extend_from_slice(value);
        ends.push(bytes.len() as u32);
        index.insert_unique(hash, number, |&at| hasher.hash_one(slice(bytes, ends, at)));
        number
    }

    /// The string of a number.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        slice(&self.bytes, &self.ends, number)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all strings.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// All strings in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|number| self.get(number))
    }

    /// For each string its place in the order of bytes.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_unstable_by(|&a, &b| self.get(a).cmp(self.get(b)));
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }
}

#[inline]
fn slice<'a>(bytes: &'a [u8], ends: &[u32], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &bytes[start..ends[number] as usize]
}
