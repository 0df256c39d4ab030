//! A tree to a question.

use regex::Regex;
use throughline_otlp::plan::AttributeTest;

use super::{
    Context, OttlError,
    operand::{FUNCTIONS, Operand, enum_value, kind_bit, operand},
    parser::{Condition, Form, Value, parse},
};
use crate::{
    compile::{self, Compare},
    matchers::MatcherTable,
    spans::Predicate,
    text::TextTest,
};

/// What is asked of one span or event.
///
/// # Errors
/// The first thing that is not understood.
pub(crate) fn translate(
    source: &str,
    context: Context,
    table: &mut MatcherTable,
) -> Result<Predicate, OttlError> {
    Translator { context, table }.condition(&parse(source)?)
}

struct Translator<'t> {
    context: Context,
    table: &'t mut MatcherTable,
}

impl Translator<'_> {
    fn condition(&mut self, condition: &Condition) -> Result<Predicate, OttlError> {
        let mut list = |parts: &[Condition]| {
            parts.iter().map(|part| self.condition(part)).collect::<Result<Vec<_>, _>>()
        };
        match condition {
            Condition::Or(parts) => Ok(Predicate::any(list(parts)?)),
            Condition::And(parts) => Ok(Predicate::all(list(parts)?)),
            Condition::Not(part) => Ok(self.condition(part)?.negated()),
            Condition::Alone(value) => self.alone(value),
            Condition::Compare { column, compare, left, right } => {
                if let (Form::Call(..), Form::Bool(wanted), Compare::Equal | Compare::NotEqual) =
                    (&left.form, &right.form, compare)
                {
                    let called = self.alone(left)?;
                    let as_it_is = *wanted == (*compare == Compare::Equal);
                    return Ok(if as_it_is { called } else { called.negated() });
                }
                match (operand(left, self.context)?, operand(right, self.context)?) {
                    (Some(of), None) => self.compare(*column, *compare, &of, right),
                    (None, Some(of)) => self.compare(*column, compare.turned(), &of, left),
                    (Some(_), Some(_)) => Err(OttlError::new(
                        *column,
                        "two fields cannot be compared; compare one with a value",
                    )),
                    (None, None) => {
                        Err(OttlError::new(*column, "two values are compared; one must be a field"))
                    }
                }
            }
        }
    }

    fn alone(&mut self, value: &Value) -> Result<Predicate, OttlError> {
        match &value.form {
            Form::Bool(constant) => Ok(Predicate::Constant(*constant)),
            Form::Call(name, arguments) => self.call(value.column, name, arguments),
            // A field alone is one that is true.
            _ => match operand(value, self.context)? {
                Some(of) => {
                    let is_true = Value { column: value.column, form: Form::Bool(true) };
                    self.compare(value.column, Compare::Equal, &of, &is_true)
                }
                None => Err(OttlError::new(value.column, "a condition is expected here, not a value")),
            },
        }
    }

    fn call(&mut self, column: usize, name: &str, arguments: &[Value]) -> Result<Predicate, OttlError> {
        let wrong = || {
            let message = format!("`{name}` with these arguments is not understood; {FUNCTIONS}");
            OttlError::new(column, message)
        };
        if name == "IsRootSpan" && arguments.is_empty() {
            return Ok(Predicate::Root);
        }
        let of = arguments.first().map(|first| operand(first, self.context)).transpose()?.flatten();
        let of = of.ok_or_else(wrong)?;
        let text = match arguments.get(1).map(|value| &value.form) {
            None => None,
            Some(Form::Text(text)) => Some(text.as_str()),
            Some(_) => return Err(wrong()),
        };
        match (name, text) {
            ("IsString", None) => self.attribute(column, &of, vec![compile::any_text()]),
            ("IsBool", None) => {
                self.attribute(column, &of, vec![AttributeTest::Bool(true), AttributeTest::Bool(false)])
            }
            ("IsMatch", Some(pattern)) => {
                let at = arguments.get(1).map_or(column, |value| value.column);
                let no_pattern = |error: regex::Error| OttlError::new(at, format!("no pattern: {error}"));
                let test = TextTest::Matches(Regex::new(pattern).map_err(no_pattern)?);
                self.text(column, &of, test, pattern)
            }
            ("HasPrefix", Some(text)) => {
                let pattern = format!("^(?:{})", regex::escape(text));
                self.text(column, &of, TextTest::StartsWith(text.into()), &pattern)
            }
            ("HasSuffix", Some(text)) => {
                let pattern = format!("(?:{})$", regex::escape(text));
                self.text(column, &of, TextTest::EndsWith(text.into()), &pattern)
            }
            _ => Err(wrong()),
        }
    }

    /// A test of a text: as it is for names, as a pattern for attributes.
    fn text(
        &mut self,
        column: usize,
        of: &Operand,
        test: TextTest,
        pattern: &str,
    ) -> Result<Predicate, OttlError> {
        match of {
            Operand::Name => Ok(Predicate::Name(test)),
            Operand::EventName => Ok(Predicate::EventName(test)),
            _ => {
                let matches = compile::text_matches(pattern);
                let matches = matches.ok_or_else(|| OttlError::new(column, "this is no pattern"))?;
                self.attribute(column, of, vec![matches])
            }
        }
    }

    fn compare(
        &mut self,
        column: usize,
        compare: Compare,
        of: &Operand,
        value: &Value,
    ) -> Result<Predicate, OttlError> {
        let equal = match compare {
            Compare::NotEqual => return Ok(self.compare(column, Compare::Equal, of, value)?.negated()),
            other => other == Compare::Equal,
        };
        let wrong = |what: &str| Err(OttlError::new(value.column, format!("{what} is expected here")));
        match (of, &value.form) {
            (Operand::Duration(unit), form) => {
                duration(compare, *unit, form).map_or_else(|| wrong("a time"), Ok)
            }
            (Operand::Attribute(..) | Operand::EventAttribute(_), form) => {
                let tests =
                    attribute_tests(compare, form).map_err(|what| OttlError::new(value.column, what))?;
                match form {
                    Form::Nil => Ok(self.attribute(column, of, tests)?.negated()),
                    _ => self.attribute(column, of, tests),
                }
            }
            _ if !equal => wrong("`==` or `!=`"),
            (Operand::Name, Form::Text(text)) => Ok(Predicate::Name(one(text))),
            (Operand::EventName, Form::Text(text)) => Ok(Predicate::EventName(one(text))),
            (Operand::KindText, Form::Text(text)) => match kind_bit(text) {
                Some(bit) => Ok(Predicate::Kind(bit)),
                None => wrong("the name of a kind, such as \"Server\","),
            },
            (Operand::Kind, form) => match number(form).and_then(|kind| u32::try_from(kind).ok()) {
                Some(kind) if kind < 6 => Ok(Predicate::Kind(1 << kind)),
                _ => wrong("a kind, such as SPAN_KIND_SERVER,"),
            },
            (Operand::Status, form) => match number(form).and_then(|code| u32::try_from(code).ok()) {
                Some(code) if code < 3 => Ok(Predicate::Status(1 << code)),
                _ => wrong("a status, such as STATUS_CODE_ERROR,"),
            },
            (Operand::TraceState(key), Form::Text(text)) => {
                Ok(Predicate::TraceState { key: key.as_str().into(), values: vec![text.as_str().into()] })
            }
            (Operand::ParentText, Form::Text(text)) if text.is_empty() => Ok(Predicate::Root),
            (Operand::ParentText, _) => wrong("\"\""),
            (Operand::Parent, form) if is_no_span(form) => Ok(Predicate::Root),
            (Operand::Parent, _) => wrong("SpanID(0x0000000000000000)"),
            _ => wrong("a text in quotes"),
        }
    }

    fn attribute(
        &mut self,
        column: usize,
        of: &Operand,
        tests: Vec<AttributeTest>,
    ) -> Result<Predicate, OttlError> {
        let bit = match of {
            Operand::Attribute(scope, key) => self.table.bit(*scope, key, tests).map(Predicate::Bit),
            Operand::EventAttribute(key) => self.table.event_bit(key, tests).map(Predicate::EventBit),
            _ => return Err(OttlError::new(column, "an attribute is expected here")),
        };
        bit.ok_or_else(|| OttlError::new(column, "more attributes are asked than there are bits"))
    }
}

fn one(text: &str) -> TextTest {
    TextTest::In(vec![text.into()])
}

/// Whether it is the id of no span: what a root has as its parent's.
fn is_no_span(form: &Form) -> bool {
    let Form::Call(name, arguments) = form else { return false };
    let [Value { form: Form::Bytes(digits), .. }] = &arguments[..] else { return false };
    name == "SpanID" && digits.len() == 16 && digits.bytes().all(|digit| digit == b'0')
}

fn number(form: &Form) -> Option<i64> {
    match form {
        Form::Integer(value) => Some(*value),
        Form::Path(name, _) => enum_value(name),
        _ => None,
    }
}

fn attribute_tests(compare: Compare, form: &Form) -> Result<Vec<AttributeTest>, &'static str> {
    let equal = compare == Compare::Equal;
    match form {
        Form::Integer(value) => Ok(vec![compile::integer(compare, *value)]),
        Form::Float(value) => Ok(vec![compile::number(compare, *value)]),
        Form::Text(text) if equal => Ok(vec![compile::text_in(&[text])]),
        Form::Bool(value) if equal => Ok(vec![AttributeTest::Bool(*value)]),
        Form::Nil if equal => Ok(compile::exists()),
        Form::Text(_) => Err("texts are compared by == and != only"),
        Form::Bool(_) | Form::Nil => Err("only == and != are possible here"),
        Form::Path(..) if number(form).is_some() => {
            number(form).map(|value| vec![compile::integer(compare, value)]).ok_or("a value is expected here")
        }
        Form::Path(..) | Form::Call(..) | Form::Math(..) | Form::Bytes(_) => {
            Err("a value is expected here: a text in quotes, a number, true, false or nil")
        }
    }
}

/// A duration compared; times are whole nanoseconds.
fn duration(compare: Compare, unit: f64, form: &Form) -> Option<Predicate> {
    let bound = match form {
        Form::Integer(value) => *value as f64 * unit,
        Form::Float(value) => *value * unit,
        Form::Call(name, arguments) if name == "Duration" => match &arguments[..] {
            [Value { form: Form::Text(text), .. }] => crate::units::nanoseconds(text)? as f64,
            _ => return None,
        },
        _ => return None,
    };
    if bound < 0.0 {
        return Some(Predicate::Constant(matches!(compare, Compare::Greater | Compare::GreaterOrEqual)));
    }
    let longer = Predicate::LongerThan(bound as u64);
    let at_least = match bound {
        0.0 => Predicate::Constant(true),
        _ => Predicate::LongerThan((bound.ceil() - 1.0) as u64),
    };
    Some(match compare {
        Compare::Greater => longer,
        Compare::LessOrEqual => longer.negated(),
        Compare::GreaterOrEqual => at_least,
        Compare::Less => at_least.negated(),
        Compare::Equal | Compare::NotEqual => Predicate::And(vec![at_least, longer.negated()]),
    })
}
