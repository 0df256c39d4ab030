//! The two servers as one: bound together, stopped together.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use thiserror::Error;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    export::Exporter,
    grpc, http,
    intake::Intake,
    settings::{Settings, SettingsError},
};

mod accept;

pub(crate) use accept::Connection;

/// The two ways in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP.
    Http,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grpc => "OTLP/gRPC",
            Self::Http => "OTLP/HTTP",
        })
    }
}

impl Transport {
    fn key(self) -> &'static str {
        match self {
            Self::Grpc => "receiver.grpc.endpoint",
            Self::Http => "receiver.http.endpoint",
        }
    }
}

/// Why a receiver could not begin.
#[derive(Debug, Error)]
pub enum BindError {
    /// Settings that cannot work, all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Settings(Vec<SettingsError>),
    /// Another process listens there.
    #[error(
        "{transport} cannot listen on {endpoint}: the port is taken. Stop the process that listens there (an OpenTelemetry Collector?) or set {key} to another address",
        key = transport.key()
    )]
    Taken {
        /// For whom.
        transport: Transport,
        /// Where.
        endpoint: String,
    },
    /// The address is not one of this machine, or not allowed.
    #[error("{transport} cannot listen on {endpoint}; check {key}", key = transport.key())]
    Listen {
        /// For whom.
        transport: Transport,
        /// Where.
        endpoint: String,
        /// Why.
        source: io::Error,
    },
}

impl BindError {
    /// Whether trying again with the same settings may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Taken { .. })
    }
}

/// Why a receiver ended before it was told to.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The gRPC server failed.
    #[error("OTLP/gRPC server failed")]
    Grpc(#[source] tonic::transport::Error),
}

impl ServeError {
    /// Whether serving again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Grpc(_) => true,
        }
    }
}

/// Listens for OTLP on two ports.
pub struct Receiver {
    settings: Settings,
    intake: Arc<dyn Intake>,
    grpc: TcpListener,
    http: TcpListener,
    grpc_addr: SocketAddr,
    http_addr: SocketAddr,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("grpc", &self.grpc_addr)
            .field("http", &self.http_addr)
            .finish_non_exhaustive()
    }
}

impl Receiver {
    /// Listens on both ports. Clients may connect from now on; they are answered by [`Receiver::serve`].
    ///
    /// # Errors
    /// [`BindError`], which says what to do.
    pub async fn bind(settings: Settings, intake: Arc<dyn Intake>) -> Result<Self, BindError> {
        settings.check().map_err(BindError::Settings)?;
        let (grpc, grpc_addr) = listen(Transport::Grpc, &settings.grpc.endpoint).await?;
        let (http, http_addr) = listen(Transport::Http, &settings.http.endpoint).await?;
        Ok(Self { settings, intake, grpc, http, grpc_addr, http_addr })
    }

    /// Where OTLP/gRPC listens.
    #[must_use]
    pub fn grpc_addr(&self) -> SocketAddr {
        self.grpc_addr
    }

    /// Where OTLP/HTTP listens.
    #[must_use]
    pub fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Serves until `shutdown` is cancelled, then answers what is in flight within [`crate::Limits::shutdown_grace`] and returns.
    ///
    /// # Errors
    /// [`ServeError`] where a server ended by itself.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let Self { settings, intake, grpc, http, grpc_addr, http_addr } = self;
        let limits = settings.limits.clone();
        let grace = limits.shutdown_grace;
        let requests = Arc::new(Semaphore::new(limits.max_in_flight_requests));
        let max_connections = limits.max_connections;
        let exporter = Arc::new(Exporter::new(intake, limits));
        // Connections that outlive the grace are cut.
        let cut = CancellationToken::new();
        let grpc_connections = accept::connections(grpc, max_connections, cut.clone());
        let http_connections = accept::connections(http, max_connections, cut.clone());
        info!(grpc = %grpc_addr, http = %http_addr, "listening for OTLP");
        let grpc = grpc::serve(
            settings.grpc,
            Arc::clone(&exporter),
            Arc::clone(&requests),
            grpc_connections,
            shutdown.clone(),
        );
        let http = http::serve(settings.http, exporter, requests, http_connections, shutdown.clone());
        let serving = async { tokio::join!(grpc, http).0.map_err(ServeError::Grpc) };
        tokio::select! {
            result = serving => result,
            () = overdue(&shutdown, grace) => {
                warn!(grace_s = grace.as_secs_f64(), "requests still in flight after the grace were cut off");
                cut.cancel();
                Ok(())
            }
        }
    }
}

/// Ends when the grace after shutdown has passed.
async fn overdue(shutdown: &CancellationToken, grace: Duration) {
    shutdown.cancelled().await;
    tokio::time::sleep(grace).await;
}

async fn listen(transport: Transport, endpoint: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    let bound = TcpListener::bind(endpoint).await.and_then(|listener| {
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    });
    bound.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::Taken { transport, endpoint: endpoint.to_owned() },
        _ => BindError::Listen { transport, endpoint: endpoint.to_owned(), source },
    })
}
