//! Answers go to standard output, everything else to standard error.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

/// Prints an answer. A reader that went away (`| head`) is no failure.
pub(crate) fn answer(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let text = if stdout.is_terminal() { harmless(text) } else { Cow::Borrowed(text) };
    let _ = writeln!(stdout, "{text}");
}

/// Tells a person something.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// What a terminal would obey, and not show, is replaced: names in spans and alerts come from anywhere. Our own colours stay.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_obeyed = |c: char| {
        c.is_control() && c != '\n' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_obeyed) {
        let (before, from) = rest.split_at(at);
        shown.push_str(before);
        let kept = colour(from).unwrap_or_else(|| {
            shown.push(char::REPLACEMENT_CHARACTER);
            ""
        });
        shown.push_str(kept);
        let skipped =
            if kept.is_empty() { from.chars().next().map_or(0, char::len_utf8) } else { kept.len() };
        rest = &from[skipped..];
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// The sequence that it begins with, where that is a colour or a style (SGR).
fn colour(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix("\x1b[")?;
    let end = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers[end..].starts_with('m').then(|| &text[.."\x1b[".len() + end + 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_and_colours_stay() {
        let painted = "\x1b[1;31mslow\x1b[0m\nledger";
        assert_eq!(harmless(painted), painted);
        assert_eq!(
            harmless("led\x1b]0;title\x07ger\r\u{202e}x\u{9b}2J\x1b[2J"),
            "led�]0;title�ger��x�2J�[2J"
        );
        assert_eq!(harmless("\x1b[31"), "�[31");
    }
}
