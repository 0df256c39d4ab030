//! Conditions over one span, written in CEL: `root.name == "POST /transfers"`. Parsed by the `cel` crate, compiled to a small tree that reads three
//! facts and allocates nothing.

use cel::{
    IdedExpr,
    common::ast::{CallExpr, Expr, LiteralValue, operators},
    parser::Parser,
};
use regex::Regex;
use thiserror::Error;
use throughline_sampling::TextTest;

/// Why an expression was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ExpressionError {
    /// CEL does not parse it.
    #[error("line {line}, column {column}: {message}")]
    Syntax {
        /// From 1.
        line: isize,
        /// From 1.
        column: isize,
        /// What the parser says.
        message: String,
    },
    /// It names what does not exist here.
    #[error("`{name}` does not exist here; there are {scope}.name, {scope}.service and {scope}.kind")]
    Name {
        /// What was named.
        name: String,
        /// What could have been named.
        scope: &'static str,
    },
    /// It does what is not possible here.
    #[error(
        "{found} is not possible here; possible are ==, !=, in [..], startsWith, endsWith, contains, matches, &&, || and !"
    )]
    Unsupported {
        /// What was found.
        found: String,
    },
    /// A value has the wrong type.
    #[error("{0}")]
    Value(String),
}

/// A condition over a span's name, service and kind.
#[derive(Clone, Debug)]
pub enum Predicate {
    /// `true` or `false`.
    Constant(bool),
    /// Over the name of the span.
    Name(TextTest),
    /// Over the name of its service.
    Service(TextTest),
    /// Over the name of its kind, as OTLP's JSON has it without prefix: `SERVER`.
    Kind(TextTest),
    /// All of them.
    And(Vec<Predicate>),
    /// Any of them.
    Or(Vec<Predicate>),
    /// Not this.
    Not(Box<Predicate>),
}

const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

impl Predicate {
    /// Parses and compiles. `scope` is what the fields belong to: `root` or `span`.
    ///
    /// # Errors
    /// With the position, or with what would be possible.
    pub fn parse(source: &str, scope: &'static str) -> Result<Self, ExpressionError> {
        let parsed = Parser::new().parse(source).map_err(|errors| {
            let first = errors.errors.into_iter().next();
            let (line, column) = first.as_ref().map_or((1, 1), |error| error.pos);
            let message = first.map_or_else(|| "not an expression".to_owned(), |error| error.msg);
            ExpressionError::Syntax { line, column, message }
        })?;
        compile(&parsed, scope)
    }

    /// Whether a span meets the condition. `kind` as OTLP numbers it.
    #[must_use]
    pub fn eval(&self, name: &str, service: &str, kind: u8) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Name(test) => test.holds(name),
            Self::Service(test) => test.holds(service),
            Self::Kind(test) => test.holds(KINDS.get(usize::from(kind)).copied().unwrap_or(KINDS[0])),
            Self::And(parts) => parts.iter().all(|part| part.eval(name, service, kind)),
            Self::Or(parts) => parts.iter().any(|part| part.eval(name, service, kind)),
            Self::Not(part) => !part.eval(name, service, kind),
        }
    }
}

#[derive(Clone, Copy)]
enum Field {
    Name,
    Service,
    Kind,
}

impl Field {
    fn test(self, test: TextTest) -> Predicate {
        match self {
            Self::Name => Predicate::Name(test),
            Self::Service => Predicate::Service(test),
            Self::Kind => Predicate::Kind(test),
        }
    }
}

fn compile(expression: &IdedExpr, scope: &'static str) -> Result<Predicate, ExpressionError> {
    match &expression.expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Ok(Predicate::Constant(**value)),
        Expr::Call(call) => compile_call(call, scope),
        other => Err(unsupported(other)),
    }
}

fn compile_call(call: &CallExpr, scope: &'static str) -> Result<Predicate, ExpressionError> {
    let parts = || call.args.iter().map(|part| compile(part, scope)).collect::<Result<Vec<_>, _>>();
    match (call.func_name.as_str(), &call.target, &call.args[..]) {
        (operators::LOGICAL_AND, None, _) => Ok(Predicate::And(parts()?)),
        (operators::LOGICAL_OR, None, _) => Ok(Predicate::Or(parts()?)),
        (operators::LOGICAL_NOT, None, [part]) => Ok(Predicate::Not(Box::new(compile(part, scope)?))),
        (operators::EQUALS, None, [left, right]) => equals(left, right, scope),
        (operators::NOT_EQUALS, None, [left, right]) => {
            Ok(Predicate::Not(Box::new(equals(left, right, scope)?)))
        }
        (operators::IN, None, [left, right]) => {
            let Expr::List(list) = &right.expr else { return Err(unsupported(&right.expr)) };
            let values = list.elements.iter().map(text).collect::<Result<Vec<_>, _>>()?;
            Ok(field(left, scope)?.test(TextTest::In(values)))
        }
        (function, Some(target), [argument]) => {
            let test = match function {
                "startsWith" => TextTest::StartsWith(text(argument)?),
                "endsWith" => TextTest::EndsWith(text(argument)?),
                "contains" => TextTest::Contains(text(argument)?),
                "matches" => TextTest::Matches(pattern(&text(argument)?)?),
                other => return Err(ExpressionError::Unsupported { found: format!("`{other}`") }),
            };
            Ok(field(target, scope)?.test(test))
        }
        (function, ..) => {
            Err(ExpressionError::Unsupported { found: format!("`{}`", function.trim_matches(['_', '@'])) })
        }
    }
}

fn equals(left: &IdedExpr, right: &IdedExpr, scope: &'static str) -> Result<Predicate, ExpressionError> {
    let (of, value) = if matches!(left.expr, Expr::Literal(_)) { (right, left) } else { (left, right) };
    Ok(field(of, scope)?.test(TextTest::In(vec![text(value)?])))
}

fn field(expression: &IdedExpr, scope: &'static str) -> Result<Field, ExpressionError> {
    let Expr::Select(select) = &expression.expr else {
        return match &expression.expr {
            Expr::Ident(name) => Err(ExpressionError::Name { name: name.clone(), scope }),
            other => Err(unsupported(other)),
        };
    };
    let Expr::Ident(of) = &select.operand.expr else { return Err(unsupported(&select.operand.expr)) };
    match (of == scope, select.field.as_str()) {
        (true, "name") => Ok(Field::Name),
        (true, "service") => Ok(Field::Service),
        (true, "kind") => Ok(Field::Kind),
        _ => Err(ExpressionError::Name { name: format!("{of}.{}", select.field), scope }),
    }
}

fn text(expression: &IdedExpr) -> Result<Box<str>, ExpressionError> {
    match &expression.expr {
        Expr::Literal(LiteralValue::String(value)) => Ok(value.inner().into()),
        _ => Err(ExpressionError::Value("a text in quotes is expected here".to_owned())),
    }
}

fn pattern(source: &str) -> Result<Regex, ExpressionError> {
    Regex::new(source).map_err(|error| ExpressionError::Value(format!("`{source}` is no pattern: {error}")))
}

fn unsupported(expression: &Expr) -> ExpressionError {
    let found = match expression {
        Expr::Ident(name) => format!("`{name}` alone"),
        Expr::Select(select) => format!("`{}` alone", select.field),
        Expr::Literal(_) => "a value alone".to_owned(),
        Expr::Comprehension(_) => "a macro".to_owned(),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => "a list or map here".to_owned(),
        Expr::Call(_) | Expr::Unspecified => "this".to_owned(),
    };
    ExpressionError::Unsupported { found }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eval(source: &str, name: &str, service: &str, kind: u8) -> bool {
        Predicate::parse(source, "root").unwrap().eval(name, service, kind)
    }

    #[test]
    fn conditions_hold_as_cel_says() {
        assert!(eval(r#"root.name == "POST /transfers""#, "POST /transfers", "bff", 2));
        assert!(!eval(r#"root.name == "POST /transfers""#, "GET /", "bff", 2));
        assert!(eval(
            r#"root.service.startsWith("pay") && root.kind in ["SERVER", "CONSUMER"]"#,
            "x",
            "payments",
            5
        ));
        assert!(eval(r#"!(root.name.matches("^GET") || root.name != "x")"#, "x", "", 0));
        assert!(eval("true", "", "", 0));
        assert!(eval(r#""x" == root.name"#, "x", "", 0));
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        let error = |source| Predicate::parse(source, "root").unwrap_err().to_string();
        assert!(error("root.nam == \"x\"").contains("`root.nam` does not exist here; there are root.name"));
        assert!(error("span.name == \"x\"").contains("there are root.name"));
        assert!(error("root.name == 3").contains("a text in quotes"));
        assert!(error("root.name.size() > 3").contains("is not possible here"));
        assert!(error("root.name == ").starts_with("line 1, column "));
        assert!(error(r#"root.name.matches("(")"#).contains("is no pattern"));
    }
}
