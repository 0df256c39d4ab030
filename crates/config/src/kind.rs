//! What a key can hold.

use std::fmt;

/// What a key holds, for the reference and for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text that is never shown.
    Secret,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// More than 0, at most 1.
    Fraction,
    /// A number with a unit.
    Duration,
    /// IP address and port.
    Address,
    /// A file or folder.
    Path,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Texts.
    TextList,
    /// Globs.
    GlobList,
    /// Name to globs.
    GlobMap,
    /// A condition in CEL.
    Expression,
    /// Rules, each of one form.
    Departments,
    /// Types of transactions.
    Types,
    /// Sampling policies.
    Policies,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => write!(f, "text"),
            Self::Secret => write!(f, "secret text"),
            Self::Bool => write!(f, "true or false"),
            Self::Integer { min, max } => write!(f, "whole number, {min} to {max}"),
            Self::Fraction => write!(f, "number above 0, at most 1"),
            Self::Duration => write!(f, "duration"),
            Self::Address => write!(f, "address:port"),
            Self::Path => write!(f, "path"),
            Self::Choice(words) => write!(f, "{}", words.join(" or ")),
            Self::TextList => write!(f, "list of texts"),
            Self::GlobList => write!(f, "list of globs"),
            Self::GlobMap => write!(f, "map of lists of globs"),
            Self::Expression => write!(f, "condition"),
            Self::Departments | Self::Types | Self::Policies => write!(f, "list"),
        }
    }
}
