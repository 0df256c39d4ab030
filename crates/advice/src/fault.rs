//! What can be wrong with a pack.

use thiserror::Error;

/// What of a rule is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its name.
    Name,
    /// Its condition.
    When,
    /// Its text.
    Advice,
}

impl Part {
    /// As it is written in a pack.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::When => "when",
            Self::Advice => "advice",
        }
    }
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct PackFault {
    /// Which pack, by its place in what was compiled.
    pub pack: usize,
    /// Which rule of it, and what of that; `None` for the pack itself.
    pub rule: Option<(usize, Part)>,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl PackFault {
    /// The same configuration stays wrong.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}
