//! Settings to rules. Every fault is kept and compiling goes on, so that a person mends all of them at once.

use std::collections::BTreeSet;

use regex::bytes::Regex;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use throughline_otlp::{limits::MAX_MATCHERS, plan::AttributeTest};

use crate::{
    decide::Policy,
    draw::{Salt, threshold},
    facts::status,
    fault::PolicyFault,
    matchers::MatcherTable,
    rule::Rule,
    settings::{self, PolicySettings, SUPPORTED},
};

/// How deep policies nest: a Collector's block has three levels; what is deeper than this is a mistake, and rules are walked by recursion.
pub const MAX_DEPTH: usize = 8;

/// The salt of draws that name none, as in the Collector.
const DEFAULT_SALT: &str = "default-hash-seed";

/// Types of the Collector's that are not decided over a transaction's facts alone.
const ELSEWHERE: [&str; 6] =
    ["rate_limiting", "bytes_limiting", "composite", "trace_state", "trace_flags", "ottl_condition"];

/// Where a policy stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    depth: usize,
}

/// Compiles one set of policies.
pub(crate) struct Compiler<'m> {
    matchers: &'m mut MatcherTable,
    salts: Vec<Salt>,
    faults: Vec<PolicyFault>,
}

impl<'m> Compiler<'m> {
    pub(crate) fn new(matchers: &'m mut MatcherTable) -> Self {
        Self { matchers, salts: Vec::new(), faults: Vec::new() }
    }

    pub(crate) fn compile(
        mut self,
        settings: &[PolicySettings],
    ) -> Result<(Vec<Policy>, Vec<Salt>), Vec<PolicyFault>> {
        let mut names = BTreeSet::new();
        let mut policies = Vec::new();
        for (index, policy) in settings.iter().enumerate() {
            let name = named(policy, index);
            if policy.name.is_empty() {
                self.fault(&name, "name", "", "every policy needs a name");
            } else if !names.insert(&policy.name) {
                self.fault(&name, "name", &policy.name, "two policies have this name");
            }
            let place = Place { path: &name, depth: 0 };
            let drops = policy.kind == "drop";
            let rule = if drops { self.drop_rule(policy, place) } else { self.rule(policy, place) };
            if let Some(rule) = rule {
                policies.push(Policy { name: policy.name.as_str().into(), drops, rule });
            }
        }
        if self.faults.is_empty() { Ok((policies, self.salts)) } else { Err(self.faults) }
    }

    fn fault(&mut self, policy: &str, key: &str, value: &str, hint: &str) {
        let fault =
            PolicyFault { policy: policy.into(), key: key.into(), value: value.into(), hint: hint.into() };
        self.faults.push(fault);
    }

    /// Reads the block named as the policy's type, and complains of all others.
    fn block<T: DeserializeOwned>(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<T> {
        for key in policy.blocks.keys().filter(|key| **key != policy.kind) {
            let hint = format!("a policy of type `{0}` has `name`, `type` and `{0}`", policy.kind);
            self.fault(place.path, key, "", &hint);
        }
        let block = match policy.blocks.get(&policy.kind) {
            None | Some(Value::Null) => Value::Object(Map::new()),
            Some(block) => block.clone(),
        };
        let shown = block.to_string();
        match serde_json::from_value(block) {
            Ok(block) => Some(block),
            Err(error) => {
                self.fault(place.path, &policy.kind, &shown, &error.to_string());
                None
            }
        }
    }

    fn rule(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        match policy.kind.as_str() {
            "always_sample" => {
                self.block::<settings::AlwaysSample>(policy, place).map(|_| Rule::Constant(true))
            }
            "status_code" => self.status_code(policy, place),
            "latency" => self.latency(policy, place),
            "probabilistic" => self.probabilistic(policy, place),
            "string_attribute" => self.string_attribute(policy, place),
            "numeric_attribute" => self.numeric_attribute(policy, place),
            "boolean_attribute" => self.boolean_attribute(policy, place),
            "span_count" => self.span_count(policy, place),
            "and" => {
                let block: settings::And = self.block(policy, place)?;
                self.all_of(&block.and_sub_policy, "and.and_sub_policy", place)
            }
            "not" => {
                let block: settings::Not = self.block(policy, place)?;
                let rule = self.nested(&block.not_sub_policy, 0, place)?;
                Some(Rule::Not(Box::new(rule)))
            }
            other => {
                self.unsupported(other, place);
                None
            }
        }
    }

    fn unsupported(&mut self, kind: &str, place: Place<'_>) {
        let why = match kind {
            "drop" => "`drop` stands only at the top of the list".into(),
            _ if ELSEWHERE.contains(&kind) => {
                format!("not supported; supported are {}", SUPPORTED.join(", "))
            }
            _ => format!("there is no such type; supported are {}", SUPPORTED.join(", ")),
        };
        self.fault(place.path, "type", kind, &why);
    }

    fn drop_rule(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Drop = self.block(policy, place)?;
        self.all_of(&block.drop_sub_policy, "drop.drop_sub_policy", place)
    }

    /// All of these; none would drop or keep everything, which nobody means.
    fn all_of(&mut self, list: &[PolicySettings], key: &str, place: Place<'_>) -> Option<Rule> {
        if list.is_empty() {
            self.fault(place.path, key, "[]", "at least one policy is needed");
            return None;
        }
        // Not a shorter way to collect options: all are compiled, so that all faults are found.
        let rules: Vec<_> = list.iter().enumerate().map(|(i, sub)| self.nested(sub, i, place)).collect();
        rules.into_iter().collect::<Option<Vec<_>>>().map(Rule::And)
    }

    fn nested(&mut self, policy: &PolicySettings, index: usize, place: Place<'_>) -> Option<Rule> {
        if place.depth + 1 >= MAX_DEPTH {
            self.fault(place.path, &policy.kind, "", &format!("policies nest at most {MAX_DEPTH} deep"));
            return None;
        }
        let path = format!("{}/{}", place.path, named(policy, index));
        self.rule(policy, Place { path: &path, depth: place.depth + 1 })
    }

    fn status_code(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::StatusCode = self.block(policy, place)?;
        let mut any = 0;
        for code in &block.status_codes {
            any |= match code.as_str() {
                "UNSET" => status::UNSET,
                "OK" => status::OK,
                "ERROR" => status::ERROR,
                _ => {
                    self.fault(
                        place.path,
                        "status_code.status_codes",
                        code,
                        "one of OK, ERROR, UNSET is expected",
                    );
                    0
                }
            };
        }
        if block.status_codes.is_empty() {
            self.fault(
                place.path,
                "status_code.status_codes",
                "[]",
                "at least one of OK, ERROR, UNSET is needed",
            );
        }
        Some(Rule::Status { any, about: block.status_codes.join(" or ").into() })
    }

    fn latency(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Latency = self.block(policy, place)?;
        // As in the Collector, an upper threshold of 0 is none: nothing takes less.
        let up_to = Some(block.upper_threshold_ms).filter(|&up_to| up_to != 0);
        if up_to.is_some_and(|up_to| up_to <= block.threshold_ms) {
            let value = block.upper_threshold_ms.to_string();
            self.fault(place.path, "latency.upper_threshold_ms", &value, "it must be above `threshold_ms`");
        }
        Some(Rule::Latency { of: block.of, over: block.threshold_ms, up_to })
    }

    fn probabilistic(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::Probabilistic = self.block(policy, place)?;
        let percentage = block.sampling_percentage;
        if percentage.is_nan() || percentage < 0.0 {
            let value = percentage.to_string();
            self.fault(place.path, "probabilistic.sampling_percentage", &value, "0 to 100 is expected");
        }
        let text = if block.hash_salt.is_empty() { DEFAULT_SALT } else { &block.hash_salt };
        let rule = match threshold(percentage) {
            Err(constant) => Rule::Constant(constant),
            Ok(below) => Rule::Draw { salt: self.salt(text), below, percentage },
        };
        Some(rule)
    }

    fn salt(&mut self, text: &str) -> usize {
        let known = self.salts.iter().position(|salt| &*salt.text == text);
        known.unwrap_or_else(|| {
            self.salts.push(Salt::new(text));
            self.salts.len() - 1
        })
    }

    fn string_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::StringAttribute = self.block(policy, place)?;
        let about = format!("{} = {}", block.key, block.values.join(" or "));
        let test = if block.enabled_regex_matching {
            AttributeTest::StringMatches(self.patterns(&block.values, place))
        } else {
            // As in the Collector, an empty value matches nothing.
            let values: BTreeSet<_> = block.values.iter().filter(|value| !value.is_empty()).collect();
            AttributeTest::StringIn(values.into_iter().map(|value| value.as_bytes().into()).collect())
        };
        if block.values.is_empty() {
            self.fault(place.path, "string_attribute.values", "[]", "at least one value is needed");
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

    fn numeric_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
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

    fn boolean_attribute(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
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
        let Some(bit) = self.matchers.bit(key, test) else {
            let hint = format!("at most {MAX_MATCHERS} different questions to attributes are possible");
            self.fault(place.path, "key", key, &hint);
            return None;
        };
        Some(Rule::Attribute { bit, invert, about: about.into() })
    }

    fn span_count(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Rule> {
        let block: settings::SpanCount = self.block(policy, place)?;
        // As in the Collector, an upper bound of 0 is none: no transaction has no span.
        let max = Some(block.max_spans).filter(|&max| max != 0);
        if max.is_some_and(|max| max < block.min_spans) {
            let value = block.max_spans.to_string();
            self.fault(place.path, "span_count.max_spans", &value, "it must not be below `min_spans`");
        }
        Some(Rule::SpanCount { min: block.min_spans, max })
    }
}

/// The policy's name, or its place where it has none.
fn named(policy: &PolicySettings, index: usize) -> String {
    if policy.name.is_empty() { format!("#{}", index + 1) } else { policy.name.clone() }
}
