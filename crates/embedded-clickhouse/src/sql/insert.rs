//! Inserts with data: where the statement ends and the data begins.

use super::lexer::{Kind, Lexer, Token};

/// What the front of a request's text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not enough of the text is here to tell.
    Incomplete,
    /// `INSERT INTO … FORMAT x` or `… VALUES`, followed by data.
    Insert {
        /// The statement without `FORMAT` or `VALUES` is `text[..sql_end]`.
        sql_end: usize,
        /// The format of the data.
        format: String,
        /// The data begins at `text[data_start]`.
        data_start: usize,
    },
    /// A statement without data behind it.
    Statement,
}

/// Looks at the front of a text; `whole` says that nothing follows what is here.
pub(crate) fn shape(text: &[u8], whole: bool) -> Shape {
    let mut tokens = Lexer::new(text);
    let unfinished = if whole { Shape::Statement } else { Shape::Incomplete };
    let Some(first) = tokens.next() else { return unfinished };
    if first.end == text.len() && !whole {
        return Shape::Incomplete;
    }
    if Lexer::word(text, first).as_deref() != Some("INSERT") {
        return Shape::Statement;
    }
    scan(text, tokens, whole).unwrap_or(unfinished)
}

/// Goes through the insert's own clauses; `None` where the text ends among them.
fn scan(text: &[u8], mut tokens: Lexer<'_>, whole: bool) -> Option<Shape> {
    let mut depth = 0_usize;
    let mut opened = false;
    // right after INTO, TABLE, FUNCTION or a dot stands a name, whatever it is spelt like
    let mut name_follows = true;
    while let Some(token) = tokens.next() {
        let at_end = token.end == text.len() && !whole;
        let word = Lexer::word(text, token);
        let here = word.as_deref().filter(|_| !name_follows);
        match (token.kind, here) {
            (Kind::Cut, _) => return None,
            (Kind::Word, _) if at_end => return None,
            (Kind::Punctuation(b'('), _) => depth += 1,
            (Kind::Punctuation(b')'), _) => depth = depth.saturating_sub(1),
            (Kind::Punctuation(b';'), _) if depth == 0 => return Some(Shape::Statement),
            (Kind::Word, Some("SELECT" | "WITH" | "FROM" | "WATCH" | "EXPLAIN")) if depth == 0 || opened => {
                return Some(Shape::Statement);
            }
            (Kind::Word, Some("VALUES")) if depth == 0 => return Some(values(token)),
            (Kind::Word, Some("FORMAT")) if depth == 0 => {
                return formatted(text, token, tokens.next()?, whole);
            }
            _ => {}
        }
        opened = token.kind == Kind::Punctuation(b'(');
        let introduces = matches!(word.as_deref(), Some("INTO" | "TABLE" | "FUNCTION")) && depth == 0;
        name_follows = introduces || token.kind == Kind::Punctuation(b'.');
    }
    None
}

fn values(token: Token) -> Shape {
    Shape::Insert { sql_end: token.start, format: "Values".to_owned(), data_start: token.end }
}

/// ClickHouse's rule: after the format's name, blanks and then one line break belong to the statement.
fn formatted(text: &[u8], clause: Token, name: Token, whole: bool) -> Option<Shape> {
    if name.kind != Kind::Word {
        return (whole || name.kind != Kind::Cut).then_some(Shape::Statement);
    }
    let mut at = name.end;
    let blanks = text[at..].iter().take_while(|c| matches!(c, b' ' | b'\t' | 0x0c)).count();
    at += blanks;
    if text.get(at) == Some(&b'\r') {
        at += 1;
    }
    match text.get(at) {
        Some(b'\n') => at += 1,
        None if !whole => return None,
        _ => {}
    }
    let format = String::from_utf8_lossy(&text[name.start..name.end]).into_owned();
    Some(Shape::Insert { sql_end: clause.start, format, data_start: at })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &str) -> (String, String, String) {
        match shape(text.as_bytes(), true) {
            Shape::Insert { sql_end, format, data_start } => {
                (text[..sql_end].trim_end().to_owned(), format, text[data_start..].to_owned())
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn data_begins_after_the_format_and_one_line_break() {
        let t = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(insert("INSERT INTO t FORMAT CSV\n\n1"), t("INSERT INTO t", "CSV", "\n1"));
        assert_eq!(
            insert("insert into t (a, `format`) format JSONEachRow {}"),
            t("insert into t (a, `format`)", "JSONEachRow", "{}")
        );
        assert_eq!(
            insert("INSERT INTO db.format FORMAT Native \t\r\n\n"),
            t("INSERT INTO db.format", "Native", "\n")
        );
        assert_eq!(insert("INSERT INTO values VALUES (1)"), t("INSERT INTO values", "Values", " (1)"));
        assert_eq!(
            insert("/* FORMAT x */ INSERT INTO t -- VALUES\n SETTINGS async_insert=0 FORMAT TSV\n1\t2"),
            t("/* FORMAT x */ INSERT INTO t -- VALUES\n SETTINGS async_insert=0", "TSV", "1\t2")
        );
        assert_eq!(
            insert("INSERT INTO FUNCTION null('a FORMAT b') FORMAT RowBinary\n"),
            t("INSERT INTO FUNCTION null('a FORMAT b')", "RowBinary", "")
        );
    }

    #[test]
    fn statements_without_data_are_left_to_the_engine() {
        for text in [
            "SELECT 1",
            "",
            "INSERT INTO t SELECT 1",
            "INSERT INTO t (SELECT 1)",
            "INSERT INTO t (a) WITH 1 AS a SELECT a",
            "INSERT INTO t",
            "INSERT INTO t; SELECT 1",
            "CREATE TABLE t (a Int8) ENGINE = Memory",
            "INSERT INTO t FORMAT",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "-- only a comment",
            "INSERT INTO 't",
        ] {
            assert_eq!(shape(text.as_bytes(), true), Shape::Statement, "{text}");
        }
    }

    #[test]
    fn every_cut_of_a_text_is_either_unsure_or_right() {
        let text = b"INSERT INTO `a b`.t (x, y) SETTINGS async_insert = 0, log_comment = 'it''s \\' FORMAT' FORMAT RowBinary\r\n\x00\x01";
        let expected = shape(text, true);
        assert!(matches!(expected, Shape::Insert { data_start, .. } if data_start == text.len() - 2));
        for cut in 0..text.len() {
            let got = shape(&text[..cut], false);
            assert!(got == Shape::Incomplete || got == expected, "cut at {cut}: {got:?}");
        }
        assert_eq!(shape(b"SELE", false), Shape::Incomplete);
        assert_eq!(shape(b"SELECT ", false), Shape::Statement);
    }
}
