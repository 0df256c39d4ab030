//! Keys of words and a minute, each with sums and a histogram.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::cell::Cell;
use crate::native::{Block, Dictionary, Numbering};
use crate::rows::Encoded;

/// Minutes a day.
const MINUTES: u32 = 24 * 60;

/// Nanoseconds a minute.
const MINUTE_NS: u64 = 60_000_000_000;

/// The latest minute that a `DateTime` holds.
const LAST_MINUTE: i128 = u32::MAX as i128 / 60;

/// A transaction's start, from which its hops' minutes are told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: u64,
    minute: u32,
    /// Nanoseconds since the minute began.
    within: i64,
}

impl Clock {
    /// The clock of a start, Unix nanoseconds.
    pub(super) fn of(start: u64) -> Self {
        let within = (start % MINUTE_NS).cast_signed();
        Self { start, minute: general(start, 0), within }
    }

    /// The minute (since 1970) of a moment so many nanoseconds from the start.
    #[inline]
    pub(super) fn minute(self, offset: i64) -> u32 {
        match self.within.wrapping_add(offset).cast_unsigned() {
            // Below a minute, the sum did not wrap either: `within` is small and not negative.
            0..MINUTE_NS => self.minute,
            _ => general(self.start, offset),
        }
    }
}

fn general(start: u64, offset: i64) -> u32 {
    let moment = i128::from(start) + i128::from(offset);
    (moment / i128::from(MINUTE_NS)).clamp(0, LAST_MINUTE) as u32
}

/// Sums under keys of a minute, a group and what they are of, all as numbers.
#[derive(Debug)]
pub(super) struct Sums<const S: usize> {
    cells: Vec<Cell<S>>,
    index: HashTable<u32>,
    hasher: RandomState,
}

impl<const S: usize> Default for Sums<S> {
    fn default() -> Self {
        Self { cells: Vec::new(), index: HashTable::new(), hasher: RandomState::default() }
    }
}

impl<const S: usize> Sums<S> {
    /// What is under a key.
    #[inline]
    pub(super) fn cell(&mut self, minute: u32, group: u32, of: u32) -> &mut Cell<S> {
        let Self { cells, index, hasher } = self;
        let hash = |minute: u32, group: u32, of: u32| {
            hasher.hash_one((u64::from(minute) << 32 | u64::from(group), of))
        };
        let same = |cell: &Cell<S>| cell.of == of && cell.group == group && cell.minute == minute;
        let key = hash(minute, group, of);
        let at = match index.find(key, |&at| same(&cells[at as usize])) {
            Some(&at) => at,
            None => {
                let at = cells.len() as u32;
                cells.push(Cell::new(minute, group, of));
                index.insert_unique(key, at, |&at| {
                    let cell = &cells[at as usize];
                    hash(cell.minute, cell.group, cell.of)
                });
                at
            }
        };
        &mut cells[at as usize]
    }

    /// A block for each day, rows sorted as the table is, and nothing left after. What adds up to nothing is left out. `words` tells a cell's words.
    pub(super) fn finish<const W: usize>(
        &mut self,
        strings: &Dictionary,
        numbering: &mut Numbering,
        names: ([&str; W], [&str; S]),
        words: impl Fn(&Cell<S>) -> [u32; W],
    ) -> Vec<Encoded> {
        self.index.clear();
        let cells: Vec<_> = self.cells.drain(..).filter(|cell| !cell.is_nothing()).collect();
        let mut rows: Vec<_> = cells.iter().map(|cell| (words(cell), cell)).collect();
        let ranks = ranks(strings, numbering, rows.iter().flat_map(|(words, _)| words));
        // Tenant leads the table's key, then the minute, then the other words.
        rows.sort_unstable_by_key(|(words, cell)| {
            let ranks = words.map(|word| ranks[word as usize]);
            (cell.minute / MINUTES, ranks[0], cell.minute, ranks)
        });
        rows.chunk_by(|(_, a), (_, b)| a.minute / MINUTES == b.minute / MINUTES)
            .map(|day| Encoded {
                day: day[0].1.minute / MINUTES,
                rows: day.len(),
                bytes: encode(strings, numbering, day, names).into(),
            })
            .collect()
    }
}

/// For each of these words its place in the order of their bytes, by its number.
fn ranks<'a>(
    strings: &Dictionary,
    numbering: &mut Numbering,
    words: impl Iterator<Item = &'a u32>,
) -> Vec<u32> {
    numbering.begin(strings.len());
    words.for_each(|&word| numbering.push(word));
    let mut used = numbering.keys().to_vec();
    used.sort_unstable_by(|&a, &b| strings.get(a).cmp(strings.get(b)));
    let mut ranks = vec![0; strings.len()];
    used.into_iter().zip(0..).for_each(|(word, rank)| ranks[word as usize] = rank);
    ranks
}

fn encode<const W: usize, const S: usize>(
    strings: &Dictionary,
    numbering: &mut Numbering,
    rows: &[([u32; W], &Cell<S>)],
    (names, sums): ([&str; W], [&str; S]),
) -> Vec<u8> {
    let mut block = Block::new(W + S + 2, rows.len(), rows.len() * 256 + 1024);
    for (at, name) in names.into_iter().enumerate() {
        block.low_of(name, strings, numbering, rows, |(words, _)| words[at]);
    }
    block.fixed("Minute", "DateTime", rows, |(_, cell)| (cell.minute * 60).to_le_bytes());
    for (at, name) in sums.into_iter().enumerate() {
        block.fixed(name, "SimpleAggregateFunction(sum, Int64)", rows, |(_, cell)| {
            cell.sums[at].to_le_bytes()
        });
    }
    let out = block.column("Durations", "SimpleAggregateFunction(sumMap, Map(Int16, Int64))");
    let mut end = 0u64;
    for (_, cell) in rows {
        end += cell.durations().count() as u64;
        out.extend_from_slice(&end.to_le_bytes());
    }
    let all = || rows.iter().flat_map(|(_, cell)| cell.durations());
    all().for_each(|(bucket, _)| out.extend_from_slice(&bucket.to_le_bytes()));
    all().for_each(|(_, count)| out.extend_from_slice(&count.to_le_bytes()));
    block.finish()
}
