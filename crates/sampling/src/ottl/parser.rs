//! Words to a tree.

use super::{
    OttlError,
    lexer::{Token, lex},
};
use crate::compile::Compare;

/// How deep a condition nests at most: it is walked by recursion.
const MAX_DEPTH: usize = 64;

/// Something that is true or false.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Or(Vec<Condition>),
    And(Vec<Condition>),
    Not(Box<Condition>),
    Compare {
        column: usize,
        compare: Compare,
        left: Value,
        right: Value,
    },
    /// A value that stands alone.
    Alone(Value),
}

/// Something that can be compared.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) column: usize,
    pub(super) form: Form,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Form {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// Hexadecimal digits.
    Bytes(String),
    Nil,
    /// Names joined by dots, and the keys in brackets after them.
    Path(String, Vec<String>),
    Call(String, Vec<Value>),
    Math(&'static str, Box<Value>, Box<Value>),
}

pub(super) fn parse(source: &str) -> Result<Condition, OttlError> {
    let tokens = lex(source)?;
    let end = source.chars().count() + 1;
    let mut parser = Parser { tokens, at: 0, end, depth: 0 };
    let condition = parser.or()?;
    match parser.tokens.get(parser.at) {
        None => Ok(condition),
        Some((column, _)) => Err(OttlError::new(*column, "the condition ended before this")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(column, _)| *column)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, OttlError> {
        Err(OttlError::new(self.column(), message))
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).map(|(_, token)| token.clone());
        self.at += 1;
        token
    }

    fn is_sign(&self, wanted: &str) -> bool {
        matches!(self.tokens.get(self.at), Some((_, Token::Sign(sign))) if *sign == wanted)
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let found = self.is_sign(wanted);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, wanted: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((_, Token::Word(word))) if word == wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), OttlError> {
        if self.sign(sign) { Ok(()) } else { self.error(format!("`{sign}` is expected here")) }
    }

    fn deeper(&mut self) -> Result<(), OttlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.error("this nests too deep") } else { Ok(()) }
    }

    fn or(&mut self) -> Result<Condition, OttlError> {
        self.deeper()?;
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        self.depth -= 1;
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Or(parts) })
    }

    fn and(&mut self) -> Result<Condition, OttlError> {
        let mut parts = vec![self.not()?];
        while self.word("and") {
            parts.push(self.not()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::And(parts) })
    }

    fn not(&mut self) -> Result<Condition, OttlError> {
        if self.word("not") {
            self.deeper()?;
            let inner = self.not()?;
            self.depth -= 1;
            return Ok(Condition::Not(Box::new(inner)));
        }
        if self.is_sign("(") {
            // A bracket may hold a condition or a sum: a condition is tried first.
            let (at, depth) = (self.at, self.depth);
            self.at += 1;
            if let Ok(inner) = self.or()
                && self.sign(")")
                && self.ends_condition()
            {
                return Ok(inner);
            }
            (self.at, self.depth) = (at, depth);
        }
        self.comparison()
    }

    /// Whether what comes next can stand after a condition.
    fn ends_condition(&self) -> bool {
        match self.tokens.get(self.at) {
            None => true,
            Some((_, Token::Word(word))) => word == "and" || word == "or",
            Some((_, token)) => *token == Token::Sign(")"),
        }
    }

    fn comparison(&mut self) -> Result<Condition, OttlError> {
        let left = self.sum()?;
        let column = self.column();
        let compare = match self.tokens.get(self.at) {
            Some((_, Token::Sign("="))) => return self.error("`==` is expected here"),
            Some((_, Token::Sign(sign))) => Compare::parse(sign),
            _ => None,
        };
        let Some(compare) = compare else { return Ok(Condition::Alone(left)) };
        self.at += 1;
        let right = self.sum()?;
        Ok(Condition::Compare { column, compare, left, right })
    }

    fn sum(&mut self) -> Result<Value, OttlError> {
        let mut left = self.value()?;
        while let Some(sign) = ["+", "-", "*", "/"].into_iter().find(|sign| self.is_sign(sign)) {
            self.at += 1;
            let right = self.value()?;
            let column = left.column;
            left = Value { column, form: Form::Math(sign, Box::new(left), Box::new(right)) };
        }
        Ok(left)
    }

    fn value(&mut self) -> Result<Value, OttlError> {
        let column = self.column();
        let form = match self.next() {
            Some(Token::Text(text)) => Form::Text(text),
            Some(Token::Integer(value)) => Form::Integer(value),
            Some(Token::Float(value)) => Form::Float(value),
            Some(Token::Bytes(digits)) => Form::Bytes(digits),
            Some(Token::Sign("-")) => match self.next() {
                Some(Token::Integer(value)) => Form::Integer(-value),
                Some(Token::Float(value)) => Form::Float(-value),
                _ => return Err(OttlError::new(column, "a number is expected after `-`")),
            },
            Some(Token::Sign("(")) => {
                self.deeper()?;
                let inner = self.sum()?;
                self.expect(")")?;
                self.depth -= 1;
                return Ok(inner);
            }
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Form::Bool(true),
                "false" => Form::Bool(false),
                "nil" => Form::Nil,
                _ if self.sign("(") => Form::Call(word, self.arguments()?),
                _ => self.path(word)?,
            },
            _ => return Err(OttlError::new(column, "a value is expected here")),
        };
        Ok(Value { column, form })
    }

    fn arguments(&mut self) -> Result<Vec<Value>, OttlError> {
        self.deeper()?;
        let mut arguments = Vec::new();
        while !self.sign(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.sum()?);
        }
        self.depth -= 1;
        Ok(arguments)
    }

    fn path(&mut self, first: String) -> Result<Form, OttlError> {
        let mut path = first;
        let mut keys = Vec::new();
        loop {
            if self.sign(".") {
                match self.next() {
                    Some(Token::Word(word)) if keys.is_empty() => {
                        path.push('.');
                        path.push_str(&word);
                    }
                    _ => return self.error("a name is expected after `.`"),
                }
            } else if self.sign("[") {
                match self.next() {
                    Some(Token::Text(key)) => keys.push(key),
                    _ => return self.error("a key in quotes is expected in `[]`"),
                }
                self.expect("]")?;
            } else {
                return Ok(Form::Path(path, keys));
            }
        }
    }
}
