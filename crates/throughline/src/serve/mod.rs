//! `serve`: everything in one process. [`run`] reads as the architecture, a line a stage.

mod bank;
mod error;
mod health;
mod listener;
mod metrics;
mod store;

use throughline_config::Config;
use tokio_util::sync::CancellationToken;

pub(crate) use error::ServeError;

use health::Readiness;

/// Serves until `shutdown`, then ends in the order of the data: receive, assemble, store.
pub(crate) async fn run(
    config: Config,
    bank: Option<f64>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    // What watches outlives what is watched: health and metrics end last.
    let watching = CancellationToken::new();
    let _end_watching = watching.clone().drop_guard();
    metrics::serve(config.metrics, &watching).await?;
    let readiness = Readiness::default();
    health::serve(config.health, readiness.clone(), &watching).await?;

    let store = store::Store::start(&config.clickhouse, &readiness, &shutdown).await?;
    let bank = bank.map(|rate| bank::Bank::start(&config, rate, &shutdown));
    readiness.started();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "throughline serves");

    shutdown.cancelled().await;
    readiness.ending();
    if let Some(bank) = bank {
        bank.stopped().await;
    }
    store.stop().await;
    tracing::info!("ended in order");
    Ok(())
}
