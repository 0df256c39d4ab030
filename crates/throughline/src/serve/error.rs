//! Why `serve` cannot serve.

use std::net::SocketAddr;

use thiserror::Error;
use throughline_clickhouse::StoreError;
use throughline_embedded_clickhouse::LibraryMissing;
use throughline_embedded_clickhouse::supervise::SuperviseError;

/// Why `serve` cannot serve.
#[derive(Debug, Error)]
pub(crate) enum ServeError {
    /// A port is taken.
    #[error("{what} cannot listen on {address} ({key}): is another throughline running?")]
    Listen {
        what: &'static str,
        key: &'static str,
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    /// The recorder of metrics is there already.
    #[error("metrics cannot be recorded")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The engine's library is not on this machine.
    #[error(transparent)]
    Library(#[from] LibraryMissing),
    /// The engine does not run.
    #[error(transparent)]
    Engine(#[from] SuperviseError),
    /// This program's own path is unknown.
    #[error("the engine cannot be started as a child")]
    Child(#[source] std::io::Error),
    /// The schema could not be brought up to date.
    #[error("the schema of the store cannot be upgraded")]
    Schema(#[source] StoreError),
}
