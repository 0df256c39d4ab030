//! Health: `/healthz` says that the process lives, `/readyz` whether it can do its work, and what is missing.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::{ServeError, listener};

/// Something that has to be right. `Err` says what is not.
type Check = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Everything that readiness asks.
#[derive(Clone, Default)]
pub(crate) struct Readiness(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    checks: Vec<(&'static str, Check)>,
    phase: Phase,
}

#[derive(Clone, Copy, Default)]
enum Phase {
    #[default]
    Starting,
    Serving,
    Ending,
}

/// The answer of `/readyz`.
#[derive(Debug, Serialize)]
struct Answer {
    ready: bool,
    checks: Vec<Line>,
}

/// One check.
#[derive(Debug, Serialize)]
struct Line {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Readiness {
    /// Adds a check. It is asked at each probe, so it looks at what is known and waits for nothing.
    pub(crate) fn add(
        &self,
        name: &'static str,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.state(|state| state.checks.push((name, Box::new(check))));
    }

    /// All stages run.
    pub(crate) fn started(&self) {
        self.state(|state| state.phase = Phase::Serving);
    }

    /// The end has begun: no load balancer shall send more.
    pub(crate) fn ending(&self) {
        self.state(|state| state.phase = Phase::Ending);
    }

    fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self) -> Answer {
        self.state(|state| {
            let phase = match state.phase {
                Phase::Starting => Err("starting".to_owned()),
                Phase::Serving => Ok(()),
                Phase::Ending => Err("ending".to_owned()),
            };
            let results = std::iter::once(("process", phase))
                .chain(state.checks.iter().map(|(name, check)| (*name, check())));
            let checks: Vec<_> = results
                .map(|(name, result)| Line { name, ready: result.is_ok(), reason: result.err() })
                .collect();
            Answer { ready: checks.iter().all(|line| line.ready), checks }
        })
    }
}

/// Serves both until `stop`.
pub(crate) async fn serve(
    address: SocketAddr,
    readiness: Readiness,
    stop: &CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let ready = move || async move {
        let answer = readiness.answer();
        let status = if answer.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(answer))
    };
    let router = Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "alive": true })) }))
        .route("/readyz", get(ready));
    listener::serve("health", "health.endpoint", address, router, stop).await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn ready_is_when_started_and_all_checks_hold_and_the_reason_is_said() {
        let readiness = Readiness::default();
        assert!(!readiness.answer().ready, "not before all stages run");
        readiness.started();
        assert!(readiness.answer().ready);
        let full = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&full);
        readiness
            .add("log", move || if seen.load(Ordering::Relaxed) { Err("disk full".into()) } else { Ok(()) });
        let text = serde_json::to_string(&readiness.answer()).unwrap();
        assert!(text.contains(r#""ready":false"#) && text.contains("disk full"), "{text}");
        full.store(false, Ordering::Relaxed);
        assert!(readiness.answer().ready);
        readiness.ending();
        assert!(!readiness.answer().ready, "not while ending");
    }
}
