//! The store: its schema, rows as Native blocks, an outbox of sealed batches, a sink that sends them, and questions in SQL.
//!
//! - [`schema`]: tables and views, as Grafana's ClickHouse plugin knows them, as numbered migrations.
//! - [`rows`]: blocks made straight from wire bytes and records; the same rows give the same bytes.
//! - [`outbox`]: batches on disk under their names until ClickHouse has acknowledged them.
//! - [`sink`]: sends them in order, again and again until acknowledged; a name that the store has already is dropped there.
//! - [`restore`]: stored spans as they were sent.
//! - [`slo`]: service levels by type, over windows, from minutes that are asked for a day at a time.
//! - [`questions`]: the SQL behind the query API.
//!
//! What it is not: it decides nothing of what is kept, and holds no state of a fold.
//!
//! Limits, each named where it stands: bytes of a block and of the outbox, tables written at the same time, rows and seconds of a question.

pub mod metrics;
mod native;
pub mod outbox;
pub mod questions;
pub mod restore;
pub mod rows;
pub mod schema;
pub mod sink;
pub mod slo;
mod store;
mod value;

pub use outbox::{Batch, BatchName, Outbox, OutboxError, audit};
pub use questions::{QuestionError, TransactionFilter, TransactionRow};
pub use rows::{BatchesBlock, DecisionRows, Encoded, RowsError, SpanContext, SpanSource, SpansBlock, day_of};
pub use schema::{SchemaSettings, migrate};
pub use sink::{Sink, SinkHandle, SinkSettings};
pub use store::{Store, StoreError};
