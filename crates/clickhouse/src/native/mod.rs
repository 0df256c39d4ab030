//! ClickHouse's Native format, written: one block at revision 0, as HTTP carries it.
//!
//! A block is a varint of columns and one of rows, then for each column its name, its type and its data, column by column. Layouts, all little endian:
//! strings are a varint length and bytes; arrays are the 64-bit end of each row, then all items; `LowCardinality` is in [`low`].
//! Source: ClickHouse's `NativeReader.cpp` and the `Serialization*.cpp` beside it.

mod arrays;
mod dictionary;
mod low;
mod numbering;
mod table;

pub(crate) use arrays::Arrays;
pub(crate) use dictionary::Dictionary;
pub(crate) use low::{put_low, put_numbered};
pub(crate) use numbering::Numbering;
pub(crate) use table::Table;

/// One block that is being written.
pub(crate) struct Block {
    out: Vec<u8>,
}

impl Block {
    /// Begins a block. Exactly `columns` columns are to follow.
    pub(crate) fn new(columns: usize, rows: usize, capacity: usize) -> Self {
        Self::on(Vec::with_capacity(capacity), columns, rows)
    }

    /// Begins a block in this room, which is empty.
    pub(crate) fn on(mut out: Vec<u8>, columns: usize, rows: usize) -> Self {
        put_varint(&mut out, columns as u64);
        put_varint(&mut out, rows as u64);
        Self { out }
    }

    /// Begins a column; its data is to be appended to what this returns.
    pub(crate) fn column(&mut self, name: &str, kind: &str) -> &mut Vec<u8> {
        put_string(&mut self.out, name.as_bytes());
        put_string(&mut self.out, kind.as_bytes());
        &mut self.out
    }

    /// For what follows in the same column.
    pub(crate) fn more(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// A column of strings.
    pub(crate) fn strings<'a>(&mut self, name: &str, values: impl Iterator<Item = &'a [u8]>) {
        let out = self.column(name, "String");
        for value in values {
            put_string(out, value);
        }
    }

    /// A column of 64-bit numbers, of the type named.
    pub(crate) fn u64s(&mut self, name: &str, kind: &str, values: impl Iterator<Item = u64>) {
        let out = self.column(name, kind);
        values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
    }

    /// A column of strings of few distinct values, each row by its index.
    pub(crate) fn low(&mut self, name: &str, dictionary: &Dictionary, rows: impl Iterator<Item = u32>) {
        put_low(self.column(name, "LowCardinality(String)"), dictionary, rows);
    }

    /// A column of numbers of `N` bytes, of the type named.
    pub(crate) fn fixed<T, const N: usize>(
        &mut self,
        name: &str,
        kind: &str,
        rows: &[T],
        to: impl Fn(&T) -> [u8; N],
    ) {
        let out = self.column(name, kind);
        let start = out.len();
        out.resize(start + rows.len() * N, 0);
        for (place, row) in out[start..].as_chunks_mut().0.iter_mut().zip(rows) {
            *place = to(row);
        }
    }

    /// A column of strings of few distinct values, each row by its number in a dictionary that knows more than this block.
    pub(crate) fn low_of<T>(
        &mut self,
        name: &str,
        dictionary: &Dictionary,
        numbering: &mut Numbering,
        rows: &[T],
        of: impl Fn(&T) -> u32,
    ) {
        numbering.begin(dictionary.len());
        rows.iter().for_each(|row| numbering.push(of(row)));
        let out = self.column(name, "LowCardinality(String)");
        put_numbered(out, dictionary, numbering, std::iter::empty());
    }

    /// The block's bytes.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Appends a varint.
#[inline]
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a string.
#[inline]
pub(crate) fn put_string(out: &mut Vec<u8>, value: &[u8]) {
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
