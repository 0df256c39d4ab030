//! Answers go to standard output, everything else to standard error.

use std::io::Write;

/// Prints an answer. A reader that went away (`| head`) is no failure.
pub(crate) fn answer(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Tells a person something.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
