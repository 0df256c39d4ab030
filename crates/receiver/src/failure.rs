//! Everything that can go wrong with a request, in one enum; `answer` says how it looks on the wire.

use std::time::Duration;

use thiserror::Error;
use throughline_otlp::json::JsonError;

use crate::{budget::Exhausted, decompress::DecompressError, intake::Refusal};

#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("request is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("body cannot be decompressed: {0}")]
    Compression(String),
    #[error("encoding `{0}` is not supported")]
    Encoding(String),
    #[error("content type `{0}` is not supported: send application/x-protobuf or application/json")]
    ContentType(String),
    #[error("request is no gRPC message: {0}")]
    Framing(&'static str),
    #[error("request is no OTLP/JSON: {0}")]
    Json(#[from] JsonError),
    #[error("method {0} is not allowed: send POST")]
    Method(String),
    #[error("{0} is not served here: this endpoint takes traces only")]
    NotFound(String),
    #[error("request took longer than {} s to arrive", .0.as_secs())]
    Slow(Duration),
    #[error("request ended early")]
    Disconnected,
    #[error("memory for requests is short, try again later")]
    Memory { source: Exhausted, retry_after: Duration },
    #[error("too many requests at one time, try again later")]
    Requests { retry_after: Duration },
    #[error(transparent)]
    Intake(#[from] Refusal),
    #[error("internal error: {0}")]
    Internal(&'static str),
}

/// What a failure is to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Come again.
    Refused,
    /// Never.
    Failed,
}

impl Failure {
    pub(crate) fn is_retryable(&self) -> bool {
        match self {
            Self::Memory { .. } | Self::Requests { .. } | Self::Slow(_) | Self::Disconnected => true,
            Self::Intake(refusal) => refusal.is_retryable(),
            Self::TooLarge { .. }
            | Self::Compression(_)
            | Self::Encoding(_)
            | Self::ContentType(_)
            | Self::Framing(_)
            | Self::Json(_)
            | Self::Method(_)
            | Self::NotFound(_)
            | Self::Internal(_) => false,
        }
    }

    pub(crate) fn class(&self) -> Class {
        if self.is_retryable() { Class::Refused } else { Class::Failed }
    }

    /// When to come again, where we know.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Memory { retry_after, .. }
            | Self::Requests { retry_after }
            | Self::Intake(Refusal::Busy { retry_after, .. }) => Some(*retry_after),
            _ => None,
        }
    }

    /// The value of a metric's label `reason`.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Compression(_) => "compression",
            Self::Encoding(_) => "encoding",
            Self::ContentType(_) => "content_type",
            Self::Framing(_) => "framing",
            Self::Json(_) => "json",
            Self::Method(_) => "method",
            Self::NotFound(_) => "not_found",
            Self::Slow(_) => "slow",
            Self::Disconnected => "disconnected",
            Self::Memory { .. } => "memory",
            Self::Requests { .. } => "requests",
            Self::Intake(Refusal::Malformed(_)) => "malformed",
            Self::Intake(Refusal::Busy { pressure, .. }) => pressure.as_str(),
            Self::Intake(Refusal::Internal(_)) | Self::Internal(_) => "internal",
        }
    }

    /// The field at fault and what is wrong with it, where the data is.
    pub(crate) fn violation(&self) -> Option<(String, String)> {
        let field = match self {
            Self::Intake(Refusal::Malformed(malformed)) => {
                return Some((malformed.path.clone(), malformed.fault.to_string()));
            }
            Self::Compression(_) | Self::Framing(_) | Self::Json(_) => "request",
            _ => return None,
        };
        Some((field.into(), self.to_string()))
    }

    pub(crate) fn from_decompress(error: DecompressError, retry_after: Duration) -> Self {
        match error {
            DecompressError::TooLarge { limit } => Self::TooLarge { limit },
            DecompressError::Exhausted(source) => Self::Memory { source, retry_after },
            DecompressError::Corrupt(reason) => Self::Compression(reason),
        }
    }
}
