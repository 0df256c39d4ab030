//! Appending in order: one append at a time, tried again until it succeeds or the log has stopped.

use throughline_log::{AppendError, Log, NewRecord, Position};

use crate::limits::RETRY;

/// Appends `records`; returns where each lies. Waits as long as the log is full: what a fold caused cannot be left out, nor come out of order.
pub(crate) async fn append(log: &Log, records: Vec<(u32, NewRecord)>) -> Result<Vec<Position>, AppendError> {
    let mut wait = RETRY.0;
    loop {
        match log.append(records.clone()).await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "the log takes no records at the moment; trying again");
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
            result => return result,
        }
    }
}
