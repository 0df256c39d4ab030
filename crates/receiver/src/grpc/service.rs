//! `TraceService/Export`, and an answer for everything else.

use std::{convert::Infallible, pin::pin, sync::Arc};

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use prost::Message as _;
use tonic::{Status, body::Body};

use super::message;
use crate::{
    answer,
    body::{Gather, in_time},
    decompress::Encoding,
    export::Exporter,
    failure::Failure,
    intake::Accepted,
    tenant::tenant_of,
};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const ENCODING: &str = "grpc-encoding";
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";
const ENCODINGS: HeaderValue = HeaderValue::from_static("gzip,zstd,snappy,deflate,lz4,identity");
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// The label of this transport in metrics.
pub(crate) const TRANSPORT: &str = "grpc";

/// The service of OTLP/gRPC.
pub(crate) struct Service {
    pub(crate) exporter: Arc<Exporter>,
    pub(crate) max_bytes: usize,
}

impl Service {
    /// Answers one call.
    pub(crate) async fn call(self: Arc<Self>, request: Request<Body>) -> Result<Response<Body>, Infallible> {
        if !is_grpc(&request) {
            return Ok(not_grpc());
        }
        if request.uri().path() != EXPORT {
            // Metrics and logs of agents that send all they have to one endpoint: said cheaply, neither logged nor counted.
            return Ok(Status::unimplemented("this endpoint takes traces only").into_http());
        }
        let result = self.export(request).await;
        self.exporter.count(TRANSPORT, &result);
        Ok(match result {
            Ok(accepted) => success(&accepted),
            Err(failure) => refuse(&failure),
        })
    }

    async fn export(&self, request: Request<Body>) -> Result<Accepted, Failure> {
        let encoding = encoding_of(request.headers())?;
        let tenant = tenant_of(request.headers());
        let limits = &self.exporter.limits;
        let gather = Gather::new(self.exporter.hold(), self.max_bytes, limits.retry_delay);
        let body = pin!(request.into_body());
        let message = in_time(limits.read_timeout, message::read(body, gather)).await?;
        let (payload, _held) = match (message.compressed, encoding) {
            (false, _) => (message.payload, message.held),
            (true, Some(encoding)) => {
                self.exporter.inflate(encoding, message.payload, message.held, self.max_bytes).await?
            }
            (true, None) => return Err(Failure::Framing("compressed, but grpc-encoding names no encoding")),
        };
        self.exporter.submit(tenant, payload).await
    }
}

fn is_grpc(request: &Request<Body>) -> bool {
    let content_type = request.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    request.method() == Method::POST && content_type.starts_with(b"application/grpc")
}

/// What the gRPC protocol asks for where a call is none.
fn not_grpc() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    response
}

fn encoding_of(headers: &HeaderMap) -> Result<Option<Encoding>, Failure> {
    let Some(name) = headers.get(ENCODING) else { return Ok(None) };
    let name = String::from_utf8_lossy(name.as_bytes());
    if name == "identity" {
        return Ok(None);
    }
    Encoding::from_name(&name).map(Some).ok_or_else(|| Failure::Encoding(name.into_owned()))
}

/// A failure as a response of trailers only.
pub(crate) fn refuse(failure: &Failure) -> Response<Body> {
    let mut response = answer::status(failure).into_http();
    if matches!(failure, Failure::Encoding(_)) {
        response.headers_mut().insert(ACCEPT_ENCODING, ENCODINGS);
    }
    response
}

fn success(accepted: &Accepted) -> Response<Body> {
    let answer = answer::response(accepted);
    let len = answer.encoded_len();
    let mut message = BytesMut::with_capacity(5 + len);
    message.put_u8(0);
    message.put_u32(u32::try_from(len).unwrap_or(u32::MAX));
    message.put_slice(&answer.encode_to_vec());

    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::<Bytes>::new(message.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(header::CONTENT_TYPE, CONTENT_TYPE);
    response.headers_mut().insert(ACCEPT_ENCODING, ENCODINGS);
    response
}
