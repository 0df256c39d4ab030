//! What stops a driver.

use thiserror::Error;
use throughline_assembly::{rules::RuleFault, snapshot::SnapshotError};
use throughline_log::{AppendError, FetchError, OpenError, ReadError};

/// A driver cannot go on. Nothing acknowledged is lost by it: the log holds all, and a start later goes on from there.
#[derive(Debug, Error)]
pub enum WorkerError {
    /// The log cannot be read.
    #[error("reading the {log} log, partition {partition}")]
    Read {
        /// `span`, `summary` or `analysis`.
        log: &'static str,
        /// Which.
        partition: u32,
        /// What is wrong.
        source: ReadError,
    },
    /// The log takes no records any more.
    #[error("appending to the log")]
    Append(#[from] AppendError),
    /// A record cannot be fetched that is needed.
    #[error("fetching a record")]
    Fetch(#[from] FetchError),
    /// A snapshot cannot be written.
    #[error("writing a snapshot")]
    Save(#[source] std::io::Error),
    /// A fold's state cannot be encoded or decoded.
    #[error("state of a fold")]
    Snapshot(#[from] SnapshotError),
    /// The snapshots cannot be opened.
    #[error("opening snapshots")]
    Open(#[from] OpenError),
    /// The index of what is closed cannot be read or written.
    #[error("the index of what is closed")]
    Index(#[from] throughline_index::IndexError),
    /// The outbox cannot be written.
    #[error("writing the outbox")]
    Outbox(#[from] throughline_clickhouse::outbox::OutboxError),
    /// A row cannot be encoded.
    #[error("encoding a row")]
    Row(#[source] serde_json::Error),
    /// The rules do not compile.
    #[error("rules: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<RuleFault>),
    /// A driver panicked; where, the log has said.
    #[error("driver {0} panicked")]
    Panic(String),
    /// A thread could not be started.
    #[error("starting a thread")]
    Thread(#[source] std::io::Error),
}

impl WorkerError {
    /// Whether a restart of the driver may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Append(error) => error.is_retryable(),
            Self::Index(error) => error.is_retryable(),
            Self::Save(_) | Self::Outbox(_) | Self::Thread(_) => true,
            Self::Panic(_)
            | Self::Read { .. }
            | Self::Fetch(_)
            | Self::Snapshot(_)
            | Self::Open(_)
            | Self::Row(_)
            | Self::Rules(_) => false,
        }
    }
}
