//! Refinery's rules: the first that matches says what to do.

use regex::{Regex, escape};
use serde_json::Value;
use throughline_otlp::plan::{AttributeTest, MatchScope};

use super::{
    ANY_NUMBER, Compare, Compiler, Place, all, any_text, exists, integer, number, text_in, text_matches,
};
use crate::{
    decide::Branch,
    facts::status,
    rule::Rule,
    settings::{self, PolicySettings, RefineryCondition, RefineryRule, Scope},
    spans::Predicate,
    text::TextTest,
};

/// Told where something else is written.
const OPERATORS: &str = "one of =, !=, <, <=, >, >=, in, not-in, exists, not-exists, contains, does-not-contain, starts-with, matches, has-root-span is expected";

impl Compiler<'_> {
    pub(super) fn rules(&mut self, policy: &PolicySettings, place: Place<'_>) -> Option<Vec<Branch>> {
        let block: settings::Rules = self.block(policy, place)?;
        if block.rules.is_empty() {
            self.fault(place.path, "rules.rules", "[]", "at least one rule is needed");
        }
        let mut branches = Vec::new();
        for rule in &block.rules {
            let path = format!("{}/{}", place.path, rule.name);
            let place = Place { path: &path, depth: place.depth + 1 };
            if rule.name.is_empty() {
                self.fault(place.path, "rules.name", "", "every rule needs a name");
            }
            let condition = self.rule_condition(rule, place);
            let keep = self.rule_verdict(rule, place);
            if let (Some(condition), Some(keep)) = (condition, keep) {
                branches.push(Branch { name: path.into(), condition, keep });
            }
        }
        if branches.len() < block.rules.len() {
            return None;
        }
        // As with Refinery, what no rule matches is kept.
        let name = format!("{}/no rule matched", place.path).into();
        branches.push(Branch { name, condition: Rule::Constant(true), keep: Rule::Constant(true) });
        Some(branches)
    }

    fn rule_condition(&mut self, rule: &RefineryRule, place: Place<'_>) -> Option<Rule> {
        let mut rules = Vec::new();
        let mut of_span = Vec::new();
        let mut whole = true;
        for condition in &rule.conditions {
            match self.whole_condition(condition, place) {
                Some(asked) => rules.push(asked),
                None if is_whole(condition) => whole = false,
                None => match self.span_condition(condition, place) {
                    None => whole = false,
                    Some(predicate) if rule.scope == Scope::Span => of_span.push(predicate),
                    Some(predicate) => {
                        let bit = self.matchers.span_bit(predicate);
                        rules.push(self.asked(place, bit, shown(condition))?);
                    }
                },
            }
        }
        if !of_span.is_empty() {
            let bit = self.matchers.span_bit(Predicate::all(of_span));
            let about = rule.conditions.iter().map(shown).collect::<Vec<_>>().join(" and ");
            rules.push(self.asked(place, bit, about)?);
        }
        if let Some(source) = &rule.cel {
            rules.push(self.condition(place, "rules.cel", source)?);
        }
        whole.then(|| match rules.len() {
            0 => Rule::Constant(true),
            1 => rules.remove(0),
            _ => all(rules),
        })
    }

    fn rule_verdict(&mut self, rule: &RefineryRule, place: Place<'_>) -> Option<Rule> {
        let one_of = [rule.drop, rule.sample_rate.is_some(), rule.sampler.is_some()];
        if one_of.iter().filter(|written| **written).count() != 1 {
            self.fault(place.path, "rules", "", "one of `drop: true`, `sample_rate` and `sampler` is needed");
            return None;
        }
        match (&rule.sampler, rule.sample_rate) {
            (Some(sampler), _) => self.nested(sampler, 0, place),
            (None, Some(rate)) if rate > 0.0 && rate.is_finite() => Some(self.one_in(rate.max(1.0), place)),
            // As with Refinery, a rate of 0 keeps nothing.
            _ => Some(Rule::Constant(false)),
        }
    }

    /// A condition over the whole, not over a span of it.
    fn whole_condition(&mut self, condition: &RefineryCondition, place: Place<'_>) -> Option<Rule> {
        if condition.operator == "has-root-span" {
            let wanted = condition.value.as_bool().unwrap_or(condition.value == "true");
            let bit = self.matchers.span_bit(Predicate::Root);
            let asked = self.asked(place, bit, "root span".into())?;
            return Some(if wanted { asked } else { Rule::Not(Box::new(asked)) });
        }
        if !is_whole(condition) {
            return None;
        }
        let compare = Compare::parse(&condition.operator);
        let (Some(bound), Some(compare)) = (condition.value.as_u64(), compare) else {
            let hint = "a number of spans is compared with a whole number by =, !=, <, <=, >, >=";
            self.fault(place.path, "rules.conditions.value", &shown(condition), hint);
            return None;
        };
        let at_least = |min| Rule::SpanCount { min, max: None };
        Some(match compare {
            Compare::Equal => Rule::SpanCount { min: bound, max: Some(bound) },
            Compare::NotEqual => Rule::Not(Box::new(Rule::SpanCount { min: bound, max: Some(bound) })),
            Compare::Less => Rule::Not(Box::new(at_least(bound))),
            Compare::LessOrEqual => Rule::Not(Box::new(at_least(bound.saturating_add(1)))),
            Compare::Greater => at_least(bound.saturating_add(1)),
            Compare::GreaterOrEqual => at_least(bound),
        })
    }

    /// A condition over one span.
    fn span_condition(&mut self, condition: &RefineryCondition, place: Place<'_>) -> Option<Predicate> {
        let one = condition.field.iter().chain(&condition.fields).collect::<Vec<_>>();
        if one.is_empty() || (condition.field.is_some() && !condition.fields.is_empty()) {
            self.fault(place.path, "rules.conditions.field", "", "one of `field` and `fields` is needed");
            return None;
        }
        let mut predicates = Vec::new();
        for field in one {
            let (root, name) = match field.strip_prefix("root.") {
                Some(name) => (true, name),
                None => (false, field.as_str()),
            };
            let asked = self.field_condition(name, condition);
            let asked = asked.map_err(|(key, value, hint)| {
                self.fault(place.path, &format!("rules.conditions.{key}"), &value, &hint);
            });
            let asked = asked.ok()?;
            predicates.push(if root { Predicate::And(vec![Predicate::Root, asked]) } else { asked });
        }
        // Refinery takes the first field that a span has; to be missing, all have to be.
        let missing = matches!(condition.operator.as_str(), "not-exists" | "not-in" | "does-not-contain");
        Some(if missing { Predicate::all(predicates) } else { Predicate::any(predicates) })
    }

    fn field_condition(&mut self, name: &str, condition: &RefineryCondition) -> Asked {
        let operator = condition.operator.as_str();
        let compare = Compare::parse(operator).filter(|_| operator != "==");
        match name {
            "name" => named(operator, compare, &condition.value),
            "duration_ms" => duration(compare, &condition.value),
            "trace.parent_id" | "parent_id" => match operator {
                "exists" => Ok(Predicate::Root.negated()),
                "not-exists" => Ok(Predicate::Root),
                _ => Err((
                    "operator",
                    operator.into(),
                    "`exists` or `not-exists` is expected of a parent".into(),
                )),
            },
            "error" => error(operator, compare, &condition.value),
            _ => self.attribute_condition(name, operator, compare, condition),
        }
    }

    fn attribute_condition(
        &mut self,
        name: &str,
        operator: &str,
        compare: Option<Compare>,
        condition: &RefineryCondition,
    ) -> Asked {
        let text = as_text(&condition.value);
        let pattern = |pattern: String| {
            text_matches(&pattern)
                .map(|test| vec![test])
                .ok_or_else(|| ("value", text.clone(), "a pattern is expected".to_owned()))
        };
        let yes = |this: &mut Self, tests: Vec<AttributeTest>| {
            let full =
                || ("field", name.to_owned(), "more attributes are asked than there are bits".to_owned());
            this.matchers.bit(MatchScope::Any, name, tests).map(Predicate::Bit).ok_or_else(full)
        };
        match (operator, compare) {
            ("exists", _) => yes(self, exists()),
            ("not-exists", _) => yes(self, exists()).map(Predicate::negated),
            ("contains", _) => yes(self, pattern(escape(&text))?),
            ("does-not-contain", _) => yes(self, pattern(escape(&text))?).map(Predicate::negated),
            ("starts-with", _) => yes(self, pattern(format!("^(?:{})", escape(&text)))?),
            ("matches", _) => yes(self, pattern(text.clone())?),
            ("in" | "not-in", _) => {
                let values = match &condition.value {
                    Value::Array(values) => values.iter().collect(),
                    one => vec![one],
                };
                let tests = values.into_iter().map(|value| equal(value, &condition.datatype));
                let tests = tests.collect::<Result<Vec<_>, _>>()?.concat();
                let found = yes(self, tests)?;
                Ok(if operator == "in" { found } else { found.negated() })
            }
            (_, Some(Compare::Equal)) => yes(self, equal(&condition.value, &condition.datatype)?),
            (_, Some(Compare::NotEqual)) => {
                // Of another value of the same type; with a datatype of text, of any or none.
                let equal = yes(self, equal(&condition.value, &condition.datatype)?)?;
                if condition.datatype == "string" {
                    return Ok(equal.negated());
                }
                let same_type = match &condition.value {
                    Value::String(_) if condition.datatype.is_empty() => vec![any_text()],
                    Value::Bool(_) => vec![AttributeTest::Bool(true), AttributeTest::Bool(false)],
                    _ => vec![ANY_NUMBER],
                };
                Ok(Predicate::And(vec![yes(self, same_type)?, equal.negated()]))
            }
            (_, Some(compare)) => yes(self, vec![ordered(compare, condition)?]),
            _ => Err(("operator", operator.into(), OPERATORS.into())),
        }
    }
}

/// Whether a condition is over the whole, not over a span of it.
fn is_whole(condition: &RefineryCondition) -> bool {
    condition.operator == "has-root-span" || condition.field.as_deref() == Some("?.NUM_DESCENDANTS")
}

/// A predicate, or the key, the value found there and a hint.
type Asked = Result<Predicate, (&'static str, String, String)>;

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn shown(condition: &RefineryCondition) -> String {
    let fields: Vec<&str> = condition.field.iter().chain(&condition.fields).map(String::as_str).collect();
    format!("{} {} {}", fields.join(" or "), condition.operator, as_text(&condition.value)).trim().to_owned()
}

/// Tests of an attribute for equality. A datatype makes texts of numbers and numbers of texts.
fn equal(value: &Value, datatype: &str) -> Result<Vec<AttributeTest>, (&'static str, String, String)> {
    let text = as_text(value);
    let wrong = |hint: &str| ("value", text.clone(), hint.to_owned());
    let as_number = text.parse::<f64>().ok();
    let of_number = || match text.parse() {
        Ok(whole) => Some(integer(Compare::Equal, whole)),
        Err(_) => as_number.map(|value| number(Compare::Equal, value)),
    };
    match datatype {
        "" => Ok(vec![match value {
            Value::String(text) => text_in(&[text]),
            Value::Bool(value) => AttributeTest::Bool(*value),
            Value::Number(_) => of_number().ok_or_else(|| wrong("a number is expected"))?,
            _ => return Err(wrong("a text, a number or a boolean is expected")),
        }]),
        "string" => {
            let bool = text.parse().ok().map(AttributeTest::Bool);
            Ok([text_in(&[&text])].into_iter().chain(of_number()).chain(bool).collect())
        }
        "int" | "float" => {
            let number = of_number().ok_or_else(|| wrong("a number is expected"))?;
            Ok(vec![number, text_in(&[&text])])
        }
        "bool" => {
            let wanted = text == "true";
            Ok(vec![AttributeTest::Bool(wanted), text_in(&[if wanted { "true" } else { "false" }])])
        }
        _ => Err(("datatype", datatype.into(), "one of string, int, float, bool is expected".into())),
    }
}

fn ordered(
    compare: Compare,
    condition: &RefineryCondition,
) -> Result<AttributeTest, (&'static str, String, String)> {
    let text = as_text(&condition.value);
    if condition.datatype == "string" || (condition.datatype.is_empty() && !condition.value.is_number()) {
        return Err(("value", text, "a number is expected: texts are compared by = and != only".into()));
    }
    match (text.parse(), text.parse()) {
        (Ok(whole), _) => Ok(integer(compare, whole)),
        (_, Ok(value)) => Ok(number(compare, value)),
        _ => Err(("value", text, "a number is expected".into())),
    }
}

fn named(operator: &str, compare: Option<Compare>, value: &Value) -> Asked {
    let text = as_text(value);
    let list = || match value {
        Value::Array(values) => values.iter().map(|value| as_text(value).into()).collect(),
        one => vec![as_text(one).into()],
    };
    Ok(match (operator, compare) {
        (_, Some(Compare::Equal)) | ("in", _) => Predicate::Name(TextTest::In(list())),
        (_, Some(Compare::NotEqual)) | ("not-in", _) => Predicate::Name(TextTest::In(list())).negated(),
        ("contains", _) => Predicate::Name(TextTest::Contains(text.into())),
        ("does-not-contain", _) => Predicate::Name(TextTest::Contains(text.into())).negated(),
        ("starts-with", _) => Predicate::Name(TextTest::StartsWith(text.into())),
        ("matches", _) => match Regex::new(&text) {
            Ok(pattern) => Predicate::Name(TextTest::Matches(pattern)),
            Err(error) => return Err(("value", text, error.to_string())),
        },
        ("exists", _) => Predicate::Constant(true),
        ("not-exists", _) => Predicate::Constant(false),
        _ => return Err(("operator", operator.into(), "names have no order".into())),
    })
}

fn duration(compare: Option<Compare>, value: &Value) -> Asked {
    let Some(milliseconds) = as_text(value).parse::<f64>().ok().filter(|value| *value >= 0.0) else {
        return Err(("value", as_text(value), "milliseconds are expected".into()));
    };
    let nanoseconds = (milliseconds * 1e6) as u64;
    let longer = Predicate::LongerThan(nanoseconds);
    let at_least = match nanoseconds {
        0 => Predicate::Constant(true),
        _ => Predicate::LongerThan(nanoseconds - 1),
    };
    match compare {
        Some(Compare::Greater) => Ok(longer),
        Some(Compare::GreaterOrEqual) => Ok(at_least),
        Some(Compare::Less) => Ok(at_least.negated()),
        Some(Compare::LessOrEqual) => Ok(longer.negated()),
        _ => Err(("operator", String::new(), "one of <, <=, >, >= is expected of a duration".into())),
    }
}

/// Refinery's data have `error` where a span's status is Error.
fn error(operator: &str, compare: Option<Compare>, value: &Value) -> Asked {
    let is_error = Predicate::Status(status::ERROR);
    let wanted = as_text(value) == "true";
    match (operator, compare) {
        ("exists", _) => Ok(is_error),
        ("not-exists", _) => Ok(is_error.negated()),
        (_, Some(Compare::Equal)) => Ok(if wanted { is_error } else { is_error.negated() }),
        (_, Some(Compare::NotEqual)) => Ok(if wanted { is_error.negated() } else { is_error }),
        _ => Err((
            "operator",
            operator.into(),
            "one of exists, not-exists, =, != is expected of `error`".into(),
        )),
    }
}
