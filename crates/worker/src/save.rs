//! A fold's state to the disk, piece by piece.

use std::io::BufWriter;

use throughline_assembly::snapshot::SnapshotError;
use throughline_log::{Position, SnapshotWriter, Snapshots};

use crate::WorkerError;

/// What is handed on at once: the encoder writes byte by byte.
const PIECE: usize = 256 << 10;

/// Saves what `write` writes as the state at `position`; durable when it returns.
pub(crate) fn save(
    snapshots: &Snapshots,
    name: &str,
    position: Position,
    write: impl FnOnce(BufWriter<SnapshotWriter>) -> Result<BufWriter<SnapshotWriter>, SnapshotError>,
) -> Result<(), WorkerError> {
    let writer = snapshots.writer(name, position.0).map_err(WorkerError::Save)?;
    let written = write(BufWriter::with_capacity(PIECE, writer))?;
    let writer = written.into_inner().map_err(|error| WorkerError::Save(error.into_error()))?;
    writer.finish().map_err(WorkerError::Save)
}
