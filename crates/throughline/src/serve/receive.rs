//! The receiver, as the configuration wants it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use throughline_config::ReceiverConfig;
use throughline_log::Log;
use throughline_otlp::CompiledPlan;
use throughline_receiver::{
    CorsSettings, GrpcSettings, HttpSettings, Keepalive, Limits, LogIntake, Receiver, Settings,
};

use super::ServeError;

/// Binds both ports. What arrives is scanned for what `plan` asks at the time, and is answered once it lies in `log`.
pub(super) async fn bind(
    config: &ReceiverConfig,
    log: Log,
    plan: &Arc<ArcSwap<CompiledPlan>>,
) -> Result<Receiver, ServeError> {
    let intake = Arc::new(LogIntake::new(Arc::new(log), Arc::clone(plan)));
    Ok(Receiver::bind(settings(config), intake).await?)
}

fn settings(config: &ReceiverConfig) -> Settings {
    let (grpc, http) = (&config.grpc, &config.http);
    let mib = |mib: u64| usize::try_from(mib).unwrap_or(usize::MAX);
    Settings {
        grpc: GrpcSettings {
            endpoint: grpc.endpoint.to_string(),
            max_recv_msg_size_mib: mib(grpc.max_recv_msg_size_mib),
            max_concurrent_streams: grpc.max_concurrent_streams,
            keepalive: Keepalive { max_connection_age: grpc.max_connection_age, ..Keepalive::default() },
        },
        http: HttpSettings {
            endpoint: http.endpoint.to_string(),
            max_request_body_size_mib: mib(http.max_request_body_size_mib),
            cors: CorsSettings {
                allowed_origins: http.allowed_origins.clone(),
                allowed_headers: http.allowed_headers.clone(),
                max_age: http.cors_max_age,
            },
            ..HttpSettings::default()
        },
        limits: Limits {
            max_in_flight_bytes: mib(config.max_in_flight_bytes),
            max_in_flight_requests: config.max_in_flight_requests as usize,
            max_connections: config.max_connections as usize,
            read_timeout: config.read_timeout,
            ..Limits::default()
        },
    }
}
