//! The store: the embedded engine as a supervised child, or a server by its address; its schema brought up to date.

use std::time::Duration;

use throughline_clickhouse::StoreError;
use throughline_clickhouse::schema::migrate;
use throughline_config::{ClickHouseConfig, ClickHouseTarget};
use throughline_embedded_clickhouse::locate_library;
use throughline_embedded_clickhouse::supervise::{Settings, State, Supervisor};
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::health::Readiness;
use crate::command::migrate::{schema, store};

/// The first start of an engine loads half a gigabyte of library and every part.
const ENGINE_START: Duration = Duration::from_secs(120);

/// Between two attempts to reach a server that is not there yet.
const RETRY: Duration = Duration::from_secs(2);

/// The running store.
pub(crate) struct Store {
    engine: Option<Supervisor>,
}

impl Store {
    /// Starts the engine where it is embedded, waits until the store answers, and upgrades the schema. Gives up at `shutdown`.
    pub(crate) async fn start(
        config: &ClickHouseConfig,
        readiness: &Readiness,
        shutdown: &CancellationToken,
    ) -> Result<Self, ServeError> {
        let engine = match &config.target {
            ClickHouseTarget::Server { .. } => None,
            ClickHouseTarget::Embedded { listen, dir } => {
                // said before the child is started, so that a missing library is one clear message
                locate_library()?;
                tracing::info!(address = %listen, path = %dir.display(), "starting the embedded ClickHouse");
                let settings = Settings::of_current_program(dir, *listen).map_err(ServeError::Child)?;
                Some(Supervisor::start(settings)?)
            }
        };
        if let Some(engine) = &engine {
            watch(engine, readiness);
            if let Some(ready) = shutdown.run_until_cancelled(engine.ready(ENGINE_START)).await {
                ready?;
            }
        }
        if let Some(upgraded) = shutdown.run_until_cancelled(upgrade(config)).await {
            upgraded.map_err(ServeError::Schema)?;
        }
        Ok(Self { engine })
    }

    /// Ends the engine in order.
    pub(crate) async fn stop(self) {
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }
}

fn watch(engine: &Supervisor, readiness: &Readiness) {
    let state = engine.state();
    readiness.add("store", move || match &*state.borrow() {
        State::Ready { .. } => Ok(()),
        State::Starting => Err("the embedded ClickHouse is starting".to_owned()),
        State::Waiting { reason } => Err(format!("the embedded ClickHouse has ended: {reason}")),
        State::Stopped => Err("the embedded ClickHouse is stopped".to_owned()),
    });
}

/// Tries until it is done, or can never be.
async fn upgrade(config: &ClickHouseConfig) -> Result<(), StoreError> {
    let (store, schema) = (store(config), schema(config));
    loop {
        match migrate(&store, &schema, false).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_retryable() => {
                tracing::warn!(%error, again_in = ?RETRY, "the store does not answer; it is asked again");
                tokio::time::sleep(RETRY).await;
            }
            Err(error) => return Err(error),
        }
    }
}
