//! What the schema takes from the configuration.

use std::time::Duration;

/// What the schema takes from the configuration. A retention of zero keeps for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaSettings {
    /// The database's name.
    pub database: String,
    /// How long spans are kept, by their start.
    pub retention_spans: Duration,
    /// How long transactions, sums and the audit are kept.
    pub retention_transactions: Duration,
    /// How many batches a table remembers by name: more than the outbox can hold plus what lies between snapshots, over all partitions.
    pub dedup_window: u32,
}

impl Default for SchemaSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_hours(24);
        Self {
            database: "throughline".to_owned(),
            retention_spans: 7 * DAY,
            retention_transactions: 400 * DAY,
            dedup_window: 10_000,
        }
    }
}

impl SchemaSettings {
    /// The `TTL` of a table whose rows have their moment in `column` (an expression that is a `DateTime`), empty where rows are kept for ever.
    pub(super) fn ttl(column: &str, retention: Duration) -> String {
        match retention.as_secs() {
            0 => String::new(),
            seconds => format!("TTL {column} + toIntervalSecond({seconds})"),
        }
    }

    /// What a store was made with, so that a change is seen.
    pub(super) fn signature(&self) -> String {
        format!(
            "spans={}s transactions={}s window={}",
            self.retention_spans.as_secs(),
            self.retention_transactions.as_secs(),
            self.dedup_window
        )
    }

    /// Whether a store with this signature keeps spans, or the rest, for ever.
    pub(super) fn kept_for_ever(signature: &str, spans: bool) -> bool {
        signature.split(' ').any(|part| part == if spans { "spans=0s" } else { "transactions=0s" })
    }
}
