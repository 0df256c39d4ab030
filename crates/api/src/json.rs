//! The JSON side: the same questions by path and query string.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::Deserialize;

use crate::{
    ApiError,
    query::{ExplainRequest, Explanation, ListTransactionsRequest, ListTransactionsResponse},
    questions::Questions,
};

/// Which tenant a question is about; the default one if it does not say.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Tenant {
    #[serde(default)]
    tenant: String,
}

/// `GET /api/v1/explain/{key}`
pub(crate) async fn explain(
    State(questions): State<Questions>,
    Path(key): Path<String>,
    Query(Tenant { tenant }): Query<Tenant>,
) -> Result<Json<Explanation>, ApiError> {
    Ok(Json(questions.explain(&ExplainRequest { key, tenant }).await?))
}

/// `GET /api/v1/transactions`
pub(crate) async fn transactions(
    State(questions): State<Questions>,
    Query(request): Query<ListTransactionsRequest>,
) -> Result<Json<ListTransactionsResponse>, ApiError> {
    Ok(Json(questions.list(&request).await?))
}
