//! What is decided between two cuts becomes blocks: a function of the decisions in the log, whenever and however often it is made.

use std::collections::BTreeMap;

use bytes::Bytes;
use throughline_assembly::{
    place::Place,
    records::{Closed, TraceSummary},
};
use throughline_clickhouse::{
    outbox::{Batch, BatchName, Outbox, OutboxError, audit},
    rows::{DecisionRows, Encoded},
    schema::table,
};
use throughline_log::{FetchError, Log, Position};

use crate::{
    WorkerError,
    events::summary_of,
    kept::KeptSpans,
    limits::{MAX_BLOCK_ROWS, RETRY},
    metrics::LIMIT_HITS,
};

/// Gathers one batch after the other.
pub(crate) struct BatchBuilder {
    partition: u32,
    span_log: Log,
    summary_log: Log,
    decisions: DecisionRows,
    kept: KeptSpans,
}

/// The batches of one cut.
pub(crate) struct Sealing {
    log_id: String,
    partition: u32,
    cut: u64,
    batches: Vec<Batch>,
}

impl BatchBuilder {
    pub(crate) fn new(partition: u32, span_log: Log, summary_log: Log) -> Self {
        Self {
            partition,
            span_log,
            summary_log,
            decisions: DecisionRows::new(MAX_BLOCK_ROWS),
            kept: KeptSpans::default(),
        }
    }

    /// Adds a decision, and takes back the sums of the row before. `kept_trace` is told of each trace that it writes.
    pub(crate) fn add(
        &mut self,
        closed: &Closed,
        mut kept_trace: impl FnMut(Place, &TraceSummary),
    ) -> Result<(), WorkerError> {
        if let Err(error) = self.decisions.add(closed) {
            // A decision that cannot be a row was not made by this program.
            tracing::error!(%error, name = ?closed.name(), "a decision in the log is left out");
            return Ok(());
        }
        let Some(row) = &closed.row else { return Ok(()) };
        if closed.kept.is_empty() {
            return Ok(());
        }
        // What an earlier draw kept stays with its own weight; what comes now belongs to this row.
        self.kept.owner(row, row.weight);
        for kept in &closed.kept {
            let place = Place::unpacked(kept.summary);
            match self.summary_log.fetch(place.partition(), Position(place.position())) {
                Ok(found) => match summary_of(&found) {
                    Some(summary) => {
                        kept_trace(place, &summary);
                        self.kept.trace(kept, &summary);
                    }
                    None => KeptSpans::lost(kept),
                },
                Err(error @ FetchError::Beyond { .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, "the summary of a kept trace is gone");
                    KeptSpans::lost(kept);
                }
            }
        }
        Ok(())
    }

    /// The batches up to the cut at `cut`, whose log time is `time`.
    pub(crate) fn seal(&mut self, cut: Position, time: u64) -> Result<Vec<Batch>, WorkerError> {
        let mut sealing = Sealing::new(&self.summary_log, self.partition, cut);
        // Spans before the row that names them: who finds the row finds its spans.
        for (day, blocks) in std::mem::take(&mut self.kept).blocks(&self.span_log)? {
            for (chunk, block) in blocks.into_iter().enumerate() {
                sealing.add(table::SPANS, day, chunk, block.rows(), block.finish().into());
            }
        }
        sealing.add_all(self.decisions.finish());
        Ok(sealing.finish(time))
    }
}

impl Sealing {
    /// Of the cut at `cut` in a partition of `log`.
    pub(crate) fn new(log: &Log, partition: u32, cut: Position) -> Self {
        Self { log_id: log.id().to_string(), partition, cut: cut.0, batches: Vec::new() }
    }

    fn add(&mut self, table: &str, day: u32, chunk: usize, rows: usize, bytes: Bytes) {
        if rows == 0 {
            return;
        }
        let name = BatchName {
            log_id: self.log_id.clone(),
            partition: self.partition,
            cut: self.cut,
            table: table.to_owned(),
            day,
            chunk: chunk as u32,
        };
        self.batches.push(Batch { name, rows: rows as u64, bytes });
    }

    pub(crate) fn add_all(&mut self, blocks: Vec<(&'static str, Encoded)>) {
        let mut chunks: BTreeMap<(&str, u32), usize> = BTreeMap::new();
        for (table, block) in blocks {
            let chunk = chunks.entry((table, block.day)).or_default();
            self.add(table, block.day, *chunk, block.rows, block.bytes);
            *chunk += 1;
        }
    }

    /// All batches, and last the one that says what they are.
    pub(crate) fn finish(mut self, time: u64) -> Vec<Batch> {
        self.batches.extend(audit(&self.batches, time));
        self.batches
    }
}

/// Seals batches. A disk that is full is waited for: a batch cannot be left out.
pub(crate) async fn put_in_outbox(outbox: &Outbox, batches: Vec<Batch>) -> Result<(), WorkerError> {
    let mut wait = RETRY.0;
    loop {
        match outbox.seal(batches.clone()).await {
            // What was sealed first stays: it may be in the store already.
            Err(error @ OutboxError::Differs { .. }) => {
                tracing::warn!(%error, "a cut was sealed before, by another version");
                return Ok(());
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, "the outbox takes nothing at the moment; trying again");
                metrics::counter!(LIMIT_HITS, "limit" => "disk").increment(1);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY.1);
            }
            result => return Ok(result?),
        }
    }
}
