//! How every outcome looks on the wire, for both transports: the only place that knows.
//!
//! Source: the OTLP specification, "OTLP/gRPC Response" and "OTLP/HTTP Response": which codes are retried, what must carry `RetryInfo` or
//! `Retry-After`, and that every 4xx and 5xx body is a `google.rpc.Status` in the request's type.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    failure::Failure,
    intake::{Accepted, Refusal},
};

/// Longest message to a client, bytes: a gRPC status travels in a header, and clients bound those at 8 KiB.
const MAX_MESSAGE_BYTES: usize = 1024;

/// How a request and its answer are written over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireType {
    Protobuf,
    Json,
}

impl WireType {
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

fn grpc_code(failure: &Failure) -> Code {
    match failure {
        Failure::TooLarge { .. } => Code::ResourceExhausted,
        Failure::Compression(_)
        | Failure::ContentType(_)
        | Failure::Framing(_)
        | Failure::Json(_)
        | Failure::Intake(Refusal::Malformed(_)) => Code::InvalidArgument,
        Failure::Encoding(_) | Failure::Method(_) => Code::Unimplemented,
        Failure::NotFound(_) => Code::NotFound,
        Failure::Slow(_) => Code::DeadlineExceeded,
        Failure::Disconnected => Code::Cancelled,
        Failure::Memory { .. } | Failure::Requests { .. } | Failure::Intake(Refusal::Busy { .. }) => {
            Code::Unavailable
        }
        Failure::Intake(Refusal::Internal(_)) | Failure::Internal(_) => Code::Internal,
    }
}

fn http_code(failure: &Failure) -> StatusCode {
    match failure {
        Failure::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::Encoding(_) | Failure::ContentType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Failure::Compression(_)
        | Failure::Framing(_)
        | Failure::Json(_)
        | Failure::Disconnected
        | Failure::Intake(Refusal::Malformed(_)) => StatusCode::BAD_REQUEST,
        Failure::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
        Failure::NotFound(_) => StatusCode::NOT_FOUND,
        Failure::Slow(_) => StatusCode::REQUEST_TIMEOUT,
        Failure::Memory { .. } | Failure::Requests { .. } | Failure::Intake(Refusal::Busy { .. }) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Failure::Intake(Refusal::Internal(_)) | Failure::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The failure as gRPC says it, its details in the trailer `grpc-status-details-bin`.
pub(crate) fn status(failure: &Failure) -> Status {
    let mut details = ErrorDetails::new();
    if let Some((field, description)) = failure.violation() {
        details.add_bad_request_violation(cut(&field), cut(&description));
    }
    if let Some(delay) = failure.retry_after() {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(grpc_code(failure), cut(&failure.to_string()), details)
}

/// The failure as HTTP says it.
pub(crate) fn failed(failure: &Failure, wire: WireType) -> Response<Full<Bytes>> {
    let status = status(failure);
    let body = match wire {
        WireType::Protobuf => Bytes::copy_from_slice(status.details()),
        WireType::Json => Bytes::from(status_json(&status).to_string()),
    };
    let mut response = respond(http_code(failure), wire, body);
    if let Some(delay) = failure.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    if matches!(failure, Failure::Method(_)) {
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// Success, whole or partial, as HTTP says it.
pub(crate) fn accepted(accepted: &Accepted, wire: WireType) -> Response<Full<Bytes>> {
    let body = match wire {
        WireType::Protobuf => Bytes::from(response(accepted).encode_to_vec()),
        WireType::Json => Bytes::from(response_json(accepted).to_string()),
    };
    respond(StatusCode::OK, wire, body)
}

/// Success, whole (`partial_success` unset) or partial.
pub(crate) fn response(accepted: &Accepted) -> ExportTraceServiceResponse {
    let partial_success = partial(accepted)
        .map(|(rejected_spans, error_message)| ExportTracePartialSuccess { rejected_spans, error_message });
    ExportTraceServiceResponse { partial_success }
}

fn response_json(accepted: &Accepted) -> Value {
    match partial(accepted) {
        None => json!({}),
        // 64-bit integers are strings in protobuf's JSON.
        Some((rejected, message)) => {
            json!({ "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": message } })
        }
    }
}

fn partial(accepted: &Accepted) -> Option<(i64, String)> {
    let rejected = i64::try_from(accepted.rejected.total()).unwrap_or(i64::MAX);
    (rejected > 0).then(|| (rejected, cut(&accepted.rejected.to_string())))
}

fn respond(code: StatusCode, wire: WireType, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, wire.content_type());
    response
}

/// A `google.rpc.Status` in protobuf's JSON.
fn status_json(status: &Status) -> Value {
    let details = status.get_error_details();
    let mut list = Vec::new();
    if let Some(request) = details.bad_request() {
        let violations: Vec<Value> = request
            .field_violations
            .iter()
            .map(|violation| json!({ "field": violation.field, "description": violation.description }))
            .collect();
        list.push(
            json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations }),
        );
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        let delay = format!("{}.{:03}s", delay.as_secs(), delay.subsec_millis());
        list.push(json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay }));
    }
    let mut body = json!({ "code": i32::from(status.code()), "message": status.message() });
    if !list.is_empty() {
        body["details"] = Value::Array(list);
    }
    body
}

/// `Retry-After` counts whole seconds; 0 would be an invitation to hurry.
fn whole_seconds(delay: Duration) -> u64 {
    (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1)
}

fn cut(message: &str) -> String {
    let mut end = message.len().min(MAX_MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intake::Pressure;

    #[test]
    fn retry_info_goes_with_unavailable_and_only_there() {
        let busy = Failure::Intake(Refusal::Busy {
            pressure: Pressure::LogFull,
            spans: 3,
            retry_after: Duration::from_millis(1500),
        });
        assert_eq!(status(&busy).code(), Code::Unavailable);
        assert_eq!(
            status(&busy).get_details_retry_info().unwrap().retry_delay,
            Some(Duration::from_millis(1500))
        );
        let large = status(&Failure::TooLarge { limit: 1 });
        assert_eq!(large.code(), Code::ResourceExhausted);
        assert!(large.get_details_retry_info().is_none());
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(1001)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(5)), 5);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(2000)).len(), MAX_MESSAGE_BYTES);
        assert_eq!(cut(&format!("a{}", "é".repeat(2000))).len(), MAX_MESSAGE_BYTES - 1);
    }
}
