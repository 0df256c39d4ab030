//! Comparisons of attributes, as the scan asks them.

use regex::bytes::Regex;
use throughline_otlp::plan::AttributeTest;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "==" | "=" => Self::Equal,
            "!=" => Self::NotEqual,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::Greater,
            ">=" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    pub(crate) fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }

    /// The same with its sides changed.
    pub(crate) fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            same => same,
        }
    }
}

/// Integers up to here are doubles too.
const EXACT: i64 = 1 << 53;

/// Text equal to one of these.
pub(crate) fn text_in(values: &[&str]) -> AttributeTest {
    AttributeTest::StringIn(values.iter().map(|value| value.as_bytes().into()).collect())
}

/// Any text.
pub(crate) fn any_text() -> AttributeTest {
    text_matches("").unwrap_or_else(|| AttributeTest::StringIn(Vec::new()))
}

/// Text in which the pattern finds a match; `None` where it is no pattern.
pub(crate) fn text_matches(pattern: &str) -> Option<AttributeTest> {
    Regex::new(pattern).ok().map(|pattern| AttributeTest::StringMatches(vec![pattern]))
}

/// Any number.
pub(crate) const ANY_NUMBER: AttributeTest = AttributeTest::Number { min: None, max: None };

/// The attribute is there, whatever its value.
pub(crate) fn exists() -> Vec<AttributeTest> {
    vec![AttributeTest::Present]
}

/// An integer compared; [`Compare::NotEqual`] is asked as equal, for the caller to negate.
pub(crate) fn integer(compare: Compare, bound: i64) -> AttributeTest {
    let strict = bound.unsigned_abs() < EXACT.unsigned_abs();
    match compare {
        Compare::Equal | Compare::NotEqual => AttributeTest::Integer { min: Some(bound), max: Some(bound) },
        Compare::LessOrEqual => AttributeTest::Integer { min: None, max: Some(bound) },
        Compare::GreaterOrEqual => AttributeTest::Integer { min: Some(bound), max: None },
        // Between whole numbers there are doubles.
        Compare::Less | Compare::Greater if strict => number(compare, bound as f64),
        Compare::Less => AttributeTest::Integer { min: None, max: Some(bound.saturating_sub(1)) },
        Compare::Greater => AttributeTest::Integer { min: Some(bound.saturating_add(1)), max: None },
    }
}

/// A double compared; [`Compare::NotEqual`] is asked as equal, for the caller to negate.
pub(crate) fn number(compare: Compare, bound: f64) -> AttributeTest {
    let (min, max) = match compare {
        Compare::Equal | Compare::NotEqual => (Some(bound), Some(bound)),
        Compare::Less => (None, Some(bound.next_down())),
        Compare::LessOrEqual => (None, Some(bound)),
        Compare::Greater => (Some(bound.next_up()), None),
        Compare::GreaterOrEqual => (Some(bound), None),
    };
    AttributeTest::Number { min, max }
}
