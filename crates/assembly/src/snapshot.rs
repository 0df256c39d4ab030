//! How a fold's state becomes bytes: a layout version, then postcard.

use std::io::{self, Write};

use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

/// Why a state could not be written or read.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The bytes are of another layout.
    #[error("snapshot of layout {found}, this binary reads {expected}")]
    Layout {
        /// What stands in the bytes.
        found: u8,
        /// What is read.
        expected: u8,
    },
    /// The bytes do not decode.
    #[error("snapshot does not decode: {0}")]
    Encoding(#[from] postcard::Error),
    /// Whoever takes the bytes does not.
    #[error("writing a snapshot")]
    Write(#[source] io::Error),
    /// The rules of then are not understood.
    #[error("the rules stored in the snapshot are not understood by this version")]
    Rules,
    /// Parts of the snapshot do not fit each other.
    #[error("snapshot is inconsistent")]
    Inconsistent,
}

/// Writes a state piece by piece, so that it never lies in memory twice; gives the writer back.
pub(crate) fn encode<W: Write>(layout: u8, state: &impl Serialize, mut out: W) -> Result<W, SnapshotError> {
    out.write_all(&[layout]).map_err(SnapshotError::Write)?;
    Ok(postcard::to_io(state, out)?)
}

pub(crate) fn decode<T: DeserializeOwned>(layout: u8, bytes: &[u8]) -> Result<T, SnapshotError> {
    match bytes.split_first() {
        Some((&found, rest)) if found == layout => Ok(postcard::from_bytes(rest)?),
        first => Err(SnapshotError::Layout { found: first.map_or(0, |(found, _)| *found), expected: layout }),
    }
}
