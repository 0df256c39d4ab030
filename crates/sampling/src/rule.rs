//! A policy, compiled: a question to facts, draws and the state of samplers.

use std::fmt::{self, Write};

use crate::{condition::Condition, facts::Transaction, settings::LatencyOf};

const NANOSECONDS: u64 = 1_000_000;

/// A question with the answer yes or no.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// Always the same.
    Constant(bool),
    /// Any span has one of these statuses.
    Status { any: u8, about: Box<str> },
    /// Longer than `over`, with `up_to` not longer than that. In whole milliseconds, as in the Collector.
    Latency { of: LatencyOf, over: u64, up_to: Option<u64> },
    /// Any span or its resource matched, or with `invert` none did.
    Attribute { bit: u8, invert: bool, about: Box<str> },
    /// As many spans, both bounds included.
    SpanCount { min: u64, max: Option<u64> },
    /// A condition over the transaction.
    Condition(Box<Condition>),
    /// The draw of a salt is below a threshold.
    Draw { salt: usize, below: u64, percentage: f64 },
    /// A sampler that adapts: the draw of its salt is below what it says at that time.
    Adaptive { sampler: usize },
    /// The first few of each key in each period.
    Floor { floor: usize },
    /// Within a limit; known at the end of the window.
    Limit { limit: usize },
    /// All say yes.
    And(Vec<Rule>),
    /// It says no.
    Not(Box<Rule>),
}

impl Rule {
    /// The answer, given the draw of each salt. Depth is bounded when settings are compiled. What takes state says no: such policies are not asked here.
    pub(crate) fn holds(&self, facts: &Transaction<'_>, draw: &impl Fn(usize) -> u64) -> bool {
        match self {
            Self::Draw { salt, below, .. } => draw(*salt) < *below,
            Self::And(rules) => rules.iter().all(|rule| rule.holds(facts, draw)),
            Self::Not(rule) => !rule.holds(facts, draw),
            other => other.fact(facts).unwrap_or(false),
        }
    }

    /// The answer of a rule that asks for nothing but facts.
    #[inline]
    pub(crate) fn fact(&self, transaction: &Transaction<'_>) -> Option<bool> {
        let facts = &transaction.facts;
        Some(match self {
            Self::Constant(answer) => *answer,
            Self::Status { any, .. } => facts.statuses & any != 0,
            Self::Latency { of, over, up_to } => {
                let milliseconds = duration(*of, transaction) / NANOSECONDS;
                milliseconds > *over && up_to.is_none_or(|up_to| milliseconds <= up_to)
            }
            Self::Attribute { bit, invert, .. } => (facts.matches >> bit & 1 == 1) != *invert,
            Self::SpanCount { min, max } => facts.spans >= *min && max.is_none_or(|max| facts.spans <= max),
            Self::Condition(condition) => condition.holds(transaction),
            Self::Draw { .. }
            | Self::Adaptive { .. }
            | Self::Floor { .. }
            | Self::Limit { .. }
            | Self::And(_)
            | Self::Not(_) => return None,
        })
    }

    /// Calls `visit` with every rule in it.
    pub(crate) fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Rule)) {
        visit(self);
        match self {
            Self::And(rules) => rules.iter().for_each(|rule| rule.visit(visit)),
            Self::Not(rule) => rule.visit(visit),
            _ => {}
        }
    }

    /// Calls `visit` with the salt and threshold of each draw in it.
    pub(crate) fn draws(&self, visit: &mut impl FnMut(usize, u64)) {
        self.visit(&mut |rule| {
            if let Self::Draw { salt, below, .. } = rule {
                visit(*salt, *below);
            }
        });
    }

    /// How much it takes to answer: 0 for facts and draws, 1 for state, 2 for the end of the window.
    pub(crate) fn waits(&self) -> u8 {
        let mut most = 0;
        self.visit(&mut |rule| {
            most = most.max(match rule {
                Self::Limit { .. } => 2,
                Self::Adaptive { .. } | Self::Floor { .. } => 1,
                _ => 0,
            });
        });
        most
    }

    /// Says in a few words what is asked and what was found.
    pub(crate) fn describe(
        &self,
        facts: &Transaction<'_>,
        names: &Names<'_>,
        out: &mut String,
    ) -> fmt::Result {
        match self {
            Self::Constant(true) => write!(out, "always"),
            Self::Constant(false) => write!(out, "never"),
            Self::Status { about, .. } => write!(out, "status {about}"),
            Self::Latency { of, over, up_to } => {
                let what = if *of == LatencyOf::Trace { "trace" } else { "transaction" };
                let took = duration(*of, facts) / NANOSECONDS;
                write!(out, "{what} took {took} ms, over {over} ms")?;
                up_to.map_or(Ok(()), |up_to| write!(out, " up to {up_to} ms"))
            }
            Self::Attribute { invert, about, .. } => {
                write!(out, "{}{about}", if *invert { "no " } else { "" })
            }
            Self::SpanCount { min, max } => {
                write!(out, "{} spans, at least {min}", facts.facts.spans)?;
                max.map_or(Ok(()), |max| write!(out, " up to {max}"))
            }
            Self::Condition(condition) => write!(out, "{}", condition.source()),
            Self::Draw { percentage, .. } => write!(out, "draw of {percentage} %"),
            Self::Adaptive { sampler } => write!(out, "{}", names.adaptive(*sampler)),
            Self::Floor { floor } => write!(out, "{}", names.floor(*floor)),
            Self::Limit { limit } => write!(out, "{}", names.limit(*limit)),
            Self::And(rules) => rules.iter().enumerate().try_for_each(|(index, rule)| {
                out.push_str(if index == 0 { "" } else { " and " });
                rule.describe(facts, names, out)
            }),
            Self::Not(rule) => {
                out.push_str("not (");
                rule.describe(facts, names, out)?;
                write!(out, ")")
            }
        }
    }
}

/// What samplers with state are called in reasons.
pub(crate) struct Names<'a> {
    pub(crate) adaptives: &'a [crate::adaptive::Adaptive],
    pub(crate) floors: &'a [crate::floor::Floor],
    pub(crate) limits: &'a [crate::limit::Limit],
}

impl Names<'_> {
    fn adaptive(&self, index: usize) -> &str {
        self.adaptives.get(index).map_or("", |adaptive| &adaptive.about)
    }

    fn floor(&self, index: usize) -> &str {
        self.floors.get(index).map_or("", |floor| &floor.about)
    }

    fn limit(&self, index: usize) -> &str {
        self.limits.get(index).map_or("", |limit| &limit.about)
    }
}

fn duration(of: LatencyOf, facts: &Transaction<'_>) -> u64 {
    match of {
        LatencyOf::Trace => facts.facts.longest_trace_ns,
        LatencyOf::Transaction => facts.facts.duration_ns,
    }
}
