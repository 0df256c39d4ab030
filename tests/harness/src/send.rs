//! Sending encoded requests over OTLP/gRPC, as bytes.

use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

/// Requests and answers as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// A client of one server.
#[derive(Clone)]
pub struct Sender {
    channel: Channel,
}

impl Sender {
    /// A client of the OTLP/gRPC port; it connects when it first sends, and again whenever the connection is lost.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        Self { channel: endpoint.tcp_nodelay(true).connect_lazy() }
    }

    /// Sends one request; the time to its answer.
    ///
    /// # Errors
    /// The status of a refusal.
    pub async fn send(&self, request: Bytes) -> Result<Duration, Status> {
        let started = Instant::now();
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
        client.unary(Request::new(request), path, Raw).await?;
        Ok(started.elapsed())
    }

    /// Sends one request until it is acknowledged, as exporters do; how many times it had to be sent again. Gives up after `deadline`.
    pub async fn send_until_taken(&self, request: &Bytes, deadline: Duration) -> u64 {
        let until = Instant::now() + deadline;
        let mut again = 0;
        while let Err(status) = self.send(request.clone()).await {
            let retryable = matches!(
                status.code(),
                tonic::Code::Unavailable | tonic::Code::Unknown | tonic::Code::Cancelled
            );
            // A connection that went away under it (GOAWAY, at an orderly end) is told by the transport, which tonic calls an internal error.
            let lost = std::error::Error::source(&status).is_some();
            assert!((retryable || lost) && Instant::now() < until, "{status}");
            again += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        again
    }
}
