//! Recorded files to read, and a small OTLP/gRPC server to send them to.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use throughline_bank::plan::{PlanOptions, generate, to_otlp};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

type Answer = Result<ExportTraceServiceResponse, Status>;
type Verdict = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

/// What was taken, and how to answer.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    calls: Arc<Mutex<usize>>,
    verdict: Verdict,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let call = {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            *calls - 1
        };
        let response = (self.verdict)(call)?;
        self.requests.lock().unwrap().push(request.into_inner());
        Ok(Response::new(response))
    }
}

impl Collector {
    pub(crate) fn spans(&self) -> Vec<Span> {
        spans(&self.requests.lock().unwrap())
    }
}

/// Takes all.
pub(crate) fn take(_call: usize) -> Answer {
    Ok(ExportTraceServiceResponse::default())
}

/// Serves on a free port; `verdict` answers each call by its number, from 0.
pub(crate) async fn serve(
    verdict: impl Fn(usize) -> Answer + Send + Sync + 'static,
) -> (Collector, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let collector = Collector { requests: Arc::default(), calls: Arc::default(), verdict: Arc::new(verdict) };
    let service = TraceServiceServer::new(collector.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (collector, address)
}

/// Requests of a bank, with attributes of several types, events and links in them.
pub(crate) fn requests(seed: u64, transfers: usize) -> Vec<ExportTraceServiceRequest> {
    to_otlp(&generate(&PlanOptions { seed, ..PlanOptions::default() }, transfers))
}

/// All spans, in the order of their ids.
pub(crate) fn spans(requests: &[ExportTraceServiceRequest]) -> Vec<Span> {
    let resources = requests.iter().flat_map(|request| &request.resource_spans);
    let mut spans: Vec<_> =
        resources.flat_map(|resource| &resource.scope_spans).flat_map(|scope| scope.spans.clone()).collect();
    spans.sort_by(|a, b| (&a.trace_id, &a.span_id).cmp(&(&b.trace_id, &b.span_id)));
    spans
}

/// Writes requests in the format that the name says.
pub(crate) fn write(folder: &Path, name: &str, requests: &[ExportTraceServiceRequest]) -> PathBuf {
    let json = |request: &ExportTraceServiceRequest| serde_json::to_string(request).unwrap();
    let plain: Vec<u8> = if name.contains(".pb") {
        requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
    } else if name.contains(".jsonl") {
        requests.iter().map(|request| json(request) + "\n").collect::<String>().into()
    } else {
        requests
            .iter()
            .map(|request| serde_json::to_string_pretty(request).unwrap())
            .collect::<String>()
            .into()
    };
    let path = folder.join(name);
    let bytes = match name.rsplit('.').next().unwrap() {
        "gz" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&plain).unwrap();
            encoder.finish().unwrap()
        }
        "zst" => zstd::encode_all(plain.as_slice(), 1).unwrap(),
        _ => plain,
    };
    std::fs::write(&path, bytes).unwrap();
    path
}
