//! Keys of words and a minute, each with sums and a histogram.

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::native::{Block, Dictionary};
use crate::rows::Encoded;
use crate::rows::histogram::bucket;

/// Minutes a day.
const MINUTES: u32 = 24 * 60;

/// Nanoseconds a minute.
const MINUTE_NS: i128 = 60_000_000_000;

/// The latest minute that a `DateTime` holds.
const LAST_MINUTE: i128 = u32::MAX as i128 / 60;

/// What is summed under one key: `S` sums, and durations by bucket (sorted).
#[derive(Debug)]
struct Cell<const S: usize> {
    sums: [i64; S],
    durations: Vec<(i16, i64)>,
}

/// Sums under keys of `W` words and a minute. Words are numbers in one dictionary.
#[derive(Debug)]
pub(super) struct Sums<const W: usize, const S: usize> {
    words: Dictionary,
    cells: HashMap<(u32, [u32; W]), Cell<S>, FixedState>,
}

impl<const W: usize, const S: usize> Default for Sums<W, S> {
    fn default() -> Self {
        Self { words: Dictionary::default(), cells: HashMap::default() }
    }
}

/// The minute (since 1970) of a moment given as a start and an offset from it.
pub(super) fn minute(start: u64, offset: i64) -> u32 {
    ((i128::from(start) + i128::from(offset)) / MINUTE_NS).clamp(0, LAST_MINUTE) as u32
}

impl<const W: usize, const S: usize> Sums<W, S> {
    /// The number of a word. A zero byte in it reads as the replacement character, as in the transactions' rows.
    pub(super) fn word(&mut self, word: &str) -> u32 {
        if word.as_bytes().contains(&0) {
            self.words.intern(word.replace('\0', "\u{FFFD}").as_bytes())
        } else {
            self.words.intern(word.as_bytes())
        }
    }

    /// Adds to a key: sums, and `count` hops that took `duration` nanoseconds together.
    pub(super) fn add(&mut self, minute: u32, words: [u32; W], sums: [i64; S], duration: u64, count: i64) {
        let cell =
            self.cells.entry((minute, words)).or_insert_with(|| Cell { sums: [0; S], durations: Vec::new() });
        for (sum, more) in cell.sums.iter_mut().zip(sums) {
            *sum = sum.wrapping_add(more);
        }
        if count == 0 {
            return;
        }
        let bucket = bucket(duration / count.unsigned_abs());
        match cell.durations.binary_search_by_key(&bucket, |&(bucket, _)| bucket) {
            Ok(at) => cell.durations[at].1 = cell.durations[at].1.wrapping_add(count),
            Err(at) => cell.durations.insert(at, (bucket, count)),
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// A block for each day, rows sorted as the table is. What adds up to nothing is left out.
    pub(super) fn finish(mut self, names: [&str; W], sums: [&str; S]) -> Vec<Encoded> {
        for cell in self.cells.values_mut() {
            cell.durations.retain(|&(_, count)| count != 0);
        }
        self.cells.retain(|_, cell| cell.sums != [0; S] || !cell.durations.is_empty());
        let ranks = self.words.ranks();
        let mut rows: Vec<_> = self.cells.iter().collect();
        // Tenant leads the table's key, then the minute, then the other words.
        rows.sort_unstable_by_key(|((minute, words), _)| {
            let ranks = words.map(|word| ranks[word as usize]);
            (minute / MINUTES, ranks[0], *minute, ranks)
        });
        rows.chunk_by(|((a, _), _), ((b, _), _)| a / MINUTES == b / MINUTES)
            .map(|day| Encoded {
                day: day[0].0.0 / MINUTES,
                rows: day.len(),
                bytes: encode(&self.words, day, names, sums),
            })
            .collect()
    }
}

type Entry<'a, const W: usize, const S: usize> = (&'a (u32, [u32; W]), &'a Cell<S>);

fn encode<const W: usize, const S: usize>(
    words: &Dictionary,
    rows: &[Entry<'_, W, S>],
    names: [&str; W],
    sums: [&str; S],
) -> Vec<u8> {
    let mut block = Block::new(W + S + 2, rows.len(), rows.len() * 256 + 1024);
    for (at, name) in names.into_iter().enumerate() {
        let mut own = Dictionary::default();
        let numbers: Vec<u32> = rows.iter().map(|((_, key), _)| own.intern(words.get(key[at]))).collect();
        block.low(name, &own, numbers.into_iter());
    }
    block.u32s("Minute", "DateTime", rows.iter().map(|((minute, _), _)| minute * 60));
    for (at, name) in sums.into_iter().enumerate() {
        block.u64s(
            name,
            "SimpleAggregateFunction(sum, Int64)",
            rows.iter().map(|(_, cell)| cell.sums[at].cast_unsigned()),
        );
    }
    let out = block.column("Durations", "SimpleAggregateFunction(sumMap, Map(Int16, Int64))");
    let mut end = 0u64;
    for (_, cell) in rows {
        end += cell.durations.len() as u64;
        out.extend_from_slice(&end.to_le_bytes());
    }
    let all = || rows.iter().flat_map(|(_, cell)| &cell.durations);
    all().for_each(|(bucket, _)| out.extend_from_slice(&bucket.to_le_bytes()));
    all().for_each(|(_, count)| out.extend_from_slice(&count.to_le_bytes()));
    block.finish()
}
