//! Tokens of ClickHouse's SQL: words, quoted text, single characters; comments and white space are skipped.

/// A token and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bare word or number.
    Word,
    /// `'…'`, `"…"` or `` `…` ``.
    Quoted,
    /// One other character.
    Punctuation(u8),
    /// The text ends within this token: more of it may change the meaning.
    Cut,
}

/// Reads tokens from the front of `text`.
#[derive(Clone)]
pub(crate) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The token's text where it is a bare word, in upper case.
    pub(crate) fn word(text: &[u8], token: Token) -> Option<String> {
        (token.kind == Kind::Word)
            .then(|| String::from_utf8_lossy(&text[token.start..token.end]).to_ascii_uppercase())
    }

    fn after(&self, from: usize, what: &[u8]) -> Option<usize> {
        self.text.get(from..)?.windows(what.len()).position(|w| w == what).map(|i| from + i + what.len())
    }

    /// Skips white space and comments; `Err` where a comment is not closed.
    fn skip_blanks(&mut self) -> Result<(), usize> {
        loop {
            let rest = &self.text[self.at..];
            let line_comment = rest.starts_with(b"--") || rest.starts_with(b"#!") || rest.starts_with(b"# ");
            if rest.first().is_some_and(|c| c.is_ascii_whitespace() || *c == 0x0b) {
                self.at += 1;
            } else if line_comment {
                self.at = self.after(self.at, b"\n").ok_or(self.at)?;
            } else if rest.starts_with(b"/*") {
                self.at = self.after(self.at + 2, b"*/").ok_or(self.at)?;
            } else {
                return Ok(());
            }
        }
    }

    fn quoted(&self, quote: u8) -> Option<usize> {
        let mut at = self.at + 1;
        loop {
            match *self.text.get(at)? {
                b'\\' => at += 2,
                // a doubled quote stands for itself: it reads as two quoted texts side by side, which is the same here
                c if c == quote => return Some(at + 1),
                _ => at += 1,
            }
        }
    }
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c == b'$' || c >= 0x80
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        if let Err(start) = self.skip_blanks() {
            self.at = self.text.len();
            return Some(Token { kind: Kind::Cut, start, end: self.text.len() });
        }
        let start = self.at;
        let first = *self.text.get(start)?;
        let (kind, end) = if is_word(first) {
            let length = self.text[start..].iter().position(|c| !is_word(*c));
            (Kind::Word, length.map_or(self.text.len(), |l| start + l))
        } else if matches!(first, b'\'' | b'"' | b'`') {
            self.quoted(first).map_or((Kind::Cut, self.text.len()), |end| (Kind::Quoted, end))
        } else {
            (Kind::Punctuation(first), start + 1)
        };
        self.at = end;
        Some(Token { kind, start, end })
    }
}
