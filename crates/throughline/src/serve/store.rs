//! The embedded engine, as a supervised child; nothing where the store is a server elsewhere.

use std::time::Duration;

use throughline_config::{ClickHouseConfig, ClickHouseTarget};
use throughline_embedded_clickhouse::locate_library;
use throughline_embedded_clickhouse::supervise::{Settings, State, Supervisor};
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::health::Readiness;

/// The first start of an engine loads half a gigabyte of library and every part.
const ENGINE_START: Duration = Duration::from_secs(120);

/// The engine, if it is embedded.
pub(crate) struct Engine(Option<Supervisor>);

impl Engine {
    /// Starts it without waiting for it: what is received meanwhile waits in the log.
    pub(crate) fn start(config: &ClickHouseConfig, readiness: &Readiness) -> Result<Self, ServeError> {
        let ClickHouseTarget::Embedded { listen, dir } = &config.target else { return Ok(Self(None)) };
        // said before the child is started, so that a missing library is one clear message
        locate_library()?;
        tracing::info!(address = %listen, path = %dir.display(), "starting the embedded ClickHouse");
        let settings = Settings::of_current_program(dir, *listen).map_err(ServeError::Child)?;
        let engine = Supervisor::start(settings)?;
        watch(&engine, readiness);
        Ok(Self(Some(engine)))
    }

    /// Waits until it answers, or until `shutdown`.
    pub(crate) async fn ready(&self, shutdown: &CancellationToken) -> Result<(), ServeError> {
        if let Some(engine) = &self.0
            && let Some(ready) = shutdown.run_until_cancelled(engine.ready(ENGINE_START)).await
        {
            ready?;
        }
        Ok(())
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        if let Some(engine) = self.0 {
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
