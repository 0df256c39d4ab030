//! What requests carry, and what is said of those that carry something else: always JSON with a word that helps.

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, Uri, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use crate::ApiError;

/// The query string.
pub(crate) struct Query<T>(pub(crate) T);

/// A part of the path.
pub(crate) struct Path<T>(pub(crate) T);

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|query| Self(query.0))
            .map_err(|refused| ApiError::Refused { status: refused.status(), message: refused.body_text() })
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0))
            .map_err(|refused| ApiError::Refused { status: refused.status(), message: refused.body_text() })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = axum::Json::<T>::from_request(request, state).await;
        read.map(|body| Self(body.0))
            .map_err(|refused| ApiError::Refused { status: refused.status(), message: refused.body_text() })
    }
}

/// For methods that a path does not have; the header `Allow`, which is added behind this, says which it has.
pub(crate) async fn not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::Refused {
        status: StatusCode::METHOD_NOT_ALLOWED,
        message: format!("{} does not take {method}; the header Allow says what it takes", uri.path()),
    }
}

/// For paths that there are not, over either protocol.
pub(crate) async fn nowhere(uri: Uri, headers: HeaderMap) -> Response {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let message = format!("there is no {}; /openapi.json says what there is", uri.path());
    if kind.starts_with("application/grpc") {
        return tonic::Status::unimplemented(message).into_http();
    }
    ApiError::Refused { status: StatusCode::NOT_FOUND, message }.into_response()
}
