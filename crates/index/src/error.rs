//! What can go wrong, and whether trying again helps.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// Nothing changed, as far as the caller may assume.
#[derive(Debug, Error)]
pub enum IndexError {
    /// A file could not be made, read, renamed or removed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be made durable. What the system still holds of it is unknown: only opening again, and going back to an
    /// earlier snapshot, helps.
    #[error("{} is not durable: {source}", path.display())]
    Sync {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A chunk has more entries than a run can number.
    #[error("a chunk of {entries} entries")]
    TooMany {
        /// How many.
        entries: usize,
    },
}

impl IndexError {
    /// Whether the same call may succeed later: where the disk is full, it does once there is room.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::Interrupted
            ),
            Self::Sync { .. } | Self::TooMany { .. } => false,
        }
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(crate) fn sync(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Sync { path: path.to_owned(), source }
    }
}
