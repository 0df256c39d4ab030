//! Rows that the store is not to keep: they are sent like all others, but nobody shall wonder where they are.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::metrics;
use crate::outbox::Batch;
use crate::schema::{SchemaSettings, table};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Told no more often than this: a replay of old data has many batches.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// When it was told of last.
#[derive(Debug, Default)]
pub(super) struct Expired(Mutex<Option<Instant>>);

impl Expired {
    /// Counts a batch that was stored and is deleted for its age, and says so now and then.
    pub(super) fn look(&self, batch: &Batch, settings: &SchemaSettings) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (key, retention) = kept_for(&batch.name.table, settings);
        if !is_expired(batch.name.day, retention, now) {
            return;
        }
        let table = batch.name.table.clone();
        ::metrics::counter!(metrics::ROWS_EXPIRED, "table" => table).increment(batch.rows);
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
            *told = Some(Instant::now());
            tracing::warn!(
                table = batch.name.table,
                rows = batch.rows,
                days_old = now.as_secs() / DAY.as_secs() - u64::from(batch.name.day),
                "rows are older than {key} keeps them, so that ClickHouse deletes them; for recorded data raise it, or replay with --shift-to-now"
            );
        }
    }
}

/// The key of a table's retention, and its value.
fn kept_for(table: &str, settings: &SchemaSettings) -> (&'static str, Duration) {
    if table == table::SPANS {
        ("clickhouse.retention.spans", settings.retention_spans)
    } else {
        ("clickhouse.retention.transactions", settings.retention_transactions)
    }
}

/// Whether all of a day, days since 1970, is older than that. A retention of zero keeps for ever.
fn is_expired(day: u32, retention: Duration, now: Duration) -> bool {
    let end = DAY * day.saturating_add(1);
    !retention.is_zero() && end.saturating_add(retention) < now
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_expires_with_its_last_moment() {
        let now = DAY * 100;
        assert!(!is_expired(100, DAY, now), "today");
        assert!(!is_expired(98, DAY, now), "its last moment is as old as may be");
        assert!(is_expired(97, DAY, now));
        assert!(!is_expired(0, Duration::ZERO, now), "kept for ever");
        assert!(!is_expired(u32::MAX, DAY, now), "a date to come");
    }

    #[test]
    fn each_table_has_its_own_retention() {
        let settings = SchemaSettings::default();
        assert_eq!(kept_for(table::SPANS, &settings), ("clickhouse.retention.spans", DAY * 7));
        assert_eq!(kept_for(table::TRANSACTIONS, &settings).1, DAY * 400);
    }
}
