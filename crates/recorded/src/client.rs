//! OTLP/gRPC from bytes: a request that is encoded already is sent as it is.

use std::time::Duration;

use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::time::{Instant, sleep};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use crate::error::ReplayError;
use crate::limits::{BACKOFF, MAX_SERVER_DELAY, REQUEST_TIMEOUT};

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Taken, but for so many spans; with a message where there is one.
    Taken { rejected: u64, message: String },
    /// Refused for good.
    Refused { message: String },
    /// Not taken in time.
    GaveUp { message: String },
}

/// A connection to a server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    channel: Channel,
    give_up_after: Duration,
}

impl Client {
    pub(crate) fn new(endpoint: &str, give_up_after: Duration) -> Result<Self, ReplayError> {
        let refused = || ReplayError::Endpoint(endpoint.to_owned());
        let address =
            if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        let parsed = Endpoint::from_shared(address).map_err(|_| refused())?;
        if parsed.uri().scheme_str() != Some("http") || parsed.uri().host().is_none() {
            return Err(refused());
        }
        Ok(Self { channel: parsed.timeout(REQUEST_TIMEOUT).tcp_nodelay(true).connect_lazy(), give_up_after })
    }

    /// Sends a request, again and again where that can help. Also says how often again.
    pub(crate) async fn send(&self, request: Bytes) -> (Outcome, u64) {
        let (deadline, mut delay, mut retries) = (Instant::now() + self.give_up_after, BACKOFF.0, 0);
        loop {
            let status = match self.attempt(request.clone()).await {
                Ok(response) => return (taken(response), retries),
                Err(status) => status,
            };
            let message = explain(&status);
            let Some(asked) = retry_delay(&status) else { return (Outcome::Refused { message }, retries) };
            let wait = delay.max(asked.min(MAX_SERVER_DELAY));
            if Instant::now() + wait > deadline {
                return (Outcome::GaveUp { message }, retries);
            }
            // Some chance, so that requests that failed together do not come back together.
            sleep(wait.mul_f64(rand::random_range(0.8..1.2))).await;
            delay = (delay * 2).min(BACKOFF.1);
            retries += 1;
        }
    }

    async fn attempt(&self, request: Bytes) -> Result<ExportTraceServiceResponse, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let path = PathAndQuery::from_static(EXPORT);
        Ok(client.unary(Request::new(request), path, RawCodec).await?.into_inner())
    }
}

fn taken(response: ExportTraceServiceResponse) -> Outcome {
    let partial = response.partial_success.unwrap_or_default();
    Outcome::Taken {
        rejected: u64::try_from(partial.rejected_spans).unwrap_or(0),
        message: partial.error_message,
    }
}

/// How long the server asks to wait, 0 where it does not say; `None` where trying again cannot help. Codes: the OTLP specification.
fn retry_delay(status: &Status) -> Option<Duration> {
    let asked = status.get_details_retry_info().and_then(|info| info.retry_delay);
    match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Some(asked.unwrap_or_default()),
        Code::ResourceExhausted => asked,
        _ => None,
    }
}

fn explain(status: &Status) -> String {
    let mut text = format!("{}: {}", status.code(), status.message());
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Requests are bytes already; answers are decoded.
#[derive(Clone, Copy, Debug)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let decoded = ExportTraceServiceResponse::decode(bytes);
        decoded.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
