//! Policies over attributes of spans and resources.

use std::collections::BTreeSet;

use regex::bytes::Regex;
use serde_json::Number;
use throughline_otlp::{
    limits::MAX_MATCHERS,
    plan::{AttributeTest, MatchScope},
};

use super::{Compiler, Place};
use crate::{
    rule::Rule,
    settings::{self, PolicySettings},
};

impl Compiler<'_> {
    pub(super) fn string_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::StringAttribute = self.block(policy, place)?;
        let about = format!("{} = {}", block.key, block.values.join(" or "));
        let test = if block.enabled_regex_matching {
            AttributeTest::StringMatches(self.patterns(&block.values, place))
        } else {
            // As in the Collector, an empty value matches nothing.
            let values: BTreeSet<_> = block.values.iter().filter(|value| !value.is_empty()).collect();
            AttributeTest::StringIn(values.into_iter().map(|value| value.as_bytes().into()).collect())
        };
        if block.values.is_empty() && !block.key.is_empty() {
            // As in the Collector: none of no values matches.
            return Some(Rule::Constant(block.invert_match));
        }
        self.attribute(place, &block.key, test, block.invert_match, about)
    }

    fn patterns(&mut self, values: &[String], place: Place<'_>) -> Vec<Regex> {
        let mut patterns = Vec::new();
        for value in values {
            match Regex::new(value) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.fault(place.path, "string_attribute.values", value, &error.to_string()),
            }
        }
        patterns
    }

    pub(super) fn numeric_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::NumericAttribute = self.block(policy, place)?;
        let (min, max) = (block.min_value.as_ref(), block.max_value.as_ref());
        let shown = |bound: Option<&Number>| bound.map(ToString::to_string).unwrap_or_default();
        let about = format!("{} in {}..{}", block.key, shown(min), shown(max));
        if min.is_none() && max.is_none() {
            self.fault(place.path, "numeric_attribute", "", "`min_value` or `max_value` is needed");
        }
        let whole = |bound: Option<&Number>| bound.is_none_or(|bound| bound.as_i64().is_some());
        let test = if whole(min) && whole(max) {
            AttributeTest::Integer { min: min.and_then(Number::as_i64), max: max.and_then(Number::as_i64) }
        } else {
            AttributeTest::Number { min: min.and_then(Number::as_f64), max: max.and_then(Number::as_f64) }
        };
        if let (Some(min), Some(max)) = (min.and_then(Number::as_f64), max.and_then(Number::as_f64))
            && min > max
        {
            let value = max.to_string();
            self.fault(place.path, "numeric_attribute.max_value", &value, "it must not be below `min_value`");
        }
        self.attribute(place, &block.key, test, block.invert_match, about)
    }

    pub(super) fn boolean_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::BooleanAttribute = self.block(policy, place)?;
        let about = format!("{} = {}", block.key, block.value);
        self.attribute(place, &block.key, AttributeTest::Bool(block.value), block.invert_match, about)
    }

    fn attribute(
        &mut self,
        place: Place<'_>,
        key: &str,
        test: AttributeTest,
        invert: bool,
        about: String,
    ) -> Option<Rule> {
        if key.is_empty() {
            self.fault(place.path, "key", "", "the name of an attribute is needed");
        }
        let Some(bit) = self.matchers.bit(MatchScope::Any, key, vec![test]) else {
            let hint = format!("at most {MAX_MATCHERS} different questions to attributes are possible");
            self.fault(place.path, "key", key, &hint);
            return None;
        };
        Some(Rule::Attribute { bit, invert, about: about.into() })
    }
}
