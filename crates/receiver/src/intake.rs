//! The seam between transports and what takes the spans.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;
use throughline_otlp::{Malformed, Rejections};

/// Takes requests. When `submit` returns [`Accepted`], the accepted spans are durable: whatever happens to this process, they are not lost. When it returns a
/// [`Refusal`], the client may send the request again if [`Refusal::is_retryable`]; parts of it may be durable then, for duplicates are recognised later.
///
/// It is called by many tasks at one time, and its future may be dropped when the client goes away.
#[async_trait]
pub trait Intake: Send + Sync + 'static {
    /// Takes an `ExportTraceServiceRequest` in protobuf, as a client sent it, decompressed. The tenant is empty for the default one.
    async fn submit(&self, tenant: Arc<str>, request: Bytes) -> Result<Accepted, Refusal>;
}

/// What was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Spans that are durable now.
    pub spans: u64,
    /// Spans that were refused, each for a fault of its own.
    pub rejected: Rejections,
    /// Accepted spans that ended before they started.
    pub clamped: u64,
}

/// Why nothing was taken.
#[derive(Clone, Debug, Error)]
pub enum Refusal {
    /// The bytes are no valid request.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// There is no room now.
    #[error("{pressure}")]
    Busy {
        /// Where.
        pressure: Pressure,
        /// Spans in the request.
        spans: u64,
        /// When to come again.
        retry_after: Duration,
    },
    /// A fault of ours that the same request would meet again.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What is short.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Pressure {
    /// The disk is as full as its reserve allows.
    #[error("the log is full")]
    LogFull,
    /// More is being appended than the disk takes, or what comes after the log is behind.
    #[error("the log is overloaded")]
    LogOverloaded,
    /// The log has stopped: after a fault of the disk, or because the process ends.
    #[error("the log has stopped")]
    LogStopped,
}

impl Pressure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::LogFull, Self::LogOverloaded, Self::LogStopped];

    /// The value of a metric's label `reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LogFull => "log_full",
            Self::LogOverloaded => "log_overloaded",
            Self::LogStopped => "log_stopped",
        }
    }
}

impl Refusal {
    /// Whether the same request may be accepted later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Malformed(_) | Self::Internal(_) => false,
            Self::Busy { .. } => true,
        }
    }
}
