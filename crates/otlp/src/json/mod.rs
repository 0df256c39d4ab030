//! OTLP/JSON to protobuf, so that there is one scan.
//!
//! The body is read once, field by field, and protobuf is written as it is read: memory is the body, the result (never larger) and a stack of bounded
//! depth. Accepted beyond the specification, as the Collector does: keys in `snake_case`, enums by name. Unknown fields of any shape are passed over; `null` is
//! absent; of a field given twice the last counts. Ids of a wrong length pass, for the scan refuses their spans only; what is nested too deeply is cut
//! one level below the limit, for the same reason.
//!
//! Source: the OTLP specification, "JSON Protobuf Encoding", and <https://protobuf.dev/programming-guides/json/>.

use thiserror::Error;

use crate::schema::REQUEST;

mod message;
mod scalar;

/// A body that is no request in JSON. Sending it again will not help.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{message}")]
pub struct JsonError {
    /// What is wrong, and where.
    pub message: String,
    /// From 1; 0 where there is none.
    pub line: usize,
    /// From 1, in bytes; 0 where there is none.
    pub column: usize,
}

impl JsonError {
    /// Whether the same body may be accepted later: never.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        false
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column(), message: error.to_string() }
    }
}

/// Turns an `ExportTraceServiceRequest` in JSON into the same one in protobuf.
///
/// # Errors
/// [`JsonError`] where the body is no JSON or a known field has a value that is not of its type.
pub fn to_protobuf(body: &[u8]) -> Result<Vec<u8>, JsonError> {
    let mut out = Vec::with_capacity(body.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(body);
    // Depth is bounded by the schema and by the limit of values; unknown fields are passed over without recursion.
    json.disable_recursion_limit();
    message::read(&mut json, &REQUEST, &mut out)?;
    json.end()?;
    Ok(out)
}
