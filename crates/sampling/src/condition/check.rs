//! CEL to the tree: names and types are checked here, once.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, SourceInfo, operators},
    parser::Parser,
};
use regex::Regex;

use super::{
    Condition, ConditionError,
    expression::{Bool, Number, Text},
    fields::{self, Field, KNOWN, NumberField},
};
use crate::{compile::Compare, text::TextTest};

/// Told where something else is done.
const POSSIBLE: &str = "possible are ==, !=, <, <=, >, >=, in, &&, ||, !, +, -, *, /, has(), size(), startsWith, endsWith, contains, matches, \
     double(), int(), string() and duration(\"2s\")";

/// Compiles a condition; `slot` gives the place of an attribute that it reads, `amount` is what that name means.
///
/// # Errors
/// The first thing that is wrong, with its position.
pub(crate) fn compile(
    source: &str,
    amount: &str,
    slot: &mut dyn FnMut(&str) -> usize,
) -> Result<Condition, ConditionError> {
    let (tree, info) = Parser::new().parse_with_source_info(source).map_err(|errors| {
        let first = errors.errors.into_iter().next();
        let (line, column) = first.as_ref().map_or((1, 1), |error| error.pos);
        let message = first.map_or_else(|| "not an expression".to_owned(), |error| error.msg);
        ConditionError { line: line.max(1).unsigned_abs(), column: column.max(1).unsigned_abs(), message }
    })?;
    let expression = Checker { source, info, amount, slot }.condition(&tree)?;
    Ok(Condition { source: source.into(), expression })
}

pub(super) struct Checker<'a> {
    source: &'a str,
    info: SourceInfo,
    amount: &'a str,
    pub(super) slot: &'a mut dyn FnMut(&str) -> usize,
}

/// An operand with its type.
pub(super) enum Typed {
    Bool(Bool),
    Text(Text),
    Number(Number),
    Time(Number),
    /// An attribute: text or number, as the other side says.
    Attribute(usize),
    Departments,
}

pub(super) type Checked<T> = Result<T, ConditionError>;

impl Checker<'_> {
    pub(super) fn error<T>(&self, at: &IdedExpr, message: impl Into<String>) -> Checked<T> {
        let offset = self.info.offset_for(at.id).map_or(0, |(start, _)| start as usize);
        let before: String = self.source.chars().take(offset).collect();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        Err(ConditionError { line, column, message: message.into() })
    }

    fn condition(&mut self, expression: &IdedExpr) -> Checked<Bool> {
        match self.typed(expression)? {
            Typed::Bool(condition) => Ok(condition),
            // An attribute alone is a boolean one.
            Typed::Attribute(slot) => Ok(Bool::Text(Text::Attribute(slot), one("true"))),
            _ => self.error(expression, "a condition is expected here, not a value"),
        }
    }

    pub(super) fn typed(&mut self, expression: &IdedExpr) -> Checked<Typed> {
        match &expression.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Ok(Typed::Bool(Bool::Constant(**value))),
            Expr::Literal(LiteralValue::String(value)) => {
                Ok(Typed::Text(Text::Constant(value.inner().into())))
            }
            Expr::Literal(LiteralValue::Int(value)) => {
                Ok(Typed::Number(Number::Constant(*value.inner() as f64)))
            }
            Expr::Literal(LiteralValue::UInt(value)) => {
                Ok(Typed::Number(Number::Constant(*value.inner() as f64)))
            }
            Expr::Literal(LiteralValue::Double(value)) => Ok(Typed::Number(Number::Constant(*value.inner()))),
            Expr::Ident(_) | Expr::Select(_) => self.named(expression),
            Expr::Call(call) => self.call(expression, call),
            Expr::Comprehension(_) => {
                self.error(expression, "a macro is not possible here; say `\"treasury\" in departments`")
            }
            _ => self.error(expression, format!("this is not possible here; {POSSIBLE}")),
        }
    }

    /// A field, an attribute by `attributes.name`, or `has(attributes.name)`.
    fn named(&mut self, expression: &IdedExpr) -> Checked<Typed> {
        let Some(path) = path(&expression.expr) else {
            return self.error(expression, format!("this is not understood; {KNOWN}"));
        };
        let path = path.strip_prefix("transaction.").unwrap_or(&path);
        let test = matches!(&expression.expr, Expr::Select(select) if select.test);
        if let Some(attribute) = path.strip_prefix("attributes.") {
            let slot = (self.slot)(attribute);
            return Ok(if test { Typed::Bool(Bool::Has(slot)) } else { Typed::Attribute(slot) });
        }
        if path == "amount" {
            let slot = (self.slot)(self.amount);
            return Ok(Typed::Number(Number::Attribute(slot)));
        }
        match fields::field(path) {
            Some(Field::Text(field)) => Ok(Typed::Text(Text::Field(field))),
            Some(Field::Number(field)) => Ok(Typed::Number(Number::Field(field))),
            Some(Field::Time(field)) => Ok(Typed::Time(Number::Time(field))),
            Some(Field::Departments) => Ok(Typed::Departments),
            Some(Field::MissingTerminal) => Ok(Typed::Bool(Bool::MissingTerminal)),
            None => self.error(expression, format!("`{path}` does not exist here; {KNOWN}")),
        }
    }

    fn call(&mut self, expression: &IdedExpr, call: &CallExpr) -> Checked<Typed> {
        let function = call.func_name.as_str();
        let compare = match function {
            operators::EQUALS => Some(Compare::Equal),
            operators::NOT_EQUALS => Some(Compare::NotEqual),
            operators::LESS => Some(Compare::Less),
            operators::LESS_EQUALS => Some(Compare::LessOrEqual),
            operators::GREATER => Some(Compare::Greater),
            operators::GREATER_EQUALS => Some(Compare::GreaterOrEqual),
            _ => None,
        };
        match (function, &call.target, &call.args[..]) {
            (_, None, [left, right]) if compare.is_some() => {
                self.compare(expression, compare.unwrap_or(Compare::Equal), left, right).map(Typed::Bool)
            }
            (operators::LOGICAL_AND, None, parts) => Ok(Typed::Bool(Bool::And(self.conditions(parts)?))),
            (operators::LOGICAL_OR, None, parts) => Ok(Typed::Bool(Bool::Or(self.conditions(parts)?))),
            (operators::LOGICAL_NOT, None, [part]) => {
                Ok(Typed::Bool(Bool::Not(Box::new(self.condition(part)?))))
            }
            (operators::IN, None, [left, right]) => self.is_in(left, right).map(Typed::Bool),
            (operators::INDEX, None, [map, key]) => self.index(expression, map, key),
            (operators::NEGATE, None, [value]) => {
                let zero = Box::new(Number::Constant(0.0));
                Ok(Typed::Number(Number::Subtract(zero, Box::new(self.number(value)?))))
            }
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE,
                None,
                [left, right],
            ) => self.arithmetic(expression, function, left, right),
            ("size", None, [list]) => self.size(list),
            ("size", Some(list), []) => self.size(list),
            ("duration", None, [text]) => self.duration(text),
            ("double" | "int", None, [value]) => self.number(value).map(Typed::Number),
            ("string", None, [value]) => self.text(value).map(Typed::Text),
            ("startsWith" | "endsWith" | "contains" | "matches", Some(target), [argument]) => {
                let test = self.text_test(function, argument)?;
                Ok(Typed::Bool(Bool::Text(self.text(target)?, test)))
            }
            _ => {
                let shown = function.trim_matches(['_', '@']);
                self.error(expression, format!("`{shown}` is not possible here; {POSSIBLE}"))
            }
        }
    }

    fn conditions(&mut self, parts: &[IdedExpr]) -> Checked<Vec<Bool>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn index(&mut self, at: &IdedExpr, map: &IdedExpr, key: &IdedExpr) -> Checked<Typed> {
        match path(&map.expr).as_deref() {
            Some("attributes" | "transaction.attributes") => {
                let name = self.constant(key)?;
                Ok(Typed::Attribute((self.slot)(&name)))
            }
            _ => self.error(at, "only attributes have keys: attributes[\"payment.currency\"]"),
        }
    }

    fn arithmetic(
        &mut self,
        at: &IdedExpr,
        function: &str,
        left: &IdedExpr,
        right: &IdedExpr,
    ) -> Checked<Typed> {
        let (left, right) = (self.typed(left)?, self.typed(right)?);
        let sum = matches!(function, operators::ADD | operators::SUBSTRACT);
        let (left, right, time) = match (left, right) {
            (Typed::Time(left), Typed::Time(right)) => (left, right, sum),
            (Typed::Time(left), right) if !sum && as_number(&right).is_some() => {
                (left, as_number(&right).unwrap_or(Number::Constant(1.0)), true)
            }
            (left, Typed::Time(right)) if function == operators::MULTIPLY && as_number(&left).is_some() => {
                (as_number(&left).unwrap_or(Number::Constant(1.0)), right, true)
            }
            (left, right) => match (as_number(&left), as_number(&right)) {
                (Some(left), Some(right)) => (left, right, false),
                _ => return self.error(at, "numbers are expected on both sides, or times"),
            },
        };
        let (left, right) = (Box::new(left), Box::new(right));
        let number = match function {
            operators::ADD => Number::Add(left, right),
            operators::SUBSTRACT => Number::Subtract(left, right),
            operators::MULTIPLY => Number::Multiply(left, right),
            _ => Number::Divide(left, right),
        };
        Ok(if time { Typed::Time(number) } else { Typed::Number(number) })
    }

    fn size(&mut self, list: &IdedExpr) -> Checked<Typed> {
        match self.typed(list)? {
            Typed::Departments => Ok(Typed::Number(Number::Field(NumberField::Departments))),
            _ => self.error(list, "only `departments` has a size here"),
        }
    }

    fn duration(&mut self, text: &IdedExpr) -> Checked<Typed> {
        let written = self.constant(text)?;
        match crate::units::nanoseconds(&written) {
            Some(nanoseconds) => Ok(Typed::Time(Number::Constant(nanoseconds as f64))),
            None => self.error(text, format!("`{written}` is no time; write 250ms, 2s or 1m30s")),
        }
    }

    pub(super) fn number(&mut self, value: &IdedExpr) -> Checked<Number> {
        let typed = self.typed(value)?;
        match as_number(&typed) {
            Some(number) => Ok(number),
            None => self.error(value, "a number is expected here"),
        }
    }

    fn text(&mut self, value: &IdedExpr) -> Checked<Text> {
        match as_text(self.typed(value)?) {
            Some(text) => Ok(text),
            None => self.error(value, "a text is expected here"),
        }
    }

    pub(super) fn constant(&self, value: &IdedExpr) -> Checked<Box<str>> {
        match &value.expr {
            Expr::Literal(LiteralValue::String(text)) => Ok(text.inner().into()),
            _ => self.error(value, "a text in quotes is expected here"),
        }
    }

    fn text_test(&self, function: &str, argument: &IdedExpr) -> Checked<TextTest> {
        let text = self.constant(argument)?;
        Ok(match function {
            "startsWith" => TextTest::StartsWith(text),
            "endsWith" => TextTest::EndsWith(text),
            "contains" => TextTest::Contains(text),
            _ => match Regex::new(&text) {
                Ok(pattern) => TextTest::Matches(pattern),
                Err(error) => return self.error(argument, format!("`{text}` is no pattern: {error}")),
            },
        })
    }
}

pub(super) fn one(text: &str) -> TextTest {
    TextTest::In(vec![text.into()])
}

pub(super) fn as_text(typed: Typed) -> Option<Text> {
    match typed {
        Typed::Text(text) => Some(text),
        Typed::Attribute(slot) => Some(Text::Attribute(slot)),
        _ => None,
    }
}

fn as_number(typed: &Typed) -> Option<Number> {
    match typed {
        Typed::Number(number) => Some(number.clone()),
        Typed::Attribute(slot) => Some(Number::Attribute(*slot)),
        _ => None,
    }
}

/// Names joined by dots.
pub(super) fn path(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => Some(format!("{}.{}", path(&select.operand.expr)?, select.field)),
        _ => None,
    }
}
