//! Attributes of a batch: each key's values are counted as they come, and at the end keys with few values go into the row's dictionary entry.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use throughline_otlp::wire::WireError;

use crate::native::Dictionary;
use crate::value::{self, Any, json_string};

/// Values of one key that are told apart; with more it is not low in cardinality. Dictionary entries hold combinations, so few is better.
const MAX_VALUES: usize = 64;

/// A value must come this often on average before an entry of its own pays.
const MIN_USES: u32 = 4;

/// Bounds of distinct values tried one after the other until combinations are few enough.
const BOUNDS: [usize; 5] = [MAX_VALUES, 32, 8, 2, 0];

/// Combinations always allowed, and one more for so many rows: ClickHouse's dictionaries hold 8,192 a part.
const MIN_COMBINATIONS: usize = 64;
const ROWS_A_COMBINATION: usize = 8;

/// Where the value of an attribute is the transaction's id.
const TRANSACTION: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Attribute {
    key: u32,
    /// Range in the arena; equal values of a key that may be low have the same one.
    at: u32,
    len: u32,
    tag: u8,
}

#[derive(Debug, Default)]
struct Key {
    uses: u32,
    /// Indices of `Values::ranges`.
    values: HashTable<(u32, u32, u8)>,
    /// Not to be a dictionary's: too many values, or one that JSON cannot hold.
    high: bool,
    /// Not UTF-8: JSON would not give it back.
    broken: bool,
}

/// All attributes of a batch's spans.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    keys: Dictionary,
    facts: Vec<Key>,
    arena: Vec<u8>,
    all: Vec<Attribute>,
    scratch: Vec<u8>,
    hasher: RandomState,
}

/// What the end of a batch says of its rows' attributes.
pub(super) struct Learnt {
    /// Dictionary entries, and each row's.
    pub(super) entries: Dictionary,
    pub(super) rows: Vec<u32>,
    low: Vec<bool>,
}

impl Attributes {
    /// How many were pushed: the end of the present row.
    pub(super) fn end(&self) -> u32 {
        self.all.len() as u32
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.arena.len() + self.keys.bytes() + self.all.len() * size_of::<Attribute>()
    }

    /// Takes back all after `end`.
    pub(super) fn truncate(&mut self, end: u32) {
        self.all.truncate(end as usize);
    }

    /// Takes a `KeyValue`. Says whether its text gives it back to the bit.
    #[inline]
    pub(super) fn push(&mut self, message: &[u8], transaction: &[u8]) -> Result<bool, WireError> {
        let (key, value) = value::key_value(message)?;
        let tag = value::plain_tag(value);
        let number = self.key(key);
        let exact = tag.is_some() && !self.facts[number as usize].broken;
        let tag = tag.unwrap_or(b'x');
        match value {
            Some(Any::Str(text)) if text == transaction && !text.is_empty() => {
                self.all.push(Attribute { key: number, at: TRANSACTION, len: 0, tag });
            }
            Some(Any::Str(text)) => self.push_text(number, tag, text),
            Some(Any::Int(int)) => self.push_text(number, tag, itoa::Buffer::new().format(int).as_bytes()),
            other => {
                let mut scratch = std::mem::take(&mut self.scratch);
                scratch.clear();
                let written = value::text(other, &mut scratch);
                if written.is_ok() {
                    self.push_text(number, tag, &scratch);
                }
                self.scratch = scratch;
                written?;
            }
        }
        Ok(exact)
    }

    #[inline]
    fn key(&mut self, key: &[u8]) -> u32 {
        let number = self.keys.intern(key);
        if number as usize == self.facts.len() {
            self.facts.push(Key { broken: str::from_utf8(key).is_err(), ..Key::default() });
        }
        number
    }

    #[inline]
    fn push_text(&mut self, number: u32, tag: u8, text: &[u8]) {
        let Self { facts, arena, all, hasher, .. } = self;
        let key = &mut facts[number as usize];
        key.uses += 1;
        let len = text.len() as u32;
        if !key.high {
            let hash = hasher.hash_one(text);
            let found =
                key.values.find(hash, |&(at, found, kind)| kind == tag && range(arena, at, found) == text);
            if let Some(&(at, ..)) = found {
                all.push(Attribute { key: number, at, len, tag });
                return;
            }
            if key.values.len() == MAX_VALUES || str::from_utf8(text).is_err() {
                key.high = true;
            } else {
                let at = arena.len() as u32;
                key.values.insert_unique(hash, (at, len, tag), |&(at, len, _)| {
                    hasher.hash_one(range(arena, at, len))
                });
            }
        }
        let at = arena.len() as u32;
        arena.extend_from_slice(text);
        all.push(Attribute { key: number, at, len, tag });
    }

    /// Decides which keys are low in cardinality, and renders the dictionary. `rows` gives each row's range of attributes and its flags.
    pub(super) fn learn(&self, rows: &[(u32, u32, u32)]) -> Learnt {
        let limit = MIN_COMBINATIONS.max(rows.len() / ROWS_A_COMBINATION);
        let mut combined = (Vec::new(), Vec::new(), Vec::new());
        for bound in BOUNDS {
            let low: Vec<bool> = self.facts.iter().map(|key| key.is_low(bound)).collect();
            let (firsts, numbers) = self.combine(rows, &low);
            let few = firsts.len() <= limit;
            combined = (low, firsts, numbers);
            if few {
                break;
            }
        }
        let (low, firsts, rows_of) = combined;
        let mut entries = Dictionary::default();
        let mut entry = Vec::new();
        // Two combinations may read the same: what differs may be in `Extra` only.
        let numbers: Vec<u32> = firsts
            .iter()
            .map(|&row| {
                entry.clear();
                self.render(rows[row as usize], &low, &mut entry);
                entries.intern(&entry)
            })
            .collect();
        let rows = rows_of.into_iter().map(|combination| numbers[combination as usize]).collect();
        Learnt { entries, rows, low }
    }

    /// Numbers the combinations: the first row of each, and each row's.
    fn combine(&self, rows: &[(u32, u32, u32)], low: &[bool]) -> (Vec<u32>, Vec<u32>) {
        let identity = |attribute: &Attribute| {
            let value = if low[attribute.key as usize] { attribute.at } else { TRANSACTION };
            (u64::from(attribute.key) << 32 | u64::from(value), attribute.tag, attribute.at == TRANSACTION)
        };
        let of = |row: usize| {
            let (start, end, flags) = rows[row];
            (flags, &self.all[start as usize..end as usize])
        };
        let same = |a: usize, b: usize| {
            let ((a_flags, a), (b_flags, b)) = (of(a), of(b));
            a_flags == b_flags && a.len() == b.len() && a.iter().map(identity).eq(b.iter().map(identity))
        };
        let hash = |row: usize| {
            let (flags, attributes) = of(row);
            attributes.iter().fold(u64::from(flags), |hash, attribute| {
                let (value, tag, _) = identity(attribute);
                (hash.rotate_left(23) ^ value ^ u64::from(tag) << 56).wrapping_mul(0x9E37_79B9_7F4A_7C15)
            })
        };
        let mut firsts: Vec<u32> = Vec::new();
        let mut hashes: Vec<u64> = Vec::new();
        let mut table: HashTable<u32> = HashTable::new();
        let mut numbers = Vec::with_capacity(rows.len());
        for row in 0..rows.len() {
            let hash = self.hasher.hash_one(hash(row));
            let found = table.find(hash, |&number| same(firsts[number as usize] as usize, row));
            numbers.push(found.copied().unwrap_or_else(|| {
                let number = firsts.len() as u32;
                firsts.push(row as u32);
                hashes.push(hash);
                table.insert_unique(hash, number, |&number| hashes[number as usize]);
                number
            }));
        }
        (firsts, numbers)
    }

    fn render(&self, (start, end, flags): (u32, u32, u32), low: &[bool], out: &mut Vec<u8>) {
        let attributes = &self.all[start as usize..end as usize];
        let is_low = |attribute: &&Attribute| low[attribute.key as usize] && attribute.at != TRANSACTION;
        out.extend_from_slice(b"{\"l\":{");
        for (place, attribute) in attributes.iter().filter(is_low).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json_string(self.keys.get(attribute.key), out);
            out.push(b':');
            json_string(range(&self.arena, attribute.at, attribute.len), out);
        }
        out.extend_from_slice(b"},\"h\":[");
        for (place, attribute) in attributes.iter().filter(|attribute| !is_low(attribute)).enumerate() {
            if place > 0 {
                out.push(b',');
            }
            json_string(self.keys.get(attribute.key), out);
        }
        out.extend_from_slice(b"],\"t\":\"");
        out.extend(attributes.iter().map(|attribute| {
            if is_low(&attribute) { attribute.tag } else { attribute.tag.to_ascii_uppercase() }
        }));
        out.extend_from_slice(b"\",\"f\":");
        out.extend_from_slice(itoa::Buffer::new().format(flags).as_bytes());
        out.push(b'}');
    }

    /// Appends the values of a row that are not in its dictionary entry.
    pub(super) fn put_values(&self, (start, end): (u32, u32), learnt: &Learnt, out: &mut Vec<u8>) {
        for attribute in &self.all[start as usize..end as usize] {
            if attribute.at == TRANSACTION {
                out.extend_from_slice(b"\x01t\0");
            } else if !learnt.low[attribute.key as usize] {
                put_escaped(range(&self.arena, attribute.at, attribute.len), out);
                out.push(0);
            }
        }
    }
}

impl Key {
    fn is_low(&self, bound: usize) -> bool {
        let values = self.values.len();
        !self.high && !self.broken && values <= bound && values as u32 * MIN_USES <= self.uses
    }
}

#[inline]
fn range(arena: &[u8], at: u32, len: u32) -> &[u8] {
    &arena[at as usize..at as usize + len as usize]
}

fn put_escaped(value: &[u8], out: &mut Vec<u8>) {
    if !value.iter().any(|&byte| byte < 2) {
        out.extend_from_slice(value);
        return;
    }
    for &byte in value {
        match byte {
            0 => out.extend_from_slice(b"\x01z"),
            1 => out.extend_from_slice(b"\x01e"),
            _ => out.push(byte),
        }
    }
}
