//! A small OTLP/gRPC server that keeps all that it is sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

type Verdict = Arc<dyn Fn(usize) -> Result<(), Status> + Send + Sync>;

/// What was received, and how to answer.
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
        (self.verdict)(call)?;
        self.requests.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

/// Serves on a free port; `verdict` says for the number of each call, from 0, whether it is taken.
pub(crate) async fn serve(
    verdict: impl Fn(usize) -> Result<(), Status> + Send + Sync + 'static,
) -> (Collector, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let collector = Collector { requests: Arc::default(), calls: Arc::default(), verdict: Arc::new(verdict) };
    let service = TraceServiceServer::new(collector.clone());
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (collector, address)
}
