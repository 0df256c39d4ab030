//! Metrics for Prometheus at `/metrics`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use super::{ServeError, listener};

/// Bounds of every duration, seconds: from one fsync on a fast disk to a client's longest patience.
const SECONDS: [f64; 16] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    60.0,
];

/// How often histograms are tidied: between scrapes their samples take memory.
const UPKEEP: Duration = Duration::from_secs(5);

/// Version of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counter: changed configurations by `result`: `taken`, `unchanged`, `refused`.
pub(super) const CONFIG_RELOADS: &str = "throughline_config_reloads_total";

/// Gauges by `type` and `window`: part of the transactions that met the type's objective; how many times faster than allowed its error budget is spent; what is
/// left of the budget over the window.
pub(super) const SLO_ATTAINMENT: &str = "throughline_slo_attainment";
pub(super) const SLO_BURN_RATE: &str = "throughline_slo_burn_rate";
pub(super) const SLO_BUDGET_LEFT: &str = "throughline_slo_budget_left";

/// Installs the recorder and serves it until `stop`.
pub(crate) async fn serve(address: SocketAddr, stop: &CancellationToken) -> Result<SocketAddr, ServeError> {
    let handle = builder()?.install_recorder()?;
    throughline_api::metrics::describe();
    throughline_notify::metrics::describe();
    throughline_receiver::metrics::describe();
    throughline_index::describe();
    throughline_log::describe();
    throughline_worker::metrics::describe();
    throughline_clickhouse::metrics::describe();
    metrics::describe_counter!(
        CONFIG_RELOADS,
        "Times that the configuration was read again, by what came of it"
    );
    metrics::describe_gauge!(
        SLO_ATTAINMENT,
        "Part of all transactions of a type, sampled or not, that met its objective"
    );
    metrics::describe_gauge!(
        SLO_BURN_RATE,
        "How many times faster than allowed a type's error budget is spent"
    );
    metrics::describe_gauge!(
        SLO_BUDGET_LEFT,
        "What is left of a type's error budget over the window; below 0 it is overspent"
    );
    metrics::describe_gauge!("throughline_build_info", "Always 1; the label says which version runs");
    metrics::gauge!("throughline_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let bound = listener::serve("metrics", "metrics.endpoint", address, router(handle.clone()), stop).await?;
    tokio::spawn(upkeep(handle, stop.clone()));
    Ok(bound)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}

fn router(handle: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(move || async move { ([(CONTENT_TYPE, TEXT)], handle.render()) }))
}

async fn upkeep(handle: PrometheusHandle, stop: CancellationToken) {
    let mut every = tokio::time::interval(UPKEEP);
    while stop.run_until_cancelled(every.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_histograms_in_seconds() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("throughline_log_sync_duration_seconds").record(0.003);
        });
        let text = handle.render();
        assert!(text.contains("throughline_log_sync_duration_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("throughline_log_sync_duration_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
    }
}
