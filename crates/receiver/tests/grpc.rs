//! OTLP/gRPC over real sockets: what clients send and what they must hear.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use common::{Server, compressed, request, request_of, resident, span};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse, trace_service_client::TraceServiceClient,
    },
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message;
use throughline_receiver::{Pressure, Refusal, Settings};
use tokio::net::TcpStream;
use tonic::{Code, Request, Status, codec::CompressionEncoding, transport::Channel};
use tonic_types::StatusExt;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const MIB: usize = 1 << 20;

async fn client(server: &Server) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(format!("http://{}", server.grpc))
        .await
        .unwrap()
        .max_encoding_message_size(1 << 30)
}

fn frame(flag: u8, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flag);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

/// Sends raw bytes as a call; the status is what the trailers, or the headers, say.
async fn raw(server: &Server, path: &str, encoding: Option<&str>, body: Bytes) -> (Code, Bytes, Status) {
    let stream = TcpStream::connect(server.grpc).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = http::Request::post(format!("http://{}{path}", server.grpc))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(encoding) = encoding {
        request = request.header("grpc-encoding", encoding);
    }
    let response = sender.send_request(request.body(Full::new(body)).unwrap()).await.unwrap();
    let head = Status::from_header_map(response.headers());
    let body = response.into_body().collect().await.unwrap();
    let status = head.or_else(|| body.trailers().and_then(Status::from_header_map)).unwrap();
    (status.code(), body.to_bytes(), status)
}

#[tokio::test]
async fn a_request_is_taken_whole_and_success_is_unset() {
    let server = Server::start().await;
    let response = client(&server).await.export(request(100)).await.unwrap().into_inner();
    assert_eq!(response.partial_success, None);
    assert_eq!(server.memory.spans(), 100);
    let taken = server.memory.requests.lock().unwrap()[0].1.clone();
    assert_eq!(ExportTraceServiceRequest::decode(taken).unwrap(), request(100));
}

#[tokio::test]
async fn empty_requests_and_envelopes_succeed() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let empty_scope = ResourceSpans { scope_spans: vec![ScopeSpans::default()], ..ResourceSpans::default() };
    for resource_spans in [vec![], vec![ResourceSpans::default()], vec![empty_scope]] {
        let response = client.export(ExportTraceServiceRequest { resource_spans }).await.unwrap();
        assert_eq!(response.into_inner().partial_success, None);
    }
    assert_eq!(server.memory.spans(), 0);
}

#[tokio::test]
async fn tonic_clients_may_compress() {
    let server = Server::start().await;
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let mut client = client(&server)
            .await
            .send_compressed(encoding)
            .accept_compressed(CompressionEncoding::Gzip)
            .accept_compressed(CompressionEncoding::Zstd);
        client.export(request(1000)).await.unwrap();
    }
    assert_eq!(server.memory.spans(), 2000);
}

#[tokio::test]
async fn every_encoding_is_taken() {
    let server = Server::start().await;
    let message = request(300).encode_to_vec();
    for (name, body) in compressed(&message).into_iter().filter(|(name, _)| *name != "zlib") {
        let (code, body, status) = raw(&server, EXPORT, Some(name), frame(1, &body)).await;
        assert_eq!(code, Code::Ok, "{name}: {status:?}");
        assert_eq!(&body[..], b"\0\0\0\0\0");
    }
    assert_eq!(raw(&server, EXPORT, Some("gzip"), frame(0, &message)).await.0, Code::Ok, "flag says plain");
    assert_eq!(raw(&server, EXPORT, Some("identity"), frame(0, &message)).await.0, Code::Ok);
    let (code, _, status) = raw(&server, EXPORT, Some("br"), frame(1, &message)).await;
    assert_eq!(code, Code::Unimplemented);
    assert!(status.metadata().get("grpc-accept-encoding").unwrap().to_str().unwrap().contains("snappy"));
}

#[tokio::test]
async fn bad_spans_are_a_partial_success() {
    let server = Server::start().await;
    let mut spans: Vec<_> = (0..5).map(span).collect();
    spans[1].trace_id = vec![];
    spans[2].trace_id = vec![0; 16];
    spans[3].span_id = vec![1; 7];
    let response = client(&server).await.export(request_of(spans)).await.unwrap().into_inner();
    let partial = response.partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 3);
    assert!(partial.error_message.contains("trace_id") && partial.error_message.contains("span_id"));
    assert_eq!(server.memory.spans(), 2);
}

#[tokio::test]
async fn bad_data_is_an_invalid_argument_with_the_field() {
    let server = Server::start().await;
    let good = request(10).encode_to_vec();
    let wrong_type = [0x08, 0x01];
    let long_varint = [&[0x0a][..], &[0xff; 11]].concat();
    let bodies = [
        frame(0, &good[..good.len() - 3]),
        frame(0, &wrong_type),
        frame(0, &long_varint),
        frame(1, b"this is no gzip"),
        Bytes::new(),
        Bytes::from_static(b"\0\0\0\0\x09abc"),
    ];
    for body in bodies {
        let (code, _, status) = raw(&server, EXPORT, Some("gzip"), body.clone()).await;
        assert_eq!(code, Code::InvalidArgument, "{body:?} {status:?}");
        let details = status.get_details_bad_request().unwrap();
        assert!(!details.field_violations[0].field.is_empty());
        assert!(status.get_details_retry_info().is_none());
    }
    assert_eq!(raw(&server, EXPORT, None, frame(1, &good)).await.0, Code::InvalidArgument);
    client(&server).await.export(request(1)).await.unwrap();
}

#[tokio::test]
async fn what_is_over_the_limit_is_exhausted_and_not_retryable() {
    let mut settings = Settings::default();
    settings.grpc.max_recv_msg_size_mib = 1;
    let server = Server::with(settings).await;
    let mut plain = client(&server).await;
    let mut gzip = plain.clone().send_compressed(CompressionEncoding::Gzip);
    let mut large = span(0);
    large.name = "n".repeat(MIB);
    for status in [
        plain.export(request_of(vec![large.clone()])).await.unwrap_err(),
        gzip.export(request_of(vec![large])).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert!(status.get_details_retry_info().is_none());
    }
    plain.export(request(10)).await.unwrap();
}

#[tokio::test]
async fn a_gzip_bomb_takes_bounded_memory_and_others_are_answered() {
    let server = Server::start().await;
    let bomb = tokio::task::spawn_blocking(|| {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; MIB];
        for _ in 0..1024 {
            gzip.write_all(&zeros).unwrap();
        }
        frame(1, &gzip.finish().unwrap())
    })
    .await
    .unwrap();
    assert!(bomb.len() < 2 * MIB);
    let before = resident();
    let mut others = client(&server).await;
    let (bombed, other) = tokio::join!(raw(&server, EXPORT, Some("gzip"), bomb), others.export(request(100)));
    assert_eq!(bombed.0, Code::ResourceExhausted);
    other.unwrap();
    let grown = resident().saturating_sub(before);
    assert!(grown < 160 * MIB as u64, "grew by {grown} bytes");
}

#[tokio::test]
async fn frames_that_claim_much_are_refused_before_memory_is_taken() {
    let mut settings = Settings::default();
    settings.grpc.max_recv_msg_size_mib = 64;
    settings.limits.max_in_flight_bytes = 128 * MIB;
    let server = Server::with(settings).await;
    assert_eq!(
        raw(&server, EXPORT, None, Bytes::from_static(b"\0\xff\xff\xff\xff")).await.0,
        Code::ResourceExhausted
    );

    // Answers wait: two requests of 60 MiB are held, the third finds no room.
    let gate = server.memory.gate.write().await;
    let mut large = span(0);
    large.name = "n".repeat(60 * MIB);
    let large = request_of(vec![large]);
    let mut held = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (mut client, large) = (client(&server).await, large.clone());
        held.spawn(async move { client.export(large).await.map(drop) });
    }
    server.memory.arrived(2).await;
    let claims = Bytes::from_static(&[0, 1, 0, 0, 0]);
    let (code, _, refused) = raw(&server, EXPORT, None, claims).await;
    assert_eq!(code, Code::Unavailable);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    drop(gate);
    while let Some(result) = held.join_next().await {
        result.unwrap().unwrap();
    }
    client(&server).await.export(request(1)).await.unwrap();
}

#[tokio::test]
async fn back_pressure_is_unavailable_with_retry_info() {
    let server = Server::start().await;
    let retry_after = Duration::from_secs(7);
    *server.memory.refuse.lock().unwrap() =
        Some(Refusal::Busy { pressure: Pressure::LogFull, spans: 1, retry_after });
    let mut client = client(&server).await;
    let status = client.export(request(1)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(retry_after));
    *server.memory.refuse.lock().unwrap() = None;
    client.export(request(1)).await.unwrap();
}

#[tokio::test]
async fn too_many_requests_are_told_to_come_again() {
    let mut settings = Settings::default();
    settings.limits.max_in_flight_requests = 1;
    let server = Server::with(settings).await;
    let gate = server.memory.gate.write().await;
    let mut first = client(&server).await;
    let first = tokio::spawn(async move { first.export(request(1)).await.map(drop) });
    server.memory.arrived(1).await;
    let refused = client(&server).await.export(request(1)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    drop(gate);
    first.await.unwrap().unwrap();
}

#[tokio::test]
async fn metrics_and_logs_are_unimplemented() {
    let server = Server::start().await;
    for service in ["metrics.v1.MetricsService", "logs.v1.LogsService"] {
        let path = format!("/opentelemetry.proto.collector.{service}/Export");
        assert_eq!(raw(&server, &path, None, frame(0, b"abc")).await.0, Code::Unimplemented);
    }
}

#[tokio::test]
async fn partial_success_is_what_clients_decode() {
    let server = Server::start().await;
    let mut bad = span(1);
    bad.span_id = vec![0; 8];
    let (code, body, _) = raw(&server, EXPORT, None, frame(0, &request_of(vec![bad]).encode_to_vec())).await;
    assert_eq!(code, Code::Ok);
    let response = ExportTraceServiceResponse::decode(&body[5..]).unwrap();
    assert_eq!(response.partial_success.unwrap().rejected_spans, 1);
}

#[tokio::test]
async fn tenants_are_named_by_header() {
    let server = Server::start().await;
    let mut named = Request::new(request(1));
    named.metadata_mut().insert("x-scope-orgid", "retail".parse().unwrap());
    client(&server).await.export(named).await.unwrap();
    assert_eq!(&*server.memory.requests.lock().unwrap()[0].0, "retail");
}

#[tokio::test]
async fn old_connections_are_asked_to_connect_anew_and_lose_nothing() {
    let mut settings = Settings::default();
    settings.grpc.keepalive.max_connection_age = Some(Duration::from_millis(50));
    let server = Server::with(settings).await;
    let mut client = client(&server).await;
    for _ in 0..200 {
        client.export(request(1)).await.unwrap();
    }
    assert_eq!(server.memory.spans(), 200);
}

#[tokio::test]
async fn shutdown_answers_what_is_in_flight_and_takes_no_more() {
    let server = Server::start().await;
    let gate = server.memory.gate.write().await;
    let mut client = client(&server).await;
    let export = tokio::spawn(async move { client.export(request(1)).await.map(drop) });
    server.memory.arrived(1).await;
    server.shutdown.cancel();
    drop(gate);
    tokio::time::timeout(Duration::from_secs(20), server.serving).await.unwrap().unwrap().unwrap();
    let answered = export.await.unwrap();
    assert!(answered.is_ok(), "{answered:?}");
    assert!(TcpStream::connect(server.grpc).await.is_err());
}
