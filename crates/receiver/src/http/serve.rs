//! The HTTP server: connections, their windows, their end.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::{ServiceBuilder, service_fn, util::option_layer};
use tracing::debug;

use super::{
    cors,
    service::{Service, TRANSPORT, answer_type},
};
use crate::{
    answer,
    export::{Exporter, count_failure},
    failure::Failure,
    layers::{ShedLayer, TimingLayer},
    server::Connection,
    settings::HttpSettings,
};

/// As for gRPC: what a client may send of one request, and of all, before it must wait for us.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
const _: () = assert!(CONNECTION_WINDOW >= STREAM_WINDOW);

/// Requests at one time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// Most that an HTTP/1.1 connection buffers, bytes: its head, and the pieces that a body is handed on in.
const MAX_BUFFER: usize = 128 << 10;

/// Largest head of an HTTP/2 request, bytes.
const MAX_HEADERS: u32 = 16 << 10;

/// Serves until told to stop; then connections end with the requests on them.
pub(crate) async fn serve(
    settings: HttpSettings,
    exporter: Arc<Exporter>,
    requests: Arc<Semaphore>,
    connections: impl Stream<Item = std::io::Result<Connection>>,
    shutdown: CancellationToken,
) {
    let retry_after = exporter.limits.retry_delay;
    let service = Arc::new(Service { exporter, max_bytes: settings.max_bytes() });
    let stack = ServiceBuilder::new()
        .layer(TimingLayer { transport: TRANSPORT })
        .layer(option_layer(cors::layer(&settings.cors)))
        .layer(ShedLayer::new(requests, move |request: &Request<Incoming>| shed(request, retry_after)))
        .service(service_fn(move |request| Arc::clone(&service).call(request)));
    let builder = builder(&settings);
    let graceful = GracefulShutdown::new();
    let mut connections = pin!(connections.take_until(shutdown.cancelled_owned()));
    while let Some(Ok(connection)) = connections.next().await {
        let service = TowerToHyperService::new(stack.clone());
        let serving = builder.serve_connection(TokioIo::new(connection), service).into_owned();
        let serving = graceful.watch(serving);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                debug!(error, "an HTTP connection ended early");
            }
        });
    }
    graceful.shutdown().await;
}

fn builder(settings: &HttpSettings) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(MAX_BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .keep_alive_interval(settings.header_timeout);
    builder
}

fn shed(request: &Request<Incoming>, retry_after: Duration) -> Response<Full<Bytes>> {
    let failure = Failure::Requests { retry_after };
    count_failure(&failure);
    answer::failed(&failure, answer_type(request))
}
