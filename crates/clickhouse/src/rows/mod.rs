//! Rows as Native blocks, made straight from what they come from. The same rows give the same bytes: what an encoder learns, it learns from its own batch.

mod batches;
mod decisions;
mod error;
pub mod histogram;
mod incidents;
mod minutes;
pub mod spans;
mod transactions;

use bytes::Bytes;

use crate::schema::table;

pub use batches::{BatchRow, BatchesBlock};
pub use decisions::DecisionRows;
pub use error::RowsError;
pub use incidents::IncidentRows;
pub use spans::{SpanContext, SpanSource, SpansBlock};

/// A finished block: what to insert, and how many rows it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The day of its rows, days since 1970 in UTC: one partition of its table.
    pub day: u32,
    /// How many rows.
    pub rows: usize,
    /// One Native block.
    pub bytes: Bytes,
}

/// The columns of a table's blocks, in order; empty for a table that no block is made for.
pub(crate) fn columns_of(table: &str) -> &'static [&'static str] {
    match table {
        table::SPANS => &spans::COLUMNS,
        table::TRANSACTIONS => &transactions::COLUMNS,
        table::OPERATION_MINUTES => &minutes::OPERATION_COLUMNS,
        table::EDGE_MINUTES => &minutes::EDGE_COLUMNS,
        table::INCIDENTS => &incidents::INCIDENT_COLUMNS,
        table::ALERTS => &incidents::ALERT_COLUMNS,
        table::BATCHES => &batches::COLUMNS,
        _ => &[],
    }
}

/// Nanoseconds a day.
const DAY_NS: u64 = 86_400_000_000_000;

/// The day of a moment, days since 1970 in UTC: rows of different days go to different blocks, as each block is to fall in one partition.
#[must_use]
pub fn day_of(unix_ns: u64) -> u32 {
    (stored_time(unix_ns) / DAY_NS) as u32
}

/// The latest moment that ClickHouse keeps in nanoseconds (and the latest day that fits its types is later still).
const LAST_TIME: u64 = i64::MAX as u64 - i64::MAX as u64 % DAY_NS - 1;

/// A moment as it is stored: what lies beyond 2262 is put at its end.
pub(crate) fn stored_time(unix_ns: u64) -> u64 {
    unix_ns.min(LAST_TIME)
}
