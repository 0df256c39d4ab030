//! How wide the screen is, and whether it has colours.

use std::io::IsTerminal;

/// Widths that are drawn for, characters, and the one where nobody says it.
const WIDTHS: (usize, usize) = (80, 120);
const WIDTH: usize = 100;

/// Where something is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Characters of a line.
    pub(crate) width: usize,
    /// Whether colours are understood and wanted.
    colours: bool,
}

/// How something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Magenta,
    Cyan,
}

impl Style {
    /// As SGR numbers it.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "0",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "1;31",
            Self::Green => "1;32",
            Self::Yellow => "33",
            Self::Magenta => "35",
            Self::Cyan => "36",
        }
    }
}

impl Screen {
    /// Standard output: colours at a terminal, unless `NO_COLOR` or a dumb one says otherwise.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        let says = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let wanted = says("NO_COLOR").is_none() && says("TERM").is_none_or(|term| term != "dumb");
        let columns = || says("COLUMNS")?.parse().ok();
        let size = rustix::termios::tcgetwinsize(&stdout).ok().map(|size| usize::from(size.ws_col));
        let width = size.filter(|width| *width > 0).or_else(columns).unwrap_or(WIDTH);
        Self { width: width.clamp(WIDTHS.0, WIDTHS.1), colours: stdout.is_terminal() && wanted }
    }

    /// A screen of this width, for tests.
    #[cfg(test)]
    pub(crate) fn new(width: usize, colours: bool) -> Self {
        Self { width, colours }
    }

    /// The text in a style, where there are styles.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        match (self.colours, style) {
            (false, _) | (_, Style::Plain) => text.to_owned(),
            (true, style) => format!("\x1b[{}m{text}\x1b[0m", style.code()),
        }
    }

    /// Text in lines no wider than the screen, broken at spaces; all but the first are set in.
    pub(crate) fn wrap(self, text: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + word.chars().count() <= self.width => {
                    line.push(' ');
                    line.push_str(word);
                }
                Some(_) => lines.push(format!("  {word}")),
                None => lines.push(word.to_owned()),
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_those_who_have_them() {
        assert_eq!(Screen::new(80, false).paint(Style::Red, "x"), "x");
        assert_eq!(Screen::new(80, true).paint(Style::Red, "x"), "\x1b[1;31mx\x1b[0m");
    }

    #[test]
    fn long_text_is_broken_at_spaces() {
        let lines = Screen::new(10, false).wrap("one two three fourteenletters");
        assert_eq!(lines, ["one two", "  three", "  fourteenletters"]);
    }
}
