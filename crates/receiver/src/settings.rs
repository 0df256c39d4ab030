//! What can be set, and why the defaults are what they are.

use std::time::Duration;

use thiserror::Error;

const MIB: usize = 1 << 20;

/// Everything that a [`crate::Receiver`] is told.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// OTLP/gRPC.
    pub grpc: GrpcSettings,
    /// OTLP/HTTP.
    pub http: HttpSettings,
    /// Shared by both.
    pub limits: Limits,
}

/// OTLP/gRPC.
#[derive(Clone, Debug)]
pub struct GrpcSettings {
    /// `host:port` to listen on; port 0 takes a free one.
    pub endpoint: String,
    /// Largest request, MiB, as sent and after decompression. OTLP recommends 64.
    pub max_recv_msg_size_mib: usize,
    /// Requests at one time on one connection. A Collector's queue has 10 consumers, a load balancer's connection carries many clients.
    pub max_concurrent_streams: u32,
    /// When connections are checked and ended.
    pub keepalive: Keepalive,
}

/// When a gRPC connection is checked and ended.
#[derive(Clone, Debug)]
pub struct Keepalive {
    /// Silence after which the client is asked whether it is still there.
    pub time: Duration,
    /// How long it has for the answer.
    pub timeout: Duration,
    /// Age at which a client is asked to connect anew, so that a load balancer can spread clients; `None` for never.
    pub max_connection_age: Option<Duration>,
    /// How long the requests of such a connection may still take.
    pub max_connection_age_grace: Duration,
}

/// OTLP/HTTP.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// `host:port` to listen on; port 0 takes a free one.
    pub endpoint: String,
    /// Largest body, MiB, as sent and after decompression.
    pub max_request_body_size_mib: usize,
    /// For exporters in browsers.
    pub cors: CorsSettings,
    /// How long a client may take for the head of a request; idle connections are closed after it too.
    pub header_timeout: Duration,
}

/// Which browsers may send.
#[derive(Clone, Debug)]
pub struct CorsSettings {
    /// Origins, `*` in one standing for anything (`https://*.bank.example`). None: no browser may.
    pub allowed_origins: Vec<String>,
    /// Headers beyond the safe ones that a page may set; `*` for any.
    pub allowed_headers: Vec<String>,
    /// How long a browser may remember the answer to its preflight.
    pub max_age: Duration,
}

/// What both transports share.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of requests held at one time, compressed and decompressed; beyond it clients are told to come again.
    pub max_in_flight_bytes: usize,
    /// Requests at one time; beyond it clients are told to come again.
    pub max_in_flight_requests: usize,
    /// Connections at one time and transport; beyond it new ones wait.
    pub max_connections: usize,
    /// How long a client may take to send a request's body.
    pub read_timeout: Duration,
    /// What clients are told to wait when memory is short.
    pub retry_delay: Duration,
    /// How long requests in flight may take after shutdown began.
    pub shutdown_grace: Duration,
}

impl Default for GrpcSettings {
    fn default() -> Self {
        Self {
            endpoint: "127.0.0.1:4317".into(),
            max_recv_msg_size_mib: 64,
            max_concurrent_streams: 256,
            keepalive: Keepalive::default(),
        }
    }
}

impl Default for Keepalive {
    fn default() -> Self {
        Self {
            // grpc-go's server default is two hours, which no NAT gateway remembers.
            time: Duration::from_secs(60),
            timeout: Duration::from_secs(20),
            max_connection_age: Some(Duration::from_secs(30 * 60)),
            max_connection_age_grace: Duration::from_secs(30),
        }
    }
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            endpoint: "127.0.0.1:4318".into(),
            max_request_body_size_mib: 64,
            cors: CorsSettings::default(),
            // As the Collector: exporters that send every 5 s keep their connection.
            header_timeout: Duration::from_secs(60),
        }
    }
}

impl Default for CorsSettings {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            allowed_headers: ["accept", "content-type", "content-encoding", "x-requested-with"]
                .map(String::from)
                .into(),
            max_age: Duration::from_secs(7200),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two of the largest requests as sent and decompressed, or a thousand usual ones.
            max_in_flight_bytes: 256 * MIB,
            max_in_flight_requests: 4096,
            max_connections: 10_000,
            read_timeout: Duration::from_secs(60),
            retry_delay: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

impl GrpcSettings {
    /// Largest request, bytes.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_recv_msg_size_mib.saturating_mul(MIB)
    }
}

impl HttpSettings {
    /// Largest body, bytes.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_request_body_size_mib.saturating_mul(MIB)
    }
}

/// Settings that cannot work together.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// A limit of nothing refuses everything.
    #[error("receiver.{key} must be greater than 0")]
    Zero {
        /// Which.
        key: &'static str,
    },
    /// A request of the largest size could never be held.
    #[error(
        "receiver.limits.max_in_flight_bytes is {budget} bytes, but a compressed request of the largest size takes up to {needed}: raise it or lower max_recv_msg_size_mib and max_request_body_size_mib"
    )]
    BudgetTooSmall {
        /// What is set.
        budget: usize,
        /// What one request can take.
        needed: usize,
    },
    /// Larger than a request may be for its offsets to be told.
    #[error("receiver.{key} must be at most {max} MiB")]
    RequestTooLarge {
        /// Which.
        key: &'static str,
        /// The most it can be.
        max: usize,
    },
}

impl Settings {
    /// All faults at once.
    ///
    /// # Errors
    /// Every setting that cannot work.
    pub fn check(&self) -> Result<(), Vec<SettingsError>> {
        let mut faults = Vec::new();
        let sizes = [
            ("grpc.max_recv_msg_size_mib", self.grpc.max_recv_msg_size_mib),
            ("http.max_request_body_size_mib", self.http.max_request_body_size_mib),
        ];
        let counts = [
            ("grpc.max_concurrent_streams", self.grpc.max_concurrent_streams as usize),
            ("limits.max_in_flight_requests", self.limits.max_in_flight_requests),
            ("limits.max_connections", self.limits.max_connections),
        ];
        for (key, value) in sizes.into_iter().chain(counts) {
            if value == 0 {
                faults.push(SettingsError::Zero { key });
            }
        }
        let max = throughline_otlp::limits::MAX_REQUEST_BYTES / MIB;
        for (key, _) in sizes.iter().filter(|(_, value)| *value > max) {
            faults.push(SettingsError::RequestTooLarge { key, max });
        }
        let needed = self.grpc.max_bytes().max(self.http.max_bytes()).saturating_mul(2);
        if self.limits.max_in_flight_bytes < needed {
            faults.push(SettingsError::BudgetTooSmall { budget: self.limits.max_in_flight_bytes, needed });
        }
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_work_together() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn every_fault_is_reported() {
        let mut settings = Settings::default();
        settings.grpc.max_concurrent_streams = 0;
        settings.limits.max_in_flight_bytes = MIB;
        assert_eq!(
            settings.check(),
            Err(vec![
                SettingsError::Zero { key: "grpc.max_concurrent_streams" },
                SettingsError::BudgetTooSmall { budget: MIB, needed: 128 * MIB },
            ])
        );
    }
}
