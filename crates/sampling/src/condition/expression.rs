//! The compiled tree. What is not known (an attribute that is absent or no number, a baseline that is not there) makes a comparison false, and `!=` true.

use super::fields::{NumberField, TextField, TimeField};
use crate::{compile::Compare, facts::Transaction, text::TextTest};

#[derive(Clone, Debug)]
pub(super) enum Bool {
    Constant(bool),
    MissingTerminal,
    Text(Text, TextTest),
    /// Two texts are the same.
    SameText(Text, Text),
    /// The attribute is there.
    Has(usize),
    /// One of the departments passes.
    Department(TextTest),
    Compare(Compare, Number, Number),
    And(Vec<Bool>),
    Or(Vec<Bool>),
    Not(Box<Bool>),
}

#[derive(Clone, Debug)]
pub(super) enum Text {
    Field(TextField),
    Attribute(usize),
    Constant(Box<str>),
}

/// A number, or a time in nanoseconds.
#[derive(Clone, Debug)]
pub(super) enum Number {
    Constant(f64),
    Field(NumberField),
    Time(TimeField),
    Attribute(usize),
    Add(Box<Number>, Box<Number>),
    Subtract(Box<Number>, Box<Number>),
    Multiply(Box<Number>, Box<Number>),
    Divide(Box<Number>, Box<Number>),
}

impl Bool {
    pub(super) fn eval(&self, transaction: &Transaction<'_>) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::MissingTerminal => transaction.missing_terminal,
            Self::Text(text, test) => text.of(transaction).is_some_and(|text| test.holds(text)),
            Self::SameText(one, other) => match (one.of(transaction), other.of(transaction)) {
                (Some(one), Some(other)) => one == other,
                _ => false,
            },
            Self::Has(slot) => transaction.attribute(*slot).is_some(),
            Self::Department(test) => transaction.departments.iter().any(|department| test.holds(department)),
            Self::Compare(compare, left, right) => match (left.of(transaction), right.of(transaction)) {
                (Some(left), Some(right)) => compare.holds(left, right),
                _ => *compare == Compare::NotEqual,
            },
            Self::And(parts) => parts.iter().all(|part| part.eval(transaction)),
            Self::Or(parts) => parts.iter().any(|part| part.eval(transaction)),
            Self::Not(part) => !part.eval(transaction),
        }
    }
}

impl Text {
    fn of<'a>(&'a self, transaction: &Transaction<'a>) -> Option<&'a str> {
        match self {
            Self::Field(field) => Some(field.of(transaction)),
            Self::Attribute(slot) => transaction.attribute(*slot),
            Self::Constant(text) => Some(text),
        }
    }
}

impl Number {
    fn of(&self, transaction: &Transaction<'_>) -> Option<f64> {
        let both = |one: &Self, other: &Self| Some((one.of(transaction)?, other.of(transaction)?));
        match self {
            Self::Constant(value) => Some(*value),
            Self::Field(field) => field.of(transaction),
            Self::Time(field) => field.of(transaction),
            Self::Attribute(slot) => transaction.attribute(*slot)?.trim().parse().ok(),
            Self::Add(one, other) => both(one, other).map(|(one, other)| one + other),
            Self::Subtract(one, other) => both(one, other).map(|(one, other)| one - other),
            Self::Multiply(one, other) => both(one, other).map(|(one, other)| one * other),
            Self::Divide(one, other) => both(one, other).map(|(one, other)| one / other),
        }
    }
}
