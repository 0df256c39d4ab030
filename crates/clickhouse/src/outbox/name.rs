//! Names of batches.

use std::fmt;

use bytes::Bytes;

use super::Batch;
use crate::rows::{BatchRow, BatchesBlock};
use crate::schema::table;

/// The name of a batch, written `log id / partition / cut / table / day / chunk`. ClickHouse drops a batch whose name it has seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchName {
    /// The log's random id, made at its creation.
    pub log_id: String,
    /// The partition of the log.
    pub partition: u32,
    /// Position of the cut that ends it.
    pub cut: u64,
    /// One of [`table`].
    pub table: String,
    /// The day of its rows, days since 1970.
    pub day: u32,
    /// Blocks of one table and day are counted from 0.
    pub chunk: u32,
}

impl fmt::Display for BatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log_id, partition, cut, table, day, chunk } = self;
        write!(f, "{log_id}/{partition}/{cut}/{table}/{day}/{chunk}")
    }
}

/// The audit of a cut: one row for each of its batches, as a batch of its own. `None` where there are none. `log_time` is the cut's, Unix nanoseconds.
#[must_use]
pub fn audit(batches: &[Batch], log_time: u64) -> Option<Batch> {
    let first = batches.first()?;
    let mut block = BatchesBlock::new(log_time);
    for batch in batches {
        block.push(BatchRow {
            name: batch.name.to_string(),
            table: batch.name.table.clone(),
            day: batch.name.day,
            rows: batch.rows,
            bytes: batch.bytes.len() as u64,
        });
    }
    let name =
        BatchName { table: table::BATCHES.to_owned(), day: block.day(), chunk: 0, ..first.name.clone() };
    Some(Batch { name, rows: batches.len() as u64, bytes: Bytes::from(block.finish()) })
}
