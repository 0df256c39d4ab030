//! What can go wrong.

use std::{io, path::PathBuf};

/// A file of the index could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the index file {} cannot be {did}: {source}", path.display())]
pub struct IndexError {
    /// Which.
    pub path: PathBuf,
    /// What was tried.
    pub did: &'static str,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl IndexError {
    /// Whether trying again may help: where the disk is full, it does once there is room.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::Interrupted)
    }
}

/// Names the file of an error.
pub(crate) fn at(path: &std::path::Path, did: &'static str) -> impl FnOnce(io::Error) -> IndexError {
    move |source| IndexError { path: path.to_owned(), did, source }
}
