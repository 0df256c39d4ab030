//! The SQL behind the query API. Values are bound, never written into the statement; every question has a limit of rows and of seconds.

mod after;
mod baseline;
mod compare;
mod filter;
mod incidents;
mod kpis;
mod row;
mod slo;
mod spans;
mod topology;
mod transactions;
mod types;

pub use after::After;
pub use baseline::HopBaseline;
pub use compare::{CompareFilter, ComparedCall, ComparedCell, ComparedValue};
pub use filter::TransactionFilter;
pub use incidents::{AlertFilter, IncidentFilter, StoredAlert};
pub use kpis::{StoredLevel, StoredPart, StoredWork};
pub use row::{Hops, TransactionRow};
pub use spans::SpanRow;
pub use topology::{StoredCall, StoredService};

use clickhouse::query::Query;

use crate::store::Store;

/// Why a question has no answer.
pub type QuestionError = crate::store::StoreError;

/// Rows of one answer at most, whatever the caller asks for: a person reads them.
pub const MAX_ROWS: u32 = 10_000;

/// Spans of one trace at most.
pub const MAX_SPANS: u32 = 100_000;

/// Seconds that the engine works on one question.
const MAX_SECONDS: &str = "30";

impl Store {
    /// A question of the database.
    fn question(&self, sql: &str) -> Query {
        self.client()
            .query_raw(sql)
            .with_setting("max_execution_time", MAX_SECONDS)
            .with_setting("readonly", "2")
    }
}
