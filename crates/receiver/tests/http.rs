//! OTLP/HTTP over real sockets: what clients send and what they must hear.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod common;

use std::time::Duration;

use bytes::Bytes;
use common::{Server, attribute, compressed, request, request_of, resident, span};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, ArrayValue, any_value::Value},
    trace::v1::ResourceSpans,
};
use prost::Message;
use serde_json::{Value as Json, json};
use throughline_receiver::{Pressure, Refusal, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tonic::Code;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const MIB: usize = 1 << 20;

type Request = http::request::Builder;

fn post(content_type: &str) -> Request {
    http::Request::post("/v1/traces").header("content-type", content_type)
}

async fn send(server: &Server, request: Request, body: impl Into<Bytes>) -> Response<Bytes> {
    let stream = TcpStream::connect(server.http).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = request.header("host", "localhost").body(Full::new(body.into())).unwrap();
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

fn content_type(response: &Response<Bytes>) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

/// The `google.rpc.Status` that every failure carries.
fn status(response: &Response<Bytes>) -> tonic_types::Status {
    assert_eq!(content_type(response), PROTOBUF);
    tonic_types::Status::decode(response.body().clone()).unwrap()
}

fn json_body(response: &Response<Bytes>) -> Json {
    assert_eq!(content_type(response), JSON);
    serde_json::from_slice(response.body()).unwrap()
}

async fn others_are_answered(server: &Server) {
    let response = send(server, post(PROTOBUF), request(1).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::OK);
}

const JSON_REQUEST: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"ledger"}}]},
    "scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"eee19b7ec3c1b174","name":"POST /transfers","kind":2,
    "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":1700000001000000000,"unknown":[{}]}]}]}]}"#;

#[tokio::test]
async fn success_is_unset_in_the_type_of_the_request() {
    let server = Server::start().await;
    let response = send(&server, post(PROTOBUF), request(10).encode_to_vec()).await;
    assert_eq!((response.status(), content_type(&response)), (StatusCode::OK, PROTOBUF));
    assert_eq!(ExportTraceServiceResponse::decode(response.body().clone()).unwrap().partial_success, None);
    for json in [JSON, "application/json; charset=utf-8"] {
        let response = send(&server, post(json), JSON_REQUEST).await;
        assert_eq!((response.status(), json_body(&response)), (StatusCode::OK, json!({})));
    }
    assert_eq!(server.memory.spans(), 12);
    assert_eq!(send(&server, post(PROTOBUF), "").await.status(), StatusCode::OK);
    assert_eq!(send(&server, post(JSON), "{}").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn http2_is_taken_on_the_same_port() {
    let server = Server::start().await;
    let stream = TcpStream::connect(server.http).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://{}/v1/traces", server.http))
        .header("content-type", PROTOBUF)
        .body(Full::<Bytes>::new(request(5).encode_to_vec().into()))
        .unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), StatusCode::OK);
    assert_eq!(server.memory.spans(), 5);
}

#[tokio::test]
async fn every_encoding_is_taken() {
    let server = Server::start().await;
    for (wire, body) in [(PROTOBUF, request(300).encode_to_vec()), (JSON, JSON_REQUEST.into())] {
        for (name, compressed) in compressed(&body) {
            let response = send(&server, post(wire).header("content-encoding", name), compressed).await;
            assert_eq!(response.status(), StatusCode::OK, "{wire} {name}");
        }
        let plain = send(&server, post(wire).header("content-encoding", "identity"), body).await;
        assert_eq!(plain.status(), StatusCode::OK);
    }
    assert_eq!(server.memory.spans(), 9 * 301);
}

#[tokio::test]
async fn bad_spans_are_a_partial_success() {
    let server = Server::start().await;
    let mut spans: Vec<_> = (0..3).map(span).collect();
    spans[1].trace_id = vec![0; 16];
    let response = send(&server, post(PROTOBUF), request_of(spans).encode_to_vec()).await;
    let partial =
        ExportTraceServiceResponse::decode(response.body().clone()).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace_id"));

    let response = send(&server, post(JSON), JSON_REQUEST.replace("eee19b7ec3c1b174", "00")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let partial = &json_body(&response)["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    assert!(partial["errorMessage"].as_str().unwrap().contains("span_id"));
}

#[tokio::test]
async fn a_value_that_json_cannot_mean_refuses_its_span_only() {
    let server = Server::start().await;
    let span = |id: char, value: &str| {
        let id = id.to_string();
        format!(
            r#"{{"traceId":"{}","spanId":"{}","attributes":[{{"key":"k","value":{value}}}]}}"#,
            id.repeat(32),
            id.repeat(16)
        )
    };
    let spans = [
        span('1', r#"{"intValue":"9223372036854775808"}"#),
        span('2', r#"{"intValue":1e+300}"#),
        span('3', r#"{"stringValue":"\ud800"}"#),
        span('0', r#"{"intValue":1}"#),
    ];
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let response = send(&server, post(JSON), body).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(server.memory.spans(), 2);
    let partial = &json_body(&response)["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "2");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.contains("1 because trace_id") && message.contains("1 because a value"), "{message}");
    assert!(message.contains("spans[0]: invalid value: string \"9223372036854775808\""), "{message}");
}

#[tokio::test]
async fn wrong_paths_methods_and_types_are_said_so() {
    let server = Server::start().await;
    for path in ["/v1/metrics", "/v1/logs", "/", "/v1/traces/"] {
        let response = send(&server, http::Request::post(path).header("content-type", PROTOBUF), "x").await;
        assert_eq!(
            (response.status(), status(&response).code),
            (StatusCode::NOT_FOUND, Code::NotFound as i32)
        );
    }
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = send(&server, post(PROTOBUF).method(method), "").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()["allow"], "POST");
        assert_eq!(status(&response).code, Code::Unimplemented as i32);
    }
    let unsupported = [
        send(&server, post("text/plain"), "x").await,
        send(&server, http::Request::post("/v1/traces"), "x").await,
        send(&server, post(PROTOBUF).header("content-encoding", "br"), "x").await,
    ];
    for response in unsupported {
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert!(!status(&response).message.is_empty());
    }
    let response = send(&server, post(JSON).header("content-encoding", "br"), "x").await;
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(json_body(&response)["message"].as_str().unwrap().contains("br"));
    others_are_answered(&server).await;
}

fn nested(levels: usize) -> AnyValue {
    (0..levels).fold(AnyValue { value: Some(Value::IntValue(1)) }, |inner, _| AnyValue {
        value: Some(Value::ArrayValue(ArrayValue { values: vec![inner] })),
    })
}

/// Nested values as bytes: prost would overflow its stack.
fn deep_request(levels: usize) -> Vec<u8> {
    fn field(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        prost::encoding::encode_varint(body.len() as u64, &mut out);
        out.extend_from_slice(body);
        out
    }
    let mut value = vec![0x18, 1];
    for _ in 0..levels {
        value = field(0x2a, &field(0x0a, &value));
    }
    let key_value = [field(0x0a, b"k"), field(0x12, &value)].concat();
    let span = [span(1).encode_to_vec(), field(0x4a, &key_value)].concat();
    field(0x0a, &field(0x12, &field(0x12, &span)))
}

#[tokio::test]
async fn malformed_protobuf_is_a_bad_request_with_the_field() {
    let server = Server::start().await;
    let good = request(10).encode_to_vec();
    let bodies: [Vec<u8>; 4] = [
        good[..good.len() - 3].to_vec(),
        vec![0x08, 1],
        [&[0x0a][..], &[0xff; 11]].concat(),
        b"hello".to_vec(),
    ];
    for body in bodies {
        let response = send(&server, post(PROTOBUF), body.clone()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body:?}");
        let status = status(&response);
        assert_eq!(status.code, Code::InvalidArgument as i32);
        assert_eq!(status.details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    }
    let garbage = send(&server, post(PROTOBUF).header("content-encoding", "gzip"), "no gzip").await;
    assert_eq!(garbage.status(), StatusCode::BAD_REQUEST);
    others_are_answered(&server).await;
}

#[tokio::test]
async fn spans_with_bad_content_are_refused_one_by_one() {
    let server = Server::start().await;
    let good = request_of(vec![span(1)]).encode_to_vec();
    let at = good.windows(9).position(|bytes| bytes == b"operation").unwrap();
    let mut bad_utf8 = good.clone();
    bad_utf8[at] = 0xff;
    let mut shallow = span(1);
    shallow.attributes = vec![attribute("k", nested(10).value.unwrap())];
    let cases = [(bad_utf8, 1), (deep_request(10_000), 1), (request_of(vec![shallow]).encode_to_vec(), 0)];
    for (body, rejected) in cases {
        let response = send(&server, post(PROTOBUF), body).await;
        assert_eq!(response.status(), StatusCode::OK);
        let partial = ExportTraceServiceResponse::decode(response.body().clone()).unwrap().partial_success;
        assert_eq!(partial.map_or(0, |partial| partial.rejected_spans), rejected);
    }
    for id in ["", "00000000000000000000000000000000", "5B8EFFF798038103"] {
        let response =
            send(&server, post(JSON), JSON_REQUEST.replace("5B8EFFF798038103D269B633813FC60C", id)).await;
        assert_eq!(json_body(&response)["partialSuccess"]["rejectedSpans"], "1", "{id}");
    }
}

#[tokio::test]
async fn an_end_before_the_start_is_taken() {
    let server = Server::start().await;
    let mut backwards = span(1);
    backwards.end_time_unix_nano = backwards.start_time_unix_nano - 1;
    let response = send(&server, post(PROTOBUF), request_of(vec![backwards]).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.body().is_empty());
    assert_eq!(server.memory.spans(), 1);
}

#[tokio::test]
async fn bad_json_is_a_bad_request_in_json() {
    let server = Server::start().await;
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    for body in
        ["", "{", "[]", "hello", r#"{"resourceSpans":3}"#, "\u{ff}", r#"{"resourceSpans":[]} x"#, &deep]
    {
        let response = send(&server, post(JSON), body.to_owned()).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{:.40}", body);
        let status = json_body(&response);
        assert_eq!(status["code"], Code::InvalidArgument as i32);
        assert_eq!(status["details"][0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
        assert!(!status["details"][0]["fieldViolations"][0]["description"].as_str().unwrap().is_empty());
    }
    others_are_answered(&server).await;
}

#[tokio::test]
async fn what_is_over_the_limit_is_413() {
    let mut settings = Settings::default();
    settings.http.max_request_body_size_mib = 1;
    let server = Server::with(settings).await;
    let mut large = span(0);
    large.name = "n".repeat(MIB);
    let large = request_of(vec![large]).encode_to_vec();
    let plain = send(&server, post(PROTOBUF), large.clone()).await;
    assert_eq!(
        (plain.status(), status(&plain).code),
        (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted as i32)
    );
    for (name, body) in compressed(&large) {
        let response = send(&server, post(PROTOBUF).header("content-encoding", name), body).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{name}");
        assert!(response.headers().get("retry-after").is_none());
    }
    // A client that sends all of a body of 30 MiB before it listens hears it too.
    assert_eq!(send(&server, post(JSON), vec![b' '; 30 * MIB]).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    others_are_answered(&server).await;
}

/// Sends text as it is and reads what comes back until the server closes.
async fn raw(server: &Server, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.http).await.unwrap();
    stream.write_all(text).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn chunked_bodies_are_taken_and_bounded() {
    let mut settings = Settings::default();
    settings.http.max_request_body_size_mib = 1;
    let server = Server::with(settings).await;
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut small = head.to_owned();
    for part in JSON_REQUEST.as_bytes().chunks(7) {
        small += &format!("{:x}\r\n{}\r\n", part.len(), std::str::from_utf8(part).unwrap());
    }
    small += "0\r\n\r\n";
    assert!(raw(&server, small.as_bytes()).await.starts_with("HTTP/1.1 200"));
    let part = format!("10000\r\n{}\r\n", " ".repeat(65536));
    let large = format!("{head}{}0\r\n\r\n", part.repeat(32));
    assert!(raw(&server, large.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn who_asks_before_sending_too_much_need_not_send_it() {
    let server = Server::start().await;
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n";
    assert!(raw(&server, head.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn slow_clients_are_not_waited_for() {
    let mut settings = Settings::default();
    settings.http.header_timeout = Duration::from_millis(100);
    settings.limits.read_timeout = Duration::from_millis(100);
    let server = Server::with(settings).await;
    let body = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
    assert!(raw(&server, body.as_bytes()).await.starts_with("HTTP/1.1 408"));
    assert!(!raw(&server, b"POST /v1/traces HTTP/1.1\r\nhost:").await.contains(" 200 "), "closed");
}

#[tokio::test]
async fn bombs_of_every_encoding_take_bounded_memory() {
    let server = Server::start().await;
    let bombs = tokio::task::spawn_blocking(|| {
        let zeros = vec![0; 70 * MIB];
        let small = ["gzip", "zstd", "zlib", "lz4"];
        compressed(&zeros).into_iter().filter(|(name, _)| small.contains(name)).collect::<Vec<_>>()
    })
    .await
    .unwrap();
    let before = resident();
    for (name, body) in bombs {
        let response = send(&server, post(PROTOBUF).header("content-encoding", name), body).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE, "{name}");
    }
    let claim = [0xff, 0xff, 0xff, 0xff, 0x0f, 0];
    let response = send(&server, post(PROTOBUF).header("content-encoding", "snappy"), claim.to_vec()).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let grown = resident().saturating_sub(before);
    assert!(grown < 200 * MIB as u64, "grew by {grown} bytes");
    others_are_answered(&server).await;
}

#[tokio::test]
async fn a_hundred_thousand_resources_are_taken() {
    let server = Server::start().await;
    let mut large = ExportTraceServiceRequest { resource_spans: vec![ResourceSpans::default(); 99_999] };
    large.resource_spans.extend(request(1).resource_spans);
    assert_eq!(send(&server, post(PROTOBUF), large.encode_to_vec()).await.status(), StatusCode::OK);
    assert_eq!(server.memory.spans(), 1);
}

#[tokio::test]
async fn back_pressure_says_when_to_come_again() {
    let server = Server::start().await;
    *server.memory.refuse.lock().unwrap() = Some(Refusal::Busy {
        pressure: Pressure::LogFull,
        spans: 1,
        retry_after: Duration::from_millis(2500),
    });
    let response = send(&server, post(PROTOBUF), request(1).encode_to_vec()).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "3");
    assert_eq!(status(&response).code, Code::Unavailable as i32);
    let response = send(&server, post(JSON), JSON_REQUEST).await;
    assert_eq!(json_body(&response)["details"][0]["retryDelay"], "2.500s");
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_send() {
    let mut settings = Settings::default();
    settings.http.cors.allowed_origins = vec!["https://*.bank.example".into()];
    let server = Server::with(settings).await;
    let preflight = |origin: &str| {
        http::Request::options("/v1/traces")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
    };
    let response = send(&server, preflight("https://m.bank.example"), "").await;
    assert!(response.status().is_success());
    assert_eq!(response.headers()["access-control-allow-origin"], "https://m.bank.example");
    assert_eq!(response.headers()["access-control-allow-methods"], "POST");
    assert!(response.headers()["access-control-allow-headers"].to_str().unwrap().contains("content-type"));
    assert_eq!(response.headers()["access-control-max-age"], "7200");
    let response = send(&server, preflight("https://bank.evil"), "").await;
    assert!(response.headers().get("access-control-allow-origin").is_none());
    let response = send(&server, post(JSON).header("origin", "https://m.bank.example"), JSON_REQUEST).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://m.bank.example");
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let server = Server::start().await;
    let mut settings = Settings::default();
    settings.grpc.endpoint = "127.0.0.1:0".into();
    settings.http.endpoint = server.http.to_string();
    let intake = std::sync::Arc::<common::Memory>::clone(&server.memory);
    let error = throughline_receiver::Receiver::bind(settings, intake).await.unwrap_err().to_string();
    assert!(error.contains(&server.http.to_string()) && error.contains("receiver.http.endpoint"), "{error}");
}
