//! The gRPC server: connections, their age, their windows.

use std::{sync::Arc, time::Duration};

use futures_util::Stream;
use http::Request;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{body::Body, transport::Server};
use tower::{ServiceBuilder, service_fn};

use super::service::{Service, TRANSPORT, refuse};
use crate::{
    export::{Exporter, count_failure},
    failure::Failure,
    layers::{ShedLayer, TimingLayer},
    server::Connection,
    settings::GrpcSettings,
};

/// What a client may send of one request before it must wait for us, bytes: two usual requests of 1,000 spans, so that a round trip does not stop it.
const STREAM_WINDOW: u32 = 1 << 20;

/// The same for all requests of a connection: what a connection can make us hold before admission.
const CONNECTION_WINDOW: u32 = 4 << 20;
const _: () = assert!(CONNECTION_WINDOW >= STREAM_WINDOW);

/// Largest HTTP/2 frame: clients that ask (tonic, netty) send fewer and larger ones; grpc-go stays with 16 KiB.
const MAX_FRAME: u32 = 1 << 20;

/// Largest head of a request, bytes.
const MAX_HEADERS: u32 = 16 << 10;

/// Serves until told to stop and every connection has ended.
pub(crate) async fn serve(
    settings: GrpcSettings,
    exporter: Arc<Exporter>,
    requests: Arc<Semaphore>,
    connections: impl Stream<Item = std::io::Result<Connection>>,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let retry_after = exporter.limits.retry_delay;
    let service = Arc::new(Service { exporter, max_bytes: settings.max_bytes() });
    let stack = ServiceBuilder::new()
        .layer(TimingLayer { transport: TRANSPORT })
        .layer(ShedLayer::new(requests, move |_: &Request<Body>| shed(retry_after)))
        .service(service_fn(move |request| Arc::clone(&service).call(request)));
    let keepalive = settings.keepalive;
    let mut server = Server::builder()
        .max_concurrent_streams(settings.max_concurrent_streams)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME)
        .http2_max_header_list_size(MAX_HEADERS)
        .http2_keepalive_interval(Some(keepalive.time))
        .http2_keepalive_timeout(Some(keepalive.timeout))
        .max_connection_age_grace(keepalive.max_connection_age_grace);
    if let Some(age) = keepalive.max_connection_age {
        server = server.max_connection_age(age);
    }
    server.serve_with_incoming_shutdown(stack, connections, shutdown.cancelled_owned()).await
}

fn shed(retry_after: Duration) -> http::Response<Body> {
    let failure = Failure::Requests { retry_after };
    count_failure(&failure);
    refuse(&failure)
}
