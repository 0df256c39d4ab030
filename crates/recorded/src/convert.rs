//! JSON requests as protobuf.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// The protobuf form of a JSON request, or what is wrong with it.
pub(crate) fn to_protobuf(json: &[u8]) -> Result<Vec<u8>, String> {
    let request: ExportTraceServiceRequest =
        serde_json::from_slice(json).map_err(|error| error.to_string())?;
    Ok(request.encode_to_vec())
}
