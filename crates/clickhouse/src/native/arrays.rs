//! Columns of arrays, row by row, and written in another order.

use super::{Block, Dictionary, Numbering, put_numbered};

/// The arrays of one column. Trailing default values are left out: the table's view puts them back.
#[derive(Debug)]
pub(crate) struct Arrays<T> {
    items: Vec<T>,
    ends: Vec<u32>,
}

impl<T> Default for Arrays<T> {
    fn default() -> Self {
        Self { items: Vec::new(), ends: Vec::new() }
    }
}

impl<T: Copy + PartialEq> Arrays<T> {
    /// Takes a row's items.
    pub(crate) fn push(&mut self, items: impl Iterator<Item = T>) {
        self.items.extend(items);
        self.ends.push(self.items.len() as u32);
    }

    /// Takes a row's items, without those at its end that are `default`.
    pub(crate) fn push_trimmed(&mut self, items: &[T], default: T) {
        let kept = items.iter().rposition(|item| *item != default).map_or(0, |at| at + 1);
        self.items.extend_from_slice(&items[..kept]);
        self.ends.push(self.items.len() as u32);
    }

    /// How many items all rows have.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// Forgets all rows, and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.ends.clear();
    }

    /// The items of a row.
    pub(crate) fn row(&self, row: u32) -> &[T] {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        &self.items[start..self.ends[row] as usize]
    }

    fn ends_in<'a>(&'a self, order: &'a [u32]) -> impl Iterator<Item = u64> + 'a {
        order.iter().scan(0, |end, &row| {
            *end += self.row(row).len() as u64;
            Some(*end)
        })
    }

    /// Writes the column with rows in this order; `put` writes an item.
    pub(crate) fn write(
        &self,
        block: &mut Block,
        name: &str,
        kind: &str,
        order: &[u32],
        put: impl Fn(&T, &mut Vec<u8>),
    ) {
        let out = block.column(name, kind);
        self.ends_in(order).for_each(|end| out.extend_from_slice(&end.to_le_bytes()));
        order.iter().flat_map(|&row| self.row(row)).for_each(|item| put(item, out));
    }
}

impl<T: Copy + PartialEq> Arrays<T> {
    /// Writes the column with rows in this order; its items are numbers of `N` bytes.
    pub(crate) fn write_numbers<const N: usize>(
        &self,
        block: &mut Block,
        name: &str,
        kind: &str,
        order: &[u32],
        to: impl Fn(T) -> [u8; N],
    ) {
        let out = block.column(name, kind);
        out.reserve(order.len() * 8 + self.items.len() * N);
        self.ends_in(order).for_each(|end| out.extend_from_slice(&end.to_le_bytes()));
        for &row in order {
            let items = self.row(row);
            let start = out.len();
            out.resize(start + items.len() * N, 0);
            for (place, item) in out[start..].as_chunks_mut().0.iter_mut().zip(items) {
                *place = to(*item);
            }
        }
    }
}

impl<T: Copy + PartialEq> Arrays<T> {
    /// Writes the column with rows in this order; its items are 64-bit numbers, of the type named. Where all of the block fit into 32 bits they are
    /// written so: the store widens them, and half of the bytes need not be made, kept and sent.
    pub(crate) fn write_times(
        &self,
        block: &mut Block,
        name: &str,
        kind: &str,
        order: &[u32],
        bits: impl Fn(T) -> u64,
    ) {
        let all = self.items.iter().fold(0, |all, &item| all | bits(item));
        if u32::try_from(all).is_ok() {
            self.write_numbers(block, name, "Array(UInt32)", order, |item| (bits(item) as u32).to_le_bytes());
        } else {
            self.write_numbers(block, name, kind, order, |item| bits(item).to_le_bytes());
        }
    }
}

impl Arrays<u32> {
    /// Writes numbers of a dictionary as an array of its strings.
    pub(crate) fn write_low(
        &self,
        block: &mut Block,
        name: &str,
        dictionary: &Dictionary,
        numbering: &mut Numbering,
        order: &[u32],
    ) {
        numbering.begin(dictionary.len());
        order.iter().for_each(|&row| numbering.extend(self.row(row)));
        let out = block.column(name, "Array(LowCardinality(String))");
        put_numbered(out, dictionary, numbering, self.ends_in(order));
    }
}
