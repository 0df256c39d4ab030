//! Sealed batches on disk until ClickHouse has acknowledged them.
//!
//! One file holds all batches of one cut of one partition: it is there whole, or not at all. A sealed cut never changes, so what is sent again is the same
//! bytes under the same names. Cuts of a partition are sent and removed in order.

mod error;
mod file;
mod name;
mod store;

pub use error::OutboxError;
pub use name::{BatchName, audit};
pub use store::{Outbox, SealedCut};

/// One batch: one block of one table, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its name, which says where it belongs.
    pub name: BatchName,
    /// Its rows.
    pub rows: u64,
    /// One Native block.
    pub bytes: bytes::Bytes,
}
