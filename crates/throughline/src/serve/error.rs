//! Why `serve` cannot serve.

use std::net::SocketAddr;

use thiserror::Error;
use throughline_assembly::rules::RuleFault;
use throughline_clickhouse::outbox::OutboxError;
use throughline_embedded_clickhouse::LibraryMissing;
use throughline_embedded_clickhouse::supervise::SuperviseError;
use throughline_log::OpenError;
use throughline_receiver::BindError;
use throughline_worker::WorkerError;

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
    /// The rules do not compile: the configuration was checked, so this is another version's.
    #[error("rules: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Rules(Vec<RuleFault>),
    /// A log or the states of the folds cannot be opened.
    #[error(transparent)]
    Log(#[from] OpenError),
    /// The outbox cannot be opened.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The folds cannot go on.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The receiver's ports are not to be had.
    #[error(transparent)]
    Receiver(#[from] BindError),
    /// The system takes no handler of signals.
    #[error("SIGHUP cannot be listened for")]
    Signal(#[source] std::io::Error),
    /// The query API's port is not to be had.
    #[error(transparent)]
    Api(#[from] throughline_api::ServeError),
}

impl From<Vec<RuleFault>> for ServeError {
    fn from(faults: Vec<RuleFault>) -> Self {
        Self::Rules(faults)
    }
}
