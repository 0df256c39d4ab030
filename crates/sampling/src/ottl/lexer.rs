//! Words of a condition, each with its column.

use super::OttlError;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    Text(String),
    Integer(i64),
    Float(f64),
    /// Hexadecimal digits after `0x`.
    Bytes(String),
    /// An operator, a bracket, a dot or a comma.
    Sign(&'static str),
}

/// Longer ones first, for they are looked for in this order.
const SIGNS: [&str; 17] =
    ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "="];

pub(super) fn lex(source: &str) -> Result<Vec<(usize, Token)>, OttlError> {
    let mut tokens = Vec::new();
    let mut rest = source;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let column = source[..source.len() - rest.len()].chars().count() + 1;
        let (token, length) = if first == '"' {
            text(rest, column)?
        } else if first.is_ascii_digit() {
            number(rest, column)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            (Token::Word(rest[..length].to_owned()), length)
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign =
                sign.ok_or_else(|| OttlError::new(column, format!("`{first}` is not expected here")))?;
            (Token::Sign(sign), sign.len())
        };
        tokens.push((column, token));
        rest = &rest[length..];
    }
}

fn text(source: &str, column: usize) -> Result<(Token, usize), OttlError> {
    let mut out = String::new();
    let mut escaped = false;
    for (at, c) in source.char_indices().skip(1) {
        match (escaped, c) {
            (true, 'n') => out.push('\n'),
            (true, 't') => out.push('\t'),
            (true, '"' | '\\') => out.push(c),
            // What is no escape stays, for patterns are written with backslashes.
            (true, _) => out.extend(['\\', c]),
            (false, '\\') => {
                escaped = true;
                continue;
            }
            (false, '"') => return Ok((Token::Text(out), at + 1)),
            (false, _) => out.push(c),
        }
        escaped = false;
    }
    Err(OttlError::new(column, "this text has no closing quote"))
}

fn number(source: &str, column: usize) -> Result<(Token, usize), OttlError> {
    let length = source.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(source.len());
    let written = &source[..length];
    let hexadecimal = |digits: &&str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let token = match (written.strip_prefix("0x").filter(hexadecimal), written.parse()) {
        (Some(digits), _) => Some(Token::Bytes(digits.to_owned())),
        (None, Ok(integer)) => Some(Token::Integer(integer)),
        (None, Err(_)) => written.parse().ok().map(Token::Float),
    };
    token
        .map(|token| (token, length))
        .ok_or_else(|| OttlError::new(column, format!("`{written}` is no number")))
}
