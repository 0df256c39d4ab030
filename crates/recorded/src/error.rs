//! What can go wrong.

use std::path::PathBuf;

use thiserror::Error;
use throughline_otlp::wire::WireError;

use crate::limits;
use crate::options::ReplayReport;

/// Why recorded data could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The system could not read, or what is compressed is damaged.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system or the decompressor said.
        source: std::io::Error,
    },
    /// A name that says no format.
    #[error("{}: expected a name that ends in .json, .jsonl or .pb, plain, .gz or .zst", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// Nothing to read.
    #[error("{}: no recorded OTLP in this directory", path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A JSON value that is no object, where a request should be.
    #[error("{}, line {line}: expected an ExportTraceServiceRequest, which is a JSON object", path.display())]
    NoObject {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
    },
    /// Text that is no request.
    #[error("{}, line {line}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        message: String,
    },
    /// Bytes that are no request.
    #[error("{}, request {number}: {source}", path.display())]
    Protobuf {
        /// The file.
        path: PathBuf,
        /// Number of the request in the file, from 1.
        number: u64,
        /// What is wrong.
        source: WireError,
    },
    /// The file ends within a request.
    #[error("{}: ends within request {number}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Number of the request in the file, from 1.
        number: u64,
    },
    /// A request over [`limits::MAX_RECORD`].
    #[error("{}: request {number} is larger than {} MiB", path.display(), limits::MAX_RECORD >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Number of the request in the file, from 1.
        number: u64,
    },
}

impl ReadError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Io { .. } => true,
            Self::Format { .. }
            | Self::Empty { .. }
            | Self::NoObject { .. }
            | Self::Json { .. }
            | Self::Protobuf { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. } => false,
        }
    }
}

/// Why a replay stopped.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The endpoint is no `http://host:port`.
    #[error("endpoint {0:?} is not an http:// address")]
    Endpoint(String),
    /// What is recorded could not be read; what came before was sent.
    #[error("{source}")]
    Read {
        /// Why.
        source: ReadError,
        /// What was sent until then.
        report: Box<ReplayReport>,
    },
    /// The server did not take a request, again and again.
    #[error("gave up on {endpoint}: {message}")]
    GaveUp {
        /// The endpoint.
        endpoint: String,
        /// What the last attempt said.
        message: String,
        /// What was sent until then.
        report: Box<ReplayReport>,
    },
}

impl ReplayError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Endpoint(_) => false,
            Self::Read { source, .. } => source.is_retryable(),
            Self::GaveUp { .. } => true,
        }
    }

    /// What was sent before it stopped.
    #[must_use]
    pub fn report(&self) -> Option<&ReplayReport> {
        match self {
            Self::Endpoint(_) => None,
            Self::Read { report, .. } | Self::GaveUp { report, .. } => Some(report),
        }
    }
}
