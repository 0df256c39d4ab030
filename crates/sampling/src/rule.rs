//! A policy, compiled: a question to facts and draws.

use std::fmt::{self, Write};

use crate::{facts::TransactionFacts, settings::LatencyOf};

const NANOSECONDS: u64 = 1_000_000;

/// A question with the answer yes or no.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// Always the same.
    Constant(bool),
    /// Any span has one of these statuses.
    Status { any: u8, about: Box<str> },
    /// Longer than `over`, and not longer than `up_to`, in whole milliseconds.
    Latency { of: LatencyOf, over: u64, up_to: Option<u64> },
    /// Any span or its resource matched, or with `invert` none did.
    Attribute { bit: u8, invert: bool, about: Box<str> },
    /// As many spans, both bounds included.
    SpanCount { min: u64, max: Option<u64> },
    /// The draw of a salt is below a threshold.
    Draw { salt: usize, below: u64, percentage: f64 },
    /// All say yes.
    And(Vec<Rule>),
    /// It says no.
    Not(Box<Rule>),
}

impl Rule {
    /// The answer, given the draw of each salt. Depth is bounded when settings are compiled.
    pub(crate) fn holds(&self, facts: &TransactionFacts<'_>, draw: &impl Fn(usize) -> u64) -> bool {
        match self {
            Self::Constant(answer) => *answer,
            Self::Status { any, .. } => facts.statuses & any != 0,
            Self::Latency { of, over, up_to } => {
                let milliseconds = duration(*of, facts) / NANOSECONDS;
                milliseconds > *over && up_to.is_none_or(|up_to| milliseconds <= up_to)
            }
            Self::Attribute { bit, invert, .. } => (facts.matches >> bit & 1 == 1) != *invert,
            Self::SpanCount { min, max } => facts.spans >= *min && max.is_none_or(|max| facts.spans <= max),
            Self::Draw { salt, below, .. } => draw(*salt) < *below,
            Self::And(rules) => rules.iter().all(|rule| rule.holds(facts, draw)),
            Self::Not(rule) => !rule.holds(facts, draw),
        }
    }

    /// Calls `visit` with the salt and threshold of each draw in it.
    pub(crate) fn draws(&self, visit: &mut impl FnMut(usize, u64)) {
        match self {
            Self::Draw { salt, below, .. } => visit(*salt, *below),
            Self::And(rules) => rules.iter().for_each(|rule| rule.draws(visit)),
            Self::Not(rule) => rule.draws(visit),
            Self::Constant(_)
            | Self::Status { .. }
            | Self::Latency { .. }
            | Self::Attribute { .. }
            | Self::SpanCount { .. } => {}
        }
    }

    /// Says in a few words what is asked and what was found.
    pub(crate) fn describe(&self, facts: &TransactionFacts<'_>, out: &mut String) -> fmt::Result {
        match self {
            Self::Constant(true) => write!(out, "always"),
            Self::Constant(false) => write!(out, "never"),
            Self::Status { about, .. } => write!(out, "status {about}"),
            Self::Latency { of, over, up_to } => {
                let what = if *of == LatencyOf::Trace { "trace" } else { "transaction" };
                write!(out, "{what} took {} ms, over {over} ms", duration(*of, facts) / NANOSECONDS)?;
                up_to.map_or(Ok(()), |up_to| write!(out, " up to {up_to} ms"))
            }
            Self::Attribute { invert, about, .. } => {
                write!(out, "{}{about}", if *invert { "no " } else { "" })
            }
            Self::SpanCount { min, max } => {
                write!(out, "{} spans, at least {min}", facts.spans)?;
                max.map_or(Ok(()), |max| write!(out, " up to {max}"))
            }
            Self::Draw { percentage, .. } => write!(out, "draw of {percentage} %"),
            Self::And(rules) => rules.iter().enumerate().try_for_each(|(index, rule)| {
                out.push_str(if index == 0 { "" } else { " and " });
                rule.describe(facts, out)
            }),
            Self::Not(rule) => {
                out.push_str("not (");
                rule.describe(facts, out)?;
                write!(out, ")")
            }
        }
    }
}

fn duration(of: LatencyOf, facts: &TransactionFacts<'_>) -> u64 {
    match of {
        LatencyOf::Trace => facts.longest_trace_ns,
        LatencyOf::Transaction => facts.duration_ns,
    }
}
