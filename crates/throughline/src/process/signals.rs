//! SIGTERM and SIGINT ask for an orderly end; the second one gets an immediate end.

use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit code where a second signal cut the orderly end short.
const CUT_SHORT: i32 = 1;

/// Signals this close together are one: `timeout`, `make` and shells send theirs to the process and to its group.
const SAME: Duration = Duration::from_secs(1);

/// A token that is cancelled by the first signal.
///
/// # Errors
/// Where the system takes no handler.
pub(crate) fn shutdown() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "ending; a second signal ends at once");
        let first = Instant::now();
        cancelled.cancel();
        let mut name = next(&mut terminate, &mut interrupt).await;
        while first.elapsed() < SAME {
            name = next(&mut terminate, &mut interrupt).await;
        }
        tracing::warn!(signal = name, "second signal: ending at once");
        std::process::exit(CUT_SHORT);
    });
    Ok(token)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
