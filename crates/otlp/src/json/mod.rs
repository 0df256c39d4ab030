//! OTLP/JSON to protobuf, so that there is one scan.
//!
//! The body is read once, field by field, and protobuf is written as it is read: memory is the body, the result (never larger) and a stack of bounded
//! depth. Accepted beyond the specification, as the Collector does: keys in `snake_case`, enums by name. Unknown fields of any shape are passed over; `null` is
//! absent; of a field given twice the last counts. A value that its field cannot hold refuses its span only, but a body that has not the shape of a request
//! is refused as a whole. Ids of a wrong length pass, for the scan refuses their spans only; what is nested too deeply is cut one level below the limit,
//! for the same reason. JavaScript's numbers and half characters are read as its SDK means them: `intValue` beyond 64 bits is a double, a lone surrogate is U+FFFD.
//!
//! Source: the OTLP specification, "JSON Protobuf Encoding", and <https://protobuf.dev/programming-guides/json/>.

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use self::output::Output;
use crate::{refusal::Rejections, schema::REQUEST};

mod message;
mod output;
mod scalar;
mod surrogates;

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

/// A request that was JSON.
#[derive(Debug)]
pub struct Converted {
    /// The same in protobuf, without the spans that were refused.
    pub request: Vec<u8>,
    /// Spans that have a value which is not of its field's type: an integer out of range, an id that is not hex.
    pub rejected: Rejections,
}

/// Turns an `ExportTraceServiceRequest` in JSON into the same one in protobuf. The body is mended in place where that helps, if no one else holds it.
///
/// # Errors
/// [`JsonError`] where the body is no JSON or does not have the shape of a request.
pub fn convert(body: Bytes) -> Result<Converted, JsonError> {
    read(&body).or_else(|error| read_mended(body.into(), error))
}

/// As [`convert`], where no span may be refused.
///
/// # Errors
/// [`JsonError`] as [`convert`], and where a span would be refused.
pub fn to_protobuf(body: &[u8]) -> Result<Vec<u8>, JsonError> {
    let Converted { request, rejected } =
        read(body).or_else(|error| read_mended(BytesMut::from(body), error))?;
    if rejected.is_empty() {
        return Ok(request);
    }
    Err(JsonError { message: rejected.to_string(), line: 0, column: 0 })
}

fn read_mended(mut body: BytesMut, error: JsonError) -> Result<Converted, JsonError> {
    if surrogates::mend(&mut body) { read(&body) } else { Err(error) }
}

fn read(body: &[u8]) -> Result<Converted, JsonError> {
    let mut to = Output::with_capacity(body.len() / 2);
    let mut json = serde_json::Deserializer::from_slice(body);
    // Depth is bounded by the schema and by the limit of values; unknown fields are passed over without recursion.
    json.disable_recursion_limit();
    message::read(&mut json, &REQUEST, &mut to)?;
    json.end()?;
    Ok(Converted { request: to.bytes, rejected: to.rejected })
}
