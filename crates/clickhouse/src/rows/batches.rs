//! The audit: one row for each batch of a cut, sealed with it.

use super::day_of;
use crate::native::{Block, Dictionary};

/// The columns of a block, in order, for the statement that inserts it.
pub(crate) const COLUMNS: [&str; 6] = ["Name", "Table", "Day", "Rows", "Bytes", "LogTime"];

/// What the audit says of one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its name, which is its deduplication token.
    pub name: String,
    /// The table that it goes to.
    pub table: String,
    /// The day of its rows, days since 1970.
    pub day: u32,
    /// Its rows.
    pub rows: u64,
    /// Its size as sealed, bytes.
    pub bytes: u64,
}

/// The audit rows of one cut.
#[derive(Debug)]
pub struct BatchesBlock {
    log_time: u64,
    rows: Vec<BatchRow>,
}

impl BatchesBlock {
    /// An empty block for the cut at this log time, Unix nanoseconds.
    #[must_use]
    pub fn new(log_time: u64) -> Self {
        Self { log_time: super::stored_time(log_time), rows: Vec::new() }
    }

    /// Takes a batch.
    pub fn push(&mut self, row: BatchRow) {
        self.rows.push(row);
    }

    /// How many batches it holds.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The day of its rows: that of the cut.
    #[must_use]
    pub fn day(&self) -> u32 {
        day_of(self.log_time)
    }

    /// The block's bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let mut block = Block::new(COLUMNS.len(), self.rows.len(), self.rows.len() * 120 + 512);
        let mut tables = Dictionary::default();
        let numbers: Vec<u32> = self.rows.iter().map(|row| tables.intern(row.table.as_bytes())).collect();
        block.strings("Name", self.rows.iter().map(|row| row.name.as_bytes()));
        block.low("Table", &tables, numbers.into_iter());
        let days = block.column("Day", "Date");
        self.rows.iter().for_each(|row| days.extend_from_slice(&(row.day as u16).to_le_bytes()));
        block.u64s("Rows", "UInt64", self.rows.iter().map(|row| row.rows));
        block.u64s("Bytes", "UInt64", self.rows.iter().map(|row| row.bytes));
        block.u64s("LogTime", "DateTime64(9)", self.rows.iter().map(|_| self.log_time));
        block.finish()
    }
}
