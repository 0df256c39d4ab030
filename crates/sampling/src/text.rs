//! Questions to a text.

use regex::Regex;

/// What a text is compared with.
#[derive(Clone, Debug)]
pub enum TextTest {
    /// Equal to one of these.
    In(Vec<Box<str>>),
    /// Begins with it.
    StartsWith(Box<str>),
    /// Ends with it.
    EndsWith(Box<str>),
    /// Has it in it.
    Contains(Box<str>),
    /// The pattern finds a match in it.
    Matches(Regex),
}

impl TextTest {
    /// Whether the text passes.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::In(values) => values.iter().any(|value| **value == *text),
            Self::StartsWith(value) => text.starts_with(&**value),
            Self::EndsWith(value) => text.ends_with(&**value),
            Self::Contains(value) => text.contains(&**value),
            Self::Matches(pattern) => pattern.is_match(text),
        }
    }
}
