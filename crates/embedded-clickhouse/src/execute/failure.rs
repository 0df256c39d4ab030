//! Why a request ends without its answer.

use std::io;

use crate::exception::{Exception, code};
use crate::options::limits::MAX_STATEMENT_BYTES;

/// What ends a request early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The client is told.
    #[error("{0}")]
    Exception(#[from] Exception),
    /// The client was told within the body, and the connection must be cut after it.
    #[error("failed after the answer had begun")]
    Streaming,
    /// There is nobody left to tell.
    #[error("the client has gone: {0}")]
    Gone(io::Error),
}

/// Errors of reading a body: the client's doing, one way or another.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let (code, name) = match error.kind() {
            io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => return Self::Gone(error),
            io::ErrorKind::TimedOut => (code::CANNOT_READ_FROM_SOCKET, "CANNOT_READ_FROM_SOCKET"),
            io::ErrorKind::FileTooLarge => (code::HTTP_BODY_TOO_LARGE, "HTTP_BODY_TOO_LARGE"),
            _ => (code::CANNOT_DECOMPRESS, "CANNOT_DECOMPRESS"),
        };
        Self::Exception(Exception::new(code, name, format!("Cannot read the request's body: {error}")))
    }
}

pub(super) fn too_long() -> Failure {
    let message = format!("A statement without its data may have {MAX_STATEMENT_BYTES} bytes");
    Failure::Exception(Exception::new(code::SYNTAX_ERROR, "SYNTAX_ERROR", message))
}
