//! `serve`: everything in one process. [`run`] reads as the architecture, a line a stage.

mod bank;
mod data;
mod error;
mod health;
mod listener;
mod metrics;
mod notify;
mod receive;
mod reload;
mod slo;
mod store;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use throughline_api::{Advice, Api, Questions, Settings as ApiSettings};
use throughline_assembly::rules::Rules;
use throughline_clickhouse::sink::{Sink, SinkSettings};
use throughline_config::{Config, Sources};
use throughline_worker::{Parts, Retention, Worker};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub(crate) use error::ServeError;

use data::Data;
use health::Readiness;
use reload::{Changes, Reloader};

/// How long the end waits for the folds and for the store to take what they seal, together; what is left waits on disk for the next start.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `shutdown` what `sources` said, and say when they change; then ends in the order of the data: receive, assemble, store.
pub(crate) async fn run(
    config: Config,
    sources: Sources,
    bank: Option<f64>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    // What watches outlives what is watched: health and metrics end last.
    let watching = CancellationToken::new();
    let _end_watching = watching.clone().drop_guard();
    metrics::serve(config.metrics, &watching).await?;
    let readiness = Readiness::default();
    health::serve(config.health, readiness.clone(), &watching).await?;

    let rules = Arc::new(Rules::compile(config.rules.clone())?);
    let data = Data::open(&config)?;
    let engine = store::Engine::start(&config.clickhouse)?;
    let store = crate::command::migrate::store(&config.clickhouse);
    let sink = Sink::start(
        store.clone(),
        data.outbox.clone(),
        SinkSettings::new(crate::command::migrate::schema(&config.clickhouse)),
    );
    store::watch(&engine, data.outbox.clone(), sink.readiness(), &readiness);
    store::watch_log(data.span_log.clone(), config.log.reserve_bytes, &readiness);
    let mut worker = Worker::start(parts(&data, &rules, &config))?;
    let plan = Arc::new(ArcSwap::new(Arc::clone(&rules.plan)));
    let receiver = receive::bind(&config.receiver, data.span_log.clone(), &plan).await?;
    let advice: Advice = Arc::new(ArcSwap::new(Arc::clone(&config.advice)));
    let changes = Changes { switch: worker.switch(), plan, advice: Arc::clone(&advice) };
    let (reloader, objectives) = Reloader::new(sources, config.clone(), &rules, changes);
    slo::start(store.clone(), sink.readiness(), objectives, watching.clone());
    let questions = Questions::new(store, Some(worker.in_flight())).with_incidents(worker.incidents());
    let questions = questions.with_advice(Arc::clone(&advice));
    let api = Api::bind(ApiSettings { endpoint: config.api }, questions).await?;
    let api = api.with(reload::router(Arc::clone(&reloader)));

    let receiving = CancellationToken::new();
    let received = tokio::spawn(receiver.serve(receiving.clone()));
    let answering = tokio::spawn(api.serve(watching.clone()));
    let notifier = notify::start(&config, worker.incidents(), advice, &watching);
    engine.ready(&shutdown).await?;
    readiness.started();
    reload::hangups(Arc::clone(&reloader), shutdown.clone()).map_err(ServeError::Signal)?;
    reload::files(reloader, shutdown.clone());
    let bank = bank.map(|rate| bank::Bank::start(&config, rate, worker.in_flight(), &shutdown));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "throughline serves");

    let failure = tokio::select! {
        () = shutdown.cancelled() => None,
        failure = worker.failure() => Some(failure),
    };
    if let Some(failure) = &failure {
        tracing::error!(error = %crate::process::exit::Failure::of(failure).message, "a driver cannot go on; what was acknowledged lies in the log, for the next start");
    }
    readiness.ending();
    shutdown.cancel();
    if let Some(bank) = bank {
        bank.stopped().await;
    }
    receiving.cancel();
    ended("receiver", received).await;
    // A log that takes nothing must not hold the end up: what is not cut now is read again from the log.
    let deadline = Instant::now() + DRAIN;
    let drained = tokio::time::timeout_at(deadline, worker.drain()).await.unwrap_or_else(|_| {
        tracing::warn!("the folds have not ended in time; the next start goes on where they were");
        Ok(())
    });
    if tokio::time::timeout_at(deadline, data.outbox.wait_until_empty()).await.is_err() {
        tracing::warn!(
            cuts = data.outbox.len(),
            "the store has not taken all; the rest waits in the outbox for the next start"
        );
    }
    sink.stop().await;
    watching.cancel();
    ended("query API", answering).await;
    notifier.stopped().await;
    engine.stop().await;
    failure.map_or(drained, Err)?;
    tracing::info!("ended in order");
    Ok(())
}

fn parts(data: &Data, rules: &Arc<Rules>, config: &Config) -> Parts {
    Parts {
        span_log: data.span_log.clone(),
        summary_log: data.summary_log.clone(),
        analysis_log: data.analysis_log.clone(),
        snapshots: data.snapshots.clone(),
        outbox: data.outbox.clone(),
        rules: Arc::clone(rules),
        retention: Retention { age: config.log.retention_age, bytes: config.log.retention_bytes },
        index: config.log.dir.join("index"),
    }
}

/// Waits for a stage; how it ended is said, and stops no other.
async fn ended<E: std::error::Error>(what: &'static str, stage: JoinHandle<Result<(), E>>) {
    match stage.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(what, %error, "ended badly"),
        Err(error) => tracing::error!(what, %error, "failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an orderly end may take in all: orchestrators kill after half a minute.
    const END: Duration = Duration::from_secs(30);

    /// How long the query API and those who are told of incidents are waited for.
    const ANSWERS: Duration = Duration::from_secs(4);

    #[test]
    fn all_that_the_end_waits_for_fits_into_its_time() {
        use throughline_embedded_clickhouse::{Options, supervise::Settings as EngineSettings};
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let requests = throughline_receiver::Settings::default().limits.shutdown_grace;
        let engine = EngineSettings::new("engine".into(), Vec::new(), address).stop_timeout;
        assert!(requests + DRAIN + ANSWERS + engine < END);
        // Statements end, are cancelled, and the engine closes: before it is killed.
        let statements = Options::new("library".into(), "data".into(), address).drain_timeout;
        assert!(3 * statements < engine);
    }
}
