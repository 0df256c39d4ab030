//! The store's tables and views, as numbered migrations. Every statement can run again without harm, so a store that was emptied is filled again.

mod migrate;
mod settings;
mod statements;

pub use migrate::migrate;
pub use settings::SchemaSettings;
pub(crate) use statements::quoted;
pub use statements::{SCHEMA_VERSION, Statement, statements};

/// Tables that batches are written to.
pub mod table {
    /// Kept spans.
    pub const SPANS: &str = "spans";
    /// Versions of transactions.
    pub const TRANSACTIONS: &str = "transactions_data";
    /// Sums by operation.
    pub const OPERATION_MINUTES: &str = "operation_minutes";
    /// Sums by caller and callee.
    pub const EDGE_MINUTES: &str = "edge_minutes";
    /// Versions of incidents.
    pub const INCIDENTS: &str = "incidents_data";
    /// States of alerts.
    pub const ALERTS: &str = "alerts_data";
    /// The audit.
    pub const BATCHES: &str = "batches";
}
