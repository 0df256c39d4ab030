//! Policies that ask more of a span than one attribute.

use throughline_otlp::limits::MAX_MATCHERS;

use super::{Compiler, Place};
use crate::{
    ottl::{Context, translate},
    rule::Rule,
    settings::{self, PolicySettings},
    spans::Predicate,
};

/// The W3C's flag of a trace that its maker sampled.
const SAMPLED: u32 = 1;

/// A member of a trace state, key and value, is shorter than this.
const MAX_MEMBER_BYTES: usize = 256;

impl Compiler<'_> {
    pub(super) fn trace_flags(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        self.block::<settings::Nothing>(policy, place)?;
        let bit = self.matchers.span_bit(Predicate::Flags(SAMPLED));
        self.asked(place, bit, "sampled flag".into())
    }

    pub(super) fn trace_state(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::TraceState = self.block(policy, place)?;
        if block.key.is_empty() {
            self.fault(
                place.path,
                "trace_state.key",
                "",
                "the name of a member of the trace state is needed",
            );
        }
        if block.values.is_empty() {
            // As in the Collector: none of no values matches.
            return Some(Rule::Constant(false));
        }
        let about = format!("trace state {} = {}", block.key, block.values.join(" or "));
        // As in the Collector: an empty value matches nothing, nor does one that no trace state can hold.
        let possible =
            |value: &&String| !value.is_empty() && block.key.len() + value.len() < MAX_MEMBER_BYTES;
        let values = block.values.iter().filter(possible).map(|value| value.as_str().into()).collect();
        let bit = self.matchers.span_bit(Predicate::TraceState { key: block.key.as_str().into(), values });
        self.asked(place, bit, about)
    }

    pub(super) fn ottl_condition(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::OttlCondition = self.block(policy, place)?;
        if block.span.is_empty() && block.spanevent.is_empty() {
            let hint = "at least one condition in `span` or `spanevent` is needed";
            self.fault(place.path, "ottl_condition", "", hint);
            return None;
        }
        let spans = self.conditions(place, "span", Context::Span, &block.span)?;
        let events = self.conditions(place, "spanevent", Context::SpanEvent, &block.spanevent)?;
        let about =
            block.span.iter().chain(&block.spanevent).map(String::as_str).collect::<Vec<_>>().join(" or ");
        // Any condition on any span or event will do, so each may have a bit of its own: that of one attribute is the scan's.
        let mut rules = Vec::new();
        for predicate in spans {
            let bit = self.matchers.span_bit(predicate);
            rules.push(self.asked(place, bit, about.clone())?);
        }
        for predicate in events {
            let bit = self.matchers.span_event_bit(predicate);
            rules.push(self.asked(place, bit, about.clone())?);
        }
        Some(any(rules))
    }

    fn conditions(
        &mut self,
        place: Place<'_>,
        key: &str,
        context: Context,
        list: &[String],
    ) -> Option<Vec<Predicate>> {
        let mut predicates = Vec::new();
        for source in list {
            match translate(source, context, self.matchers) {
                Ok(predicate) => predicates.push(predicate),
                Err(error) => {
                    self.fault(place.path, &format!("ottl_condition.{key}"), source, &error.to_string());
                }
            }
        }
        (predicates.len() == list.len()).then_some(predicates)
    }

    /// The rule of a question to spans.
    pub(super) fn asked(&mut self, place: Place<'_>, bit: Option<u8>, about: String) -> Option<Rule> {
        let Some(bit) = bit else {
            let hint = format!("at most {MAX_MATCHERS} different questions to spans are possible");
            self.fault(place.path, "type", "", &hint);
            return None;
        };
        Some(Rule::Attribute { bit, invert: false, about: about.into() })
    }
}

/// Any of these.
fn any(mut rules: Vec<Rule>) -> Rule {
    match rules.len() {
        1 => rules.remove(0),
        _ => {
            Rule::Not(Box::new(Rule::And(rules.into_iter().map(|rule| Rule::Not(Box::new(rule))).collect())))
        }
    }
}
