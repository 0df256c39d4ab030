//! Why something is not a row.

use thiserror::Error;
use throughline_otlp::wire::WireError;

/// Why something is not a row. What was pushed before stays; the block can go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RowsError {
    /// The span, its resource or its scope is no message.
    #[error("span cannot be read: {0}")]
    Wire(#[from] WireError),
    /// The block holds as many bytes as it may: finish it and begin another.
    #[error("block is full")]
    Full,
    /// A column of a transaction's hops is shorter than the others, or names a string that is not there.
    #[error("hops of transaction {0} do not fit together")]
    Hops(String),
}

impl RowsError {
    /// Whether the same push can succeed, on a new block.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Wire(_) | Self::Hops(_) => false,
        }
    }
}
