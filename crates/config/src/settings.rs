//! The configuration as types. Defaults stand in the table of keys, nowhere else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use throughline_advice::Packs;
use throughline_assembly::rules::RulesSettings;

use crate::secret::Secret;

/// Everything that can be configured, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of all state.
    pub data_dir: PathBuf,
    /// OTLP in.
    pub receiver: ReceiverConfig,
    /// The logs.
    pub log: LogConfig,
    /// What the core decides by: traces, partners, departments, transactions, sampling, batches.
    pub rules: RulesSettings,
    /// Service levels of transaction types, in the order of `rules.transactions.types`.
    pub service_levels: Vec<Option<ServiceLevel>>,
    /// Advice on incidents.
    pub advice: Arc<Packs>,
    /// Files that it was read from.
    pub advice_files: Vec<PathBuf>,
    /// The store.
    pub clickhouse: ClickHouseConfig,
    /// Who is told of incidents.
    pub notify: NotifyConfig,
    /// Where the query API listens.
    pub api: SocketAddr,
    /// Where metrics are served.
    pub metrics: SocketAddr,
    /// Where health is served.
    pub health: SocketAddr,
}

/// Who is told of incidents.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    /// Alertmanagers, by their address.
    pub alertmanagers: Vec<String>,
    /// URLs that take a JSON object.
    pub webhooks: Vec<String>,
}

/// OTLP in.
#[derive(Clone, Debug)]
pub struct ReceiverConfig {
    /// OTLP/gRPC.
    pub grpc: GrpcConfig,
    /// OTLP/HTTP.
    pub http: HttpConfig,
    /// Most bytes of requests held at one time.
    pub max_in_flight_bytes: u64,
    /// Most requests at one time.
    pub max_in_flight_requests: u32,
    /// Most connections at one time and transport.
    pub max_connections: u32,
    /// How long a client may take to send a request.
    pub read_timeout: Duration,
}

/// OTLP/gRPC.
#[derive(Clone, Debug)]
pub struct GrpcConfig {
    /// Where it listens.
    pub endpoint: SocketAddr,
    /// Largest request, MiB.
    pub max_recv_msg_size_mib: u64,
    /// Requests at one time on one connection.
    pub max_concurrent_streams: u32,
    /// Age at which a client is asked to connect anew; `None` for never.
    pub max_connection_age: Option<Duration>,
}

/// OTLP/HTTP.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where it listens.
    pub endpoint: SocketAddr,
    /// Largest body, MiB.
    pub max_request_body_size_mib: u64,
    /// Origins of browsers that may send.
    pub allowed_origins: Vec<String>,
    /// Headers that a page may set.
    pub allowed_headers: Vec<String>,
    /// How long a browser may remember the answer to its preflight.
    pub cors_max_age: Duration,
}

/// The span log and the summary log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// Folder of both.
    pub dir: PathBuf,
    /// Partitions of each.
    pub partitions: u32,
    /// How long bytes stay.
    pub retention_age: Duration,
    /// Most bytes that stay beyond what undecided transactions need.
    pub retention_bytes: u64,
    /// Clients are refused while less of the disk is free, bytes.
    pub reserve_bytes: u64,
}

/// A service level: this part of the transactions is as fast as this.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServiceLevel {
    /// Fast enough.
    pub latency: Duration,
    /// Part, above 0 and at most 1.
    pub objective: f64,
}

/// The store.
#[derive(Clone, Debug)]
pub struct ClickHouseConfig {
    /// Which store.
    pub target: ClickHouseTarget,
    /// User there.
    pub user: String,
    /// Password there.
    pub password: Secret,
    /// Database of all tables.
    pub database: String,
    /// How long spans stay; zero for ever.
    pub retention_spans: Duration,
    /// How long transactions and roll-ups stay; zero for ever.
    pub retention_transactions: Duration,
}

/// Which store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClickHouseTarget {
    /// The engine as a child process.
    Embedded {
        /// Where it listens.
        listen: SocketAddr,
        /// Its data.
        dir: PathBuf,
    },
    /// A server.
    Server {
        /// `http://host:8123` or `https://…`.
        url: String,
    },
}

impl ClickHouseConfig {
    /// Where ClickHouse's HTTP interface answers.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.target {
            ClickHouseTarget::Embedded { listen, .. } => format!("http://{listen}"),
            ClickHouseTarget::Server { url } => url.clone(),
        }
    }
}
