//! Why the outbox did not do as asked.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why the outbox did not do as asked.
#[derive(Debug, Error)]
pub enum OutboxError {
    /// The disk refused.
    #[error("outbox cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not say what was written to it. It is left where it is.
    #[error("outbox file {} is damaged: {what}; its cut must be made again from the log", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The batches given are not of one cut of one partition.
    #[error("batches of several cuts cannot be sealed together")]
    Mixed,
    /// The cut was sealed before with other bytes: the log did not give the same batches again.
    #[error("cut {cut} of partition {partition} was sealed before with other batches")]
    Differs {
        /// The partition.
        partition: u32,
        /// The cut.
        cut: u64,
    },
}

impl OutboxError {
    /// Whether the same may succeed later without anybody repairing a file.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Damaged { .. } | Self::Differs { .. } | Self::Mixed => false,
        }
    }
}
