//! What can go wrong.

use std::path::PathBuf;

use thiserror::Error;

/// Why the bank did not run, or stopped.
#[derive(Debug, Error)]
pub enum BankError {
    /// The endpoint is no `http://host:port`.
    #[error("endpoint {endpoint:?} is not an http:// address")]
    Endpoint {
        /// As given.
        endpoint: String,
    },
    /// A number outside its range.
    #[error("{name} must be {range}")]
    Setting {
        /// Name of the setting, as its flag says it.
        name: &'static str,
        /// What is allowed, in words.
        range: &'static str,
    },
    /// The SDK refused to build an exporter.
    #[error("the OpenTelemetry SDK could not build an exporter: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The truth file could not be written.
    #[error("cannot write {}", path.display())]
    Truth {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A fault that names what the bank does not have.
    #[error(transparent)]
    Fault(#[from] FaultError),
}

impl BankError {
    /// Whether the same call may succeed later: only a file that could not be written may.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Truth { .. } => true,
            Self::Endpoint { .. } | Self::Setting { .. } | Self::Exporter(_) | Self::Fault(_) => false,
        }
    }
}

/// Why a `KIND[:TARGET]@AFTER+FOR` is none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FaultError {
    /// Not of the form at all.
    #[error("a fault is KIND[:TARGET]@AFTER+FOR, for example database-lock@30s+5m; got {0:?}")]
    Form(String),
    /// No such kind.
    #[error("unknown kind of fault {0:?}; known are: {1}")]
    Kind(String, String),
    /// A duration that is none.
    #[error("{0:?} is not a duration such as 30s or 5m")]
    Duration(String),
    /// A target that this kind of fault cannot have.
    #[error("{kind} cannot have the target {target:?}; it can have: {allowed}")]
    Target {
        /// Kind of fault.
        kind: &'static str,
        /// As given.
        target: String,
        /// What is allowed, in words.
        allowed: String,
    },
}

impl FaultError {
    /// Never: the text has to change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}
