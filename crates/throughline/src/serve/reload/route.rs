//! A reload by the API: `POST /api/v1/config/reload`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};

use super::{Reloaded, Reloader};

/// The route, for the query API's port. 200 where it is taken or says what it said before, 422 with all faults where it is refused.
pub(crate) fn router(reloader: Arc<Reloader>) -> Router {
    Router::new().route("/api/v1/config/reload", post(reload)).with_state(reloader)
}

async fn reload(State(reloader): State<Arc<Reloader>>) -> (StatusCode, Json<Reloaded>) {
    let reloaded = reloader.reload("API").await;
    let status = if reloaded.is_refused() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    (status, Json(reloaded))
}
