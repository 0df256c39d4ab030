//! Statements that answer: their first word, the format that they name, and the hello of clickhouse-go.

use std::ops::Range;

use super::lexer::{Kind, Lexer, Token};

/// A statement and what routing it takes.
#[derive(Debug)]
pub(crate) struct Statement {
    text: Vec<u8>,
    /// The first word in upper case; empty where it begins with something else.
    first_word: String,
    /// `FORMAT name`, and the name within it.
    format: Option<(Range<usize>, String)>,
    is_hello: bool,
}

/// clickhouse-go's hello, white space aside. `revision()` decides how it reads Native, which the engine writes as for
/// revision 0 whatever its own is.
const GO_HELLO: &str = "SELECTdisplayName(),version(),revision(),timezone()";
const HELLO_OF_REVISION_0: &str = "SELECT displayName(), version(), toUInt32(0) AS `revision()`, timezone()";

impl Statement {
    pub(crate) fn new(text: Vec<u8>) -> Self {
        let bare: Vec<u8> = text.iter().copied().filter(|c| !c.is_ascii_whitespace() && *c != b';').collect();
        let is_hello = bare == GO_HELLO.as_bytes();
        let text = if is_hello { HELLO_OF_REVISION_0.into() } else { text };
        let tokens: Vec<Token> = Lexer::new(&text).collect();
        let first_word = tokens.first().and_then(|t| Lexer::word(&text, *t)).unwrap_or_default();
        let format = find_format(&text, &tokens);
        Self { first_word, format, text, is_hello }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The format that the statement names for its answer.
    pub(crate) fn format(&self) -> Option<&str> {
        self.format.as_ref().map(|(_, name)| name.as_str())
    }

    /// clickhouse-go's hello: its answer is read in the client's revision, all later ones in the one that it names.
    pub(crate) fn is_hello(&self) -> bool {
        self.is_hello
    }

    /// Whether the engine can hand out the result in chunks.
    pub(crate) fn is_select(&self) -> bool {
        matches!(self.first_word.as_str(), "SELECT" | "WITH" | "FROM")
            || self.text.trim_ascii_start().starts_with(b"(")
    }

    /// Whether it only shows something, so that it may run once more.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.first_word.as_str(), "SHOW" | "DESCRIBE" | "DESC" | "EXISTS" | "EXPLAIN" | "CHECK")
    }

    /// The statement without its `FORMAT` and without a closing semicolon: fit to be put in brackets.
    pub(crate) fn without_format(&self) -> Vec<u8> {
        let mut text = self.text.clone();
        if let Some((clause, _)) = &self.format {
            text[clause.clone()].fill(b' ');
        }
        let length = text.trim_ascii_end().strip_suffix(b";").map_or(text.len(), <[u8]>::len);
        text.truncate(length);
        text
    }
}

/// The last `FORMAT name` outside brackets that only `SETTINGS …`, `INTO …` or a semicolon follow.
fn find_format(text: &[u8], tokens: &[Token]) -> Option<(Range<usize>, String)> {
    let mut depth = 0_usize;
    let mut found = None;
    for (i, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Punctuation(b'(') => depth += 1,
            Kind::Punctuation(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let is_format = depth == 0 && i > 0 && Lexer::word(text, *token).as_deref() == Some("FORMAT");
        let Some(name) = tokens.get(i + 1).filter(|t| is_format && t.kind == Kind::Word) else { continue };
        let next = tokens.get(i + 2);
        let closes = next.is_none_or(|t| {
            t.kind == Kind::Punctuation(b';')
                || matches!(Lexer::word(text, *t).as_deref(), Some("SETTINGS" | "INTO"))
        });
        if closes {
            let word = String::from_utf8_lossy(&text[name.start..name.end]).into_owned();
            found = Some((token.start..name.end, word));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> Option<String> {
        Statement::new(text.into()).format().map(str::to_owned)
    }

    #[test]
    fn the_format_clause_is_found_and_a_column_of_that_name_is_not() {
        assert_eq!(format("SELECT 1 FORMAT JSON").as_deref(), Some("JSON"));
        assert_eq!(format("SELECT 1 format Native SETTINGS max_threads = 1").as_deref(), Some("Native"));
        assert_eq!(format("SELECT 1 FORMAT CSV;").as_deref(), Some("CSV"));
        assert_eq!(format("SELECT format FROM t"), None);
        assert_eq!(format("SELECT 1 AS format"), None);
        assert_eq!(format("SELECT 'x FORMAT JSON'"), None);
        assert_eq!(format("SELECT (SELECT 1 FORMAT JSON)"), None);
    }

    #[test]
    fn without_format_fits_into_brackets() {
        let bare = Statement::new(b"SELECT 1 FORMAT Native ; ".to_vec()).without_format();
        assert_eq!(bare.trim_ascii(), b"SELECT 1");
    }

    #[test]
    fn the_hello_of_clickhouse_go_is_answered_with_revision_0() {
        let hello = Statement::new(b"SELECT displayName(), version(), revision(), timezone()".to_vec());
        assert!(hello.text().windows(10).any(|w| w == b"toUInt32(0"));
        let other = Statement::new(b"SELECT version(), revision()".to_vec());
        assert_eq!(other.text(), b"SELECT version(), revision()");
    }

    #[test]
    fn first_words() {
        assert!(Statement::new(b" /* x */ with 1 as a select a".to_vec()).is_select());
        assert!(Statement::new(b"(select 1) union all (select 2)".to_vec()).is_select());
        assert!(!Statement::new(b"SHOW TABLES".to_vec()).is_select());
    }
}
