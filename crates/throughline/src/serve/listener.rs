//! A small HTTP server for people and probes: one router, one address.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::ServeError;

/// Serves `router` until `stop`. Returns once the port is bound, with the address (another one where the port was 0).
pub(crate) async fn serve(
    what: &'static str,
    key: &'static str,
    address: SocketAddr,
    router: Router,
    stop: &CancellationToken,
) -> Result<SocketAddr, ServeError> {
    let failed = |source| ServeError::Listen { what, key, address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let stop = stop.clone().cancelled_owned();
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop).await {
            tracing::error!(what, %error, "no longer served");
        }
    });
    tracing::info!(what, address = %bound, "listening");
    Ok(bound)
}
