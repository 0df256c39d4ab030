//! Keys of samplers that treat each kind of transaction by itself: values of some fields, joined.

use std::fmt::Write;

use crate::facts::Transaction;

/// Between the values of a key.
const SEPARATOR: char = '•';

/// Longest key, bytes: what is longer is cut, so that one huge value does not fill the memory.
const MAX_KEY_BYTES: usize = 256;

/// One field of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Type,
    Tenant,
    Outcome,
    WorstDepartment,
    WorstService,
    WorstOperation,
    WorstKind,
    /// An attribute, by its place in [`crate::Policies::attributes`].
    Attribute(usize),
    /// The number of spans.
    Spans,
}

impl Field {
    /// The field of a name that is no attribute's.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "type" => Self::Type,
            "tenant" => Self::Tenant,
            "outcome" => Self::Outcome,
            "worst.department" => Self::WorstDepartment,
            "worst.service" => Self::WorstService,
            "worst.operation" => Self::WorstOperation,
            "worst.kind" => Self::WorstKind,
            _ => return None,
        })
    }
}

/// The key of a transaction.
pub(crate) fn key(fields: &[Field], transaction: &Transaction<'_>) -> String {
    let mut key = String::new();
    for field in fields {
        match field {
            Field::Type => key.push_str(transaction.kind),
            Field::Tenant => key.push_str(transaction.tenant),
            Field::Outcome => key.push_str(transaction.outcome),
            Field::WorstDepartment => key.push_str(transaction.worst.department),
            Field::WorstService => key.push_str(transaction.worst.service),
            Field::WorstOperation => key.push_str(transaction.worst.operation),
            Field::WorstKind => key.push_str(transaction.worst.kind),
            Field::Attribute(slot) => key.push_str(transaction.attribute(*slot).unwrap_or_default()),
            Field::Spans => {
                // Writing to a string never fails.
                let _ = write!(key, "{}", transaction.facts.spans);
            }
        }
        key.push(SEPARATOR);
    }
    key.truncate(key.floor_char_boundary(MAX_KEY_BYTES));
    key
}
