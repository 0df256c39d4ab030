//! What can go wrong with a question, and how each answer says it: the one place that maps errors to the wire.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use thiserror::Error;

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum ApiError {
    /// Nothing of that name.
    #[error("no transaction has the key or trace id `{0}`")]
    NotFound(String),
    /// Nothing of that name, so far.
    #[error("no transaction that was read so far has the key or trace id `{key}`; {behind}")]
    Behind {
        /// What was asked for.
        key: String,
        /// Why there may be one.
        behind: throughline_worker::Behind,
    },
    /// No incident of that id.
    #[error("there is no incident `{0}`")]
    NoIncident(String),
    /// Nothing to compare.
    #[error("there is no {0}")]
    NoSide(String),
    /// This process does not analyse.
    #[error("this process has no analysis: ask the one that runs `throughline serve`")]
    NoAnalysis,
    /// The log of the analysis takes nothing.
    #[error("it cannot be taken at the moment: {0}")]
    Log(#[from] throughline_log::AppendError),
    /// The question makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The request cannot be read.
    #[error("{message}")]
    Refused {
        /// As HTTP says it.
        status: StatusCode,
        /// Why.
        message: String,
    },
    /// The store does not answer.
    #[error("the store does not answer: {0}")]
    Store(#[from] throughline_clickhouse::questions::QuestionError),
}

impl ApiError {
    /// Whether the same question may be answered later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::Behind { behind, .. } => behind.is_retryable(),
            Self::Log(error) => error.is_retryable(),
            _ => false,
        }
    }
}

impl From<ApiError> for tonic::Status {
    fn from(error: ApiError) -> Self {
        let message = error.to_string();
        match error {
            ApiError::NotFound(_) | ApiError::NoIncident(_) | ApiError::NoSide(_) => Self::not_found(message),
            ApiError::NoAnalysis => Self::failed_precondition(message),
            ApiError::Log(_) | ApiError::Behind { .. } => Self::unavailable(message),
            ApiError::Invalid(_) | ApiError::Refused { .. } => Self::invalid_argument(message),
            ApiError::Store(_) => Self::unavailable(message),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::NotFound(_) | Self::NoIncident(_) | Self::NoSide(_) => StatusCode::NOT_FOUND,
            Self::NoAnalysis => StatusCode::NOT_IMPLEMENTED,
            Self::Log(_) | Self::Behind { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Refused { status, .. } => status,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

/// Why the API does not run.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The port is not to be had.
    #[error("cannot listen on {endpoint} for the query API: {source}; set api.endpoint to a free address")]
    Bind {
        /// What was asked for.
        endpoint: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving stopped.
    #[error("serving the query API")]
    Serve(#[source] std::io::Error),
}
