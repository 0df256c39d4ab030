//! Conditions in the OpenTelemetry Transformation Language, as the Collector's `ottl_condition` policy has them, made questions to spans.
//!
//! Understood are comparisons of what the index of spans is asked for anyway, and `and`, `or`, `not`. What is not understood is a fault that says where
//! and what would be: a condition is never read as less than it says.

mod lexer;
mod operand;
mod parser;
mod translate;

use thiserror::Error;

pub(crate) use self::translate::translate;

/// Where a condition is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    /// Of each span.
    Span,
    /// Of each event of each span.
    SpanEvent,
}

/// Why a condition is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("column {column}: {message}")]
pub(crate) struct OttlError {
    /// From 1, in characters.
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl OttlError {
    pub(crate) fn new(column: usize, message: impl Into<String>) -> Self {
        Self { column, message: message.into() }
    }
}
