//! Why a stored span cannot be given back.

use thiserror::Error;

/// Why a stored span cannot be given back: the row is not what the encoder writes. Never passes by itself.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// A column does not hold what it should.
    #[error("column {0} of a stored span cannot be read")]
    Column(&'static str),
}

impl RestoreError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Column(_) => false,
        }
    }
}
