//! Conditions over a whole transaction, in CEL: `type == "transfer" && duration > duration("2s") && amount > 100000`.
//!
//! Parsed by the `cel` crate, checked for names and types when they are loaded, and compiled to a tree that reads facts and allocates nothing.

mod check;
mod compare;
mod expression;
mod fields;

use thiserror::Error;

pub(crate) use self::check::compile;
use self::expression::Bool;
use crate::facts::Transaction;

/// A condition, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    source: Box<str>,
    expression: Bool,
}

impl Condition {
    pub(crate) fn holds(&self, transaction: &Transaction<'_>) -> bool {
        self.expression.eval(transaction)
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }
}

/// Why a condition was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, column {column}: {message}")]
pub(crate) struct ConditionError {
    /// From 1.
    line: usize,
    /// From 1, in characters.
    column: usize,
    message: String,
}
