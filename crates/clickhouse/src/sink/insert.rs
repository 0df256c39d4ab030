//! One insert of one batch.

use std::time::Duration;

use bytes::Bytes;

use crate::outbox::Batch;
use crate::rows::columns_of;
use crate::store::{Store, StoreError};

/// No block is cut or joined by the server up to these: one batch is one block, as its name must stand for all of it.
const MAX_BLOCK_ROWS: &str = "4294967296";

/// From this version deduplication is asked for by `deduplicate_insert`, before by `insert_deduplicate`.
const NEW_SETTING_SINCE: (u32, u32) = (26, 2);

/// Which setting a server of this version (`26.7.2.1`) knows, with the value that turns deduplication on.
pub(super) fn dedup_setting(version: &str) -> (&'static str, &'static str) {
    let mut numbers = version.split('.').map(|part| part.parse().unwrap_or(0));
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if found >= NEW_SETTING_SINCE { ("deduplicate_insert", "enable") } else { ("insert_deduplicate", "1") }
}

/// Sends a batch. Success means that it is stored, now or before.
pub(super) async fn insert(
    store: &Store,
    batch: &Batch,
    dedup: (&'static str, &'static str),
    timeout: Duration,
) -> Result<(), StoreError> {
    let table = &batch.name.table;
    let names: Vec<String> = columns_of(table).iter().map(|name| format!("`{name}`")).collect();
    let sql = format!("INSERT INTO {table} ({}) FORMAT Native", names.join(", "));
    let mut insert = store
        .client()
        .insert_formatted_with(sql)
        .with_timeouts(Some(timeout), Some(timeout))
        .with_setting("insert_deduplication_token", batch.name.to_string())
        .with_setting(dedup.0, dedup.1)
        .with_setting("async_insert", "0")
        .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
        .with_setting("min_insert_block_size_rows", "0")
        .with_setting("min_insert_block_size_bytes", "0")
        .with_setting("max_insert_block_size", MAX_BLOCK_ROWS)
        .with_setting("max_insert_threads", "1")
        .with_setting("optimize_on_insert", "0");
    for piece in pieces(&batch.bytes) {
        insert.send(piece).await?;
    }
    Ok(insert.end().await?)
}

/// Bytes sent at a time: each is subject to the timeout.
const PIECE: usize = 1 << 20;

fn pieces(bytes: &Bytes) -> impl Iterator<Item = Bytes> + '_ {
    (0..bytes.len()).step_by(PIECE).map(|start| bytes.slice(start..bytes.len().min(start + PIECE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_follows_the_version() {
        assert_eq!(dedup_setting("26.7.2.1").0, "deduplicate_insert");
        assert_eq!(dedup_setting("26.2.1.1").0, "deduplicate_insert");
        assert_eq!(dedup_setting("26.1.9.1").0, "insert_deduplicate");
        assert_eq!(dedup_setting("25.8").0, "insert_deduplicate");
        assert_eq!(dedup_setting("").0, "insert_deduplicate");
    }
}
