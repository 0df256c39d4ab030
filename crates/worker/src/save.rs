//! A fold's state to the disk, piece by piece.

use std::time::{Duration, Instant};

use throughline_assembly::snapshot::SnapshotError;
use throughline_log::{Position, SnapshotWriter, Snapshots};

use crate::{WorkerError, limits::SNAPSHOT_EVERY, metrics::LIMIT_HITS};

/// Before a snapshot is tried again that the disk had no room for.
const AGAIN: Duration = Duration::from_secs(1);

/// When the next snapshot is due.
pub(crate) struct Schedule {
    /// Where the last one was taken, and when it was tried.
    saved: (Position, Instant),
    /// Bytes of log between two snapshots.
    bytes: u64,
}

impl Schedule {
    pub(crate) fn new(saved: Position, bytes: u64) -> Self {
        Self { saved: (saved, Instant::now()), bytes }
    }

    pub(crate) fn is_due(&self, next: Position) -> bool {
        let grown = next.0 - self.saved.0.0;
        let waited = self.saved.1.elapsed();
        grown > 0 && (waited >= SNAPSHOT_EVERY || grown >= self.bytes && waited >= AGAIN)
    }

    /// Notes how saving at `next` went; whether it is saved. A disk that is full puts it off: the log holds what it would have let go.
    pub(crate) fn saved(
        &mut self,
        next: Position,
        saved: Result<(), WorkerError>,
    ) -> Result<bool, WorkerError> {
        self.saved.1 = Instant::now();
        match saved {
            Ok(()) => {
                self.saved.0 = next;
                Ok(true)
            }
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, reason = std::error::Error::source(&error), "no snapshot could be saved; tried again later");
                metrics::counter!(LIMIT_HITS, "limit" => "disk").increment(1);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

/// Saves what `write` writes as the state at `position`; durable when it returns.
pub(crate) fn save(
    snapshots: &Snapshots,
    name: &str,
    position: Position,
    write: impl FnOnce(SnapshotWriter) -> Result<SnapshotWriter, SnapshotError>,
) -> Result<(), WorkerError> {
    let writer = snapshots.writer(name, position.0).map_err(WorkerError::Save)?;
    let written = write(writer).map_err(|error| match error {
        SnapshotError::Write(fault) => WorkerError::Save(fault),
        other => other.into(),
    })?;
    written.finish().map_err(WorkerError::Save)
}
