//! What can go wrong, and whether trying again helps.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use thiserror::Error;

use crate::{Damage, Position};

/// Nothing of the append is durable, as far as the caller may assume.
#[derive(Clone, Debug, Error)]
pub enum AppendError {
    /// The disk, or what the log may hold, is full.
    #[error("the log is full")]
    Full {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Too much waits to be durable.
    #[error("the log takes no more for the moment")]
    Overloaded {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A record exceeds what a record may be.
    #[error("a record of {bytes} bytes exceeds {max}")]
    TooLarge {
        /// Bytes of the record, header included.
        bytes: usize,
        /// The most it may have.
        max: usize,
    },
    /// There is no such partition.
    #[error("partition {partition} of {partitions}")]
    NoPartition {
        /// What was asked for.
        partition: u32,
        /// How many there are.
        partitions: u32,
    },
    /// The log stopped: after a write error, or because it was closed. Only opening it again helps.
    #[error("the log has stopped: {reason}")]
    Stopped {
        /// The first reason.
        reason: Arc<str>,
    },
}

impl AppendError {
    /// Whether the same append may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. } | Self::Overloaded { .. } => true,
            Self::TooLarge { .. } | Self::NoPartition { .. } | Self::Stopped { .. } => false,
        }
    }
}

/// The log cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{} is in use by another process", .dir.display())]
    InUse {
        /// The log's folder.
        dir: PathBuf,
    },
    /// Data exist under another number of partitions.
    #[error("{} holds {stored} partitions; {asked} were asked for, and the number cannot be changed", .dir.display())]
    Partitions {
        /// The log's folder.
        dir: PathBuf,
        /// What the data have.
        stored: u32,
        /// What the settings say.
        asked: u32,
    },
    /// The settings cannot be.
    #[error("settings of the log: {0}")]
    Settings(&'static str),
    /// The file that names the log is not readable, or of a version that this program does not know.
    #[error("{} does not describe a log that this version reads", .path.display())]
    Meta {
        /// Which file.
        path: PathBuf,
    },
    /// A segment of another log, partition or version lies in the folder.
    #[error("{} does not belong to this log: {what}", .path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        what: &'static str,
    },
    /// Both copies of a segment's head are damaged: which records it holds is unknown. Put the file aside to go on without them.
    #[error("the head of {} is damaged", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("{}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl OpenError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.into(), source }
    }

    /// Whether opening again may succeed with nothing changed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InUse { .. } | Self::Io { .. } => true,
            Self::Partitions { .. }
            | Self::Settings(_)
            | Self::Meta { .. }
            | Self::Foreign { .. }
            | Self::Damaged { .. } => false,
        }
    }
}

/// A reader cannot go on.
#[derive(Clone, Debug, Error)]
pub enum ReadError {
    /// What it wants next is gone.
    #[error("the log begins at {start}; {wanted} was trimmed")]
    Trimmed {
        /// Where the log begins.
        start: Position,
        /// Where the reader is.
        wanted: Position,
    },
    /// It is past the end: it belongs to another log, or the log lost its end.
    #[error("the log ends at {end}, before {wanted}")]
    Beyond {
        /// Where the log ends.
        end: Position,
        /// Where the reader is.
        wanted: Position,
    },
    /// A newer version wrote a kind that this one does not know.
    #[error("record {position} is of an unknown kind, {kind}")]
    UnknownKind {
        /// Where.
        position: Position,
        /// Its number.
        kind: u8,
    },
    /// All that is durable was read, and the log has stopped.
    #[error("the log has stopped: {reason}")]
    Stopped {
        /// The first reason.
        reason: Arc<str>,
    },
}

impl ReadError {
    /// Whether the same reader may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Trimmed { .. } | Self::Beyond { .. } | Self::UnknownKind { .. } | Self::Stopped { .. } => {
                false
            }
        }
    }
}

/// A record cannot be fetched.
#[derive(Clone, Debug, Error)]
pub enum FetchError {
    /// It is gone.
    #[error("the log begins at {start}; {wanted} was trimmed")]
    Trimmed {
        /// Where the log begins.
        start: Position,
        /// What was asked for.
        wanted: Position,
    },
    /// It is not durable yet, or never was.
    #[error("the log ends at {end}, before {wanted}")]
    Beyond {
        /// Where the log ends.
        end: Position,
        /// What was asked for.
        wanted: Position,
    },
    /// What lies there is no sound record.
    #[error("{0}")]
    Damaged(Damage),
    /// A newer version wrote a kind that this one does not know.
    #[error("record {position} is of an unknown kind, {kind}")]
    UnknownKind {
        /// Where.
        position: Position,
        /// Its number.
        kind: u8,
    },
}

impl FetchError {
    /// Whether the same position may be there later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Beyond { .. } => true,
            Self::Trimmed { .. } | Self::Damaged(_) | Self::UnknownKind { .. } => false,
        }
    }
}
