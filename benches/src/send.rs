//! Sending encoded requests over OTLP/gRPC, as bytes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::{Buf, BufMut, Bytes};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

use crate::template::Template;

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
pub(crate) struct Sender {
    channel: Channel,
}

impl Sender {
    pub(crate) async fn connect(port: u16) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).unwrap();
        Self { channel: endpoint.tcp_nodelay(true).connect().await.unwrap() }
    }

    /// Sends one request; the time to its answer.
    pub(crate) async fn send(&self, request: Bytes) -> Result<Duration, Status> {
        let started = Instant::now();
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = http::uri::PathAndQuery::from_static(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
        );
        client.unary(Request::new(request), path, Raw).await?;
        Ok(started.elapsed())
    }
}

/// Sends requests from `first` on for `seconds`, `in_flight` at once; returns how many were acknowledged and how many times one had to be sent again.
pub(crate) async fn flood(
    port: u16,
    template: &Arc<Template>,
    first: u64,
    seconds: u64,
    in_flight: usize,
) -> (u64, u64) {
    let until = Instant::now() + Duration::from_secs(seconds);
    let next = Arc::new(AtomicU64::new(first));
    let again = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..in_flight {
        let (template, next, again) = (Arc::clone(template), Arc::clone(&next), Arc::clone(&again));
        let sender = Sender::connect(port).await;
        tasks.push(tokio::spawn(async move {
            let mut sent = 0u64;
            while Instant::now() < until {
                let request = template.request(next.fetch_add(1, Ordering::Relaxed), now());
                while let Err(status) = sender.send(request.clone()).await {
                    assert_eq!(status.code(), tonic::Code::Unavailable, "{status}");
                    again.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                sent += 1;
            }
            sent
        }));
    }
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    (sent, again.load(Ordering::Relaxed))
}

/// Sends at a steady rate (requests a second), each on time whether the ones before were answered or not; the times to their answers.
pub(crate) async fn pace(
    port: u16,
    template: &Arc<Template>,
    first: u64,
    rate: f64,
    seconds: u64,
) -> Vec<Duration> {
    let sender = Sender::connect(port).await;
    let mut interval = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let mut tasks = Vec::new();
    for request in 0..(rate * seconds as f64) as u64 {
        interval.tick().await;
        let (template, sender) = (Arc::clone(template), sender.clone());
        tasks.push(tokio::spawn(async move { sender.send(template.request(first + request, now())).await }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    times
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}
