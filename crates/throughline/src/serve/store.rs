//! The embedded engine, as a supervised child; nothing where the store is a server elsewhere.

use std::time::Duration;

use throughline_clickhouse::outbox::Outbox;
use throughline_config::{ClickHouseConfig, ClickHouseTarget};
use throughline_embedded_clickhouse::locate_library;
use throughline_embedded_clickhouse::supervise::{Settings, State, Supervisor};
use throughline_log::Log;
use tokio_util::sync::CancellationToken;

use super::ServeError;
use super::health::Readiness;

/// The first start of an engine loads half a gigabyte of library and every part.
const ENGINE_START: Duration = Duration::from_secs(120);

/// The engine, if it is embedded.
pub(crate) struct Engine(Option<Supervisor>);

impl Engine {
    /// Starts it without waiting for it: what is received meanwhile waits in the log.
    pub(crate) fn start(config: &ClickHouseConfig) -> Result<Self, ServeError> {
        let ClickHouseTarget::Embedded { listen, dir } = &config.target else { return Ok(Self(None)) };
        // said before the child is started, so that a missing library is one clear message
        locate_library()?;
        tracing::info!(address = %listen, path = %dir.display(), "starting the embedded ClickHouse");
        let settings = Settings::of_current_program(dir, *listen).map_err(ServeError::Child)?;
        Ok(Self(Some(Supervisor::start(settings)?)))
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

/// The store may be away for as long as the outbox has room: nobody has to wait for it, once it was there.
pub(super) fn watch(
    engine: &Engine,
    outbox: Outbox,
    has_schema: impl Fn() -> bool + Send + Sync + 'static,
    readiness: &Readiness,
) {
    let state = engine.0.as_ref().map(Supervisor::state);
    readiness.add("store", move || {
        let why = match state.as_ref().map(|state| state.borrow().clone()) {
            None | Some(State::Ready { .. }) => "the store does not answer".to_owned(),
            Some(State::Starting) => "the embedded ClickHouse is starting".to_owned(),
            Some(State::Waiting { reason }) => format!("the embedded ClickHouse has ended: {reason}"),
            Some(State::Stopped) => "the embedded ClickHouse is stopped".to_owned(),
        };
        match (has_schema(), outbox.is_full()) {
            (true, false) => Ok(()),
            (true, true) => Err(format!("the outbox is full: {why}")),
            (false, _) => Err(format!("the store has no schema yet: {why}")),
        }
    });
}

/// The log is writable as long as the disk has more free than is held in reserve.
pub(super) fn watch_log(log: Log, reserve_bytes: u64, readiness: &Readiness) {
    readiness.add("log", move || match log.usage().free_bytes {
        Some(free) if free < reserve_bytes => {
            Err(format!("the disk has {} MiB free, less than log.reserve_gib", free >> 20))
        }
        _ => Ok(()),
    });
}
