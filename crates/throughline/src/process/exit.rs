//! How a command ends.

use std::error::Error;
use std::process::ExitCode;

use crate::process::output::tell;

/// The exit codes of every command. Wrong usage of flags is answered by `clap`, with 2 as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Did what was asked.
    Done = 0,
    /// Could not.
    Failed = 1,
    /// Was asked in a way that makes no sense.
    Usage = 2,
    /// Looked, and nothing is there.
    NothingFound = 3,
}

/// A command that did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

/// What a command comes to.
pub(crate) type Outcome = Result<Exit, Failure>;

impl Failure {
    /// From an error and what it came from.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self { exit: Exit::Failed, message }
    }

    /// The same, as wrong usage.
    pub(crate) fn usage(error: &dyn Error) -> Self {
        Self { exit: Exit::Usage, ..Self::of(error) }
    }
}

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::of(&error)
    }
}

/// Says what went wrong and gives the process its code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    let exit = match outcome {
        Ok(exit) => exit,
        Err(failure) => {
            for line in failure.message.lines() {
                tell(&format!("error: {line}"));
            }
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn a_failure_says_its_causes_once() {
        let failure = Failure::of(&Outer(std::io::Error::other("disk full")));
        assert_eq!(failure.message, "cannot start: disk full");
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(Failure::of(&std::io::Error::other("disk full")).message, "disk full");
    }
}
