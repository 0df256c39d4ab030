//! What the tests of this crate share: an intake that remembers, a server on free ports, requests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its part, and a panic is the report"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use throughline_otlp::{CompiledPlan, ScanPlan, Scanner};
use throughline_receiver::{Accepted, Intake, Receiver, Refusal, ServeError, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Scans as the real intake does, keeps what was taken, and refuses what it is told to.
#[derive(Default)]
pub struct Memory {
    pub spans: AtomicU64,
    /// Requests that came, answered or not.
    pub arrived: AtomicU64,
    pub requests: Mutex<Vec<(Arc<str>, Bytes)>>,
    pub refuse: Mutex<Option<Refusal>>,
    /// Answers wait while it is closed.
    pub gate: tokio::sync::RwLock<()>,
}

#[async_trait]
impl Intake for Memory {
    async fn submit(&self, tenant: Arc<str>, request: Bytes) -> Result<Accepted, Refusal> {
        self.arrived.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.read().await;
        if let Some(refusal) = self.refuse.lock().unwrap().clone() {
            return Err(refusal);
        }
        let plan = Arc::new(CompiledPlan::new(ScanPlan::default()));
        let scanned = Scanner::new(plan).scan(request.clone(), 2)?;
        self.spans.fetch_add(scanned.accepted, Ordering::SeqCst);
        self.requests.lock().unwrap().push((tenant, request));
        Ok(Accepted { spans: scanned.accepted, rejected: scanned.rejected, clamped: scanned.clamped })
    }
}

impl Memory {
    pub fn spans(&self) -> u64 {
        self.spans.load(Ordering::SeqCst)
    }

    /// Waits until so many requests have come.
    pub async fn arrived(&self, requests: u64) {
        let arrived = async {
            while self.arrived.load(Ordering::SeqCst) < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), arrived).await.unwrap();
    }
}

/// A running receiver.
pub struct Server {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    pub memory: Arc<Memory>,
    pub shutdown: CancellationToken,
    pub serving: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(mut settings: Settings) -> Self {
        settings.grpc.endpoint = "127.0.0.1:0".into();
        settings.http.endpoint = "127.0.0.1:0".into();
        let memory = Arc::new(Memory::default());
        let intake: Arc<dyn Intake> = Arc::<Memory>::clone(&memory);
        let receiver = Receiver::bind(settings, intake).await.unwrap();
        let (grpc, http) = (receiver.grpc_addr(), receiver.http_addr());
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(receiver.serve(shutdown.clone()));
        Self { grpc, http, memory, shutdown, serving }
    }
}

pub fn span(id: u64) -> Span {
    Span {
        trace_id: [&[1; 8][..], &id.to_be_bytes()].concat(),
        span_id: (id + 1).to_be_bytes().to_vec(),
        name: format!("operation {id}"),
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_001_000_000,
        ..Span::default()
    }
}

pub fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub fn request_of(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let service = attribute("service.name", Value::StringValue("ledger".into()));
    let resource = Some(Resource { attributes: vec![service], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

pub fn request(spans: u64) -> ExportTraceServiceRequest {
    request_of((0..spans).map(span).collect())
}

/// Resident memory of this process, bytes.
pub fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Compresses by each encoding that OTLP clients use, with the header's name for it.
pub fn compressed(body: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    use std::io::Write;
    let fast = flate2::Compression::fast();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), fast);
    gzip.write_all(body).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), fast);
    zlib.write_all(body).unwrap();
    let zlib = zlib.finish().unwrap();
    let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), fast);
    raw.write_all(body).unwrap();
    let mut framed = snap::write::FrameEncoder::new(Vec::new());
    framed.write_all(body).unwrap();
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(body).unwrap();
    vec![
        ("gzip", gzip.finish().unwrap()),
        ("zstd", zstd::encode_all(body, 3).unwrap()),
        ("zlib", zlib.clone()),
        ("deflate", zlib),
        ("deflate", raw.finish().unwrap()),
        ("snappy", snap::raw::Encoder::new().compress_vec(body).unwrap()),
        ("snappy", framed.into_inner().unwrap()),
        ("lz4", lz4.finish().unwrap()),
    ]
}
