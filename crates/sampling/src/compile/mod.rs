//! Settings to rules. Every fault is kept and compiling goes on, so that a person mends all of them at once.

mod adaptive;
mod attributes;
mod leaves;
mod limits;
mod refinery;
mod spans;
mod test_of;

pub(crate) use self::test_of::{
    ANY_NUMBER, Compare, any_text, exists, integer, number, text_in, text_matches,
};

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{
    adaptive::Adaptive,
    decide::{Branch, Policy},
    draw::Salt,
    fault::PolicyFault,
    floor::Floor,
    key::Field,
    limit::Limit,
    matchers::MatcherTable,
    options::Options,
    rule::Rule,
    settings::{self, PolicySettings, SUPPORTED},
};

/// How deep policies nest: a Collector's block has three levels; what is deeper than this is a mistake, and rules are walked by recursion.
pub const MAX_DEPTH: usize = 8;

/// Where a policy stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    depth: usize,
}

/// What settings were compiled to.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    pub(crate) policies: Vec<Policy>,
    pub(crate) salts: Vec<Salt>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) adaptives: Vec<Adaptive>,
    pub(crate) floors: Vec<Floor>,
    /// Attributes of the transaction that are read.
    pub(crate) attributes: Vec<Box<str>>,
    /// Anything else is asked than the index of spans and its attributes.
    pub(crate) asks_more: bool,
}

/// Compiles one set of policies.
pub(crate) struct Compiler<'m> {
    matchers: &'m mut MatcherTable,
    options: &'m Options,
    out: Compiled,
    faults: Vec<PolicyFault>,
}

impl<'m> Compiler<'m> {
    pub(crate) fn new(matchers: &'m mut MatcherTable, options: &'m Options) -> Self {
        Self { matchers, options, out: Compiled::default(), faults: Vec::new() }
    }

    pub(crate) fn compile(mut self, settings: &[PolicySettings]) -> Result<Compiled, Vec<PolicyFault>> {
        let mut names = BTreeSet::new();
        for (index, policy) in settings.iter().enumerate() {
            let name = named(policy, index);
            if policy.name.is_empty() {
                self.fault(&name, "name", "", "every policy needs a name");
            } else if !names.insert(&policy.name) {
                self.fault(&name, "name", &policy.name, "two policies have this name");
            }
            if let Some(branches) = self.top(policy, Place { path: &name, depth: 0 }) {
                let drops = policy.kind == "drop";
                self.out.policies.push(Policy { name: policy.name.as_str().into(), drops, branches });
            }
        }
        if self.faults.is_empty() { Ok(self.out) } else { Err(self.faults) }
    }

    fn fault(&mut self, policy: &str, key: &str, value: &str, hint: &str) {
        let fault =
            PolicyFault { policy: policy.into(), key: key.into(), value: value.into(), hint: hint.into() };
        self.faults.push(fault);
    }

    /// A policy of the list.
    fn top(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Vec<Branch>> {
        match policy.kind.as_str() {
            "composite" => self.composite(policy, place),
            "rules" => self.rules(policy, place),
            "drop" => self.drop_rule(policy, place).map(|rule| vec![Branch::of(&policy.name, rule)]),
            _ => self.rule(policy, place).map(|rule| vec![Branch::of(&policy.name, rule)]),
        }
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
            "always_sample" => self.block::<settings::Nothing>(policy, place).map(|_| Rule::Constant(true)),
            "status_code" => self.status_code(policy, place),
            "latency" => self.latency(policy, place),
            "probabilistic" => self.probabilistic(policy, place),
            "string_attribute" => self.string_attribute(policy, place),
            "numeric_attribute" => self.numeric_attribute(policy, place),
            "boolean_attribute" => self.boolean_attribute(policy, place),
            "span_count" => self.span_count(policy, place),
            "trace_state" => self.trace_state(policy, place),
            "trace_flags" => self.trace_flags(policy, place),
            "ottl_condition" => self.ottl_condition(policy, place),
            "rate_limiting" => self.rate_limiting(policy, place),
            "bytes_limiting" => self.bytes_limiting(policy, place),
            "throughput_limiting" => self.throughput_limiting(policy, place),
            "cel" => self.cel(policy, place),
            "and" => {
                let block: settings::And = self.block(policy, place)?;
                self.all_of(&block.and_sub_policy, "and.and_sub_policy", place)
            }
            "not" => {
                let block: settings::Not = self.block(policy, place)?;
                let rule = self.nested(&block.not_sub_policy, 0, place)?;
                Some(Rule::Not(Box::new(rule)))
            }
            _ => self.adaptive_rule(policy, place),
        }
    }

    fn unsupported(&mut self, kind: &str, place: Place<'_>) {
        let why = match kind {
            "drop" | "composite" | "rules" => format!("`{kind}` stands only at the top of the list"),
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
        rules.into_iter().collect::<Option<Vec<_>>>().map(all)
    }

    fn nested(&mut self, policy: &PolicySettings, index: usize, place: Place<'_>) -> Option<Rule> {
        if place.depth + 1 >= MAX_DEPTH {
            self.fault(place.path, &policy.kind, "", &format!("policies nest at most {MAX_DEPTH} deep"));
            return None;
        }
        let path = format!("{}/{}", place.path, named(policy, index));
        self.rule(policy, Place { path: &path, depth: place.depth + 1 })
    }

    /// The place of an attribute among those that are read.
    fn attribute_slot(&mut self, name: &str) -> usize {
        self.out.asks_more = true;
        let known = self.out.attributes.iter().position(|known| &**known == name);
        known.unwrap_or_else(|| {
            self.out.attributes.push(name.into());
            self.out.attributes.len() - 1
        })
    }

    /// The fields of a key.
    fn fields(&mut self, place: Place<'_>, names: &[settings::Field], use_trace_length: bool) -> Vec<Field> {
        self.out.asks_more = true;
        let mut fields = Vec::new();
        for settings::Field(name) in names {
            let name = name.strip_prefix("root.").unwrap_or(name);
            if name.is_empty() {
                self.fault(place.path, "field_list", "", "the name of a field is needed");
            }
            let field = Field::named(name).unwrap_or_else(|| Field::Attribute(self.attribute_slot(name)));
            fields.push(field);
        }
        if use_trace_length {
            fields.push(Field::Spans);
        }
        fields
    }

    /// A time that is written, or what stands for it where none is.
    fn duration(&mut self, place: Place<'_>, key: &str, written: Option<&str>, default: &str) -> u64 {
        let text = written.unwrap_or(default);
        match crate::units::nanoseconds(text).filter(|nanoseconds| *nanoseconds > 0) {
            Some(nanoseconds) => nanoseconds,
            None => {
                self.fault(place.path, key, text, "a time above 0 is expected, such as 500ms, 15s or 1m30s");
                crate::limit::SECOND
            }
        }
    }

    /// Complains of a number that is not above 0.
    fn positive(&mut self, place: Place<'_>, key: &str, value: f64) -> f64 {
        if value > 0.0 && value.is_finite() {
            return value;
        }
        self.fault(place.path, key, &value.to_string(), "a number above 0 is expected");
        1.0
    }
}

/// All of these, what needs no state first: the rest is asked only where it matters.
fn all(mut rules: Vec<Rule>) -> Rule {
    rules.sort_by_key(Rule::waits);
    Rule::And(rules)
}

/// The policy's name, or its place where it has none.
fn named(policy: &PolicySettings, index: usize) -> String {
    if policy.name.is_empty() { format!("#{}", index + 1) } else { policy.name.clone() }
}
