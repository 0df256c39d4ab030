//! The JSON side: the same questions by path and query string.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};

use crate::{
    ApiError,
    alerts::{SimpleAlerts, Webhook},
    extract::{self, Path, Query},
    query::{
        Change, CompareRequest, Comparison, ExplainRequest, Explanation, FeedbackRequest, GetIncidentRequest,
        Incident, Kpis, KpisRequest, ListAlertsRequest, ListAlertsResponse, ListBaselinesRequest,
        ListBaselinesResponse, ListChangesRequest, ListChangesResponse, ListDeploymentsRequest,
        ListDeploymentsResponse, ListIncidentsRequest, ListIncidentsResponse, ListTransactionsRequest,
        ListTransactionsResponse, TellChangeRequest, Topology, TopologyRequest,
    },
    questions::Questions,
    time,
};

/// Which tenant a question is about. Where it does not say, what is stored is that of all, the default one's first; what is in flight is the default one's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// `GET /api/v1/incidents`
pub(crate) async fn incidents(
    State(questions): State<Questions>,
    Query(request): Query<ListIncidentsRequest>,
) -> Result<Json<ListIncidentsResponse>, ApiError> {
    Ok(Json(questions.list_incidents(&request).await?))
}

/// `GET /api/v1/incidents/{id}`
pub(crate) async fn incident(
    State(questions): State<Questions>,
    Path(id): Path<String>,
    Query(Tenant { tenant }): Query<Tenant>,
) -> Result<Json<Incident>, ApiError> {
    Ok(Json(questions.incident(&GetIncidentRequest { id, tenant }).await?))
}

/// `GET /api/v1/incidents/watch`: one object a line, for as long as it is read.
pub(crate) async fn watch(
    State(questions): State<Questions>,
    Query(Tenant { tenant }): Query<Tenant>,
) -> Result<Response, ApiError> {
    let lines = ReceiverStream::new(questions.watch_incidents(tenant)?).map(|incident| {
        let mut line = serde_json::to_vec(&incident)?;
        line.push(b'\n');
        Ok::<_, serde_json::Error>(line)
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// What a person says of a suspect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Said {
    suspect: u32,
    confirmed: bool,
    #[serde(default)]
    by: String,
    #[serde(default)]
    tenant: String,
}

/// `POST /api/v1/incidents/{id}/feedback`
pub(crate) async fn feedback(
    State(questions): State<Questions>,
    Path(incident): Path<String>,
    extract::Body(Said { suspect, confirmed, by, tenant }): extract::Body<Said>,
) -> Result<Json<Incident>, ApiError> {
    Ok(Json(questions.give_feedback(&FeedbackRequest { incident, suspect, confirmed, by, tenant }).await?))
}

/// `GET /api/v1/compare`
pub(crate) async fn compare(
    State(questions): State<Questions>,
    Query(request): Query<CompareRequest>,
) -> Result<Json<Comparison>, ApiError> {
    Ok(Json(questions.compare(&request).await?))
}

/// `GET /api/v1/deployments`
pub(crate) async fn deployments(
    State(questions): State<Questions>,
    Query(request): Query<ListDeploymentsRequest>,
) -> Result<Json<ListDeploymentsResponse>, ApiError> {
    Ok(Json(questions.list_deployments(&request)?))
}

/// `GET /api/v1/changes`
pub(crate) async fn changes(
    State(questions): State<Questions>,
    Query(request): Query<ListChangesRequest>,
) -> Result<Json<ListChangesResponse>, ApiError> {
    Ok(Json(questions.list_changes(&request)?))
}

/// `POST /api/v1/changes`
pub(crate) async fn tell_change(
    State(questions): State<Questions>,
    extract::Body(request): extract::Body<TellChangeRequest>,
) -> Result<Json<Change>, ApiError> {
    Ok(Json(questions.tell_change(request).await?))
}

/// `GET /api/v1/baselines`
pub(crate) async fn baselines(
    State(questions): State<Questions>,
    Query(request): Query<ListBaselinesRequest>,
) -> Result<Json<ListBaselinesResponse>, ApiError> {
    Ok(Json(questions.list_baselines(&request)?))
}

/// `GET /api/v1/kpis`
pub(crate) async fn kpis(
    State(questions): State<Questions>,
    Query(request): Query<KpisRequest>,
) -> Result<Json<Kpis>, ApiError> {
    Ok(Json(questions.kpis(&request).await?))
}

/// `GET /api/v1/topology`
pub(crate) async fn topology(
    State(questions): State<Questions>,
    Query(request): Query<TopologyRequest>,
) -> Result<Json<Topology>, ApiError> {
    Ok(Json(questions.topology(&request).await?))
}

/// `GET /api/v1/alerts`
pub(crate) async fn alerts(
    State(questions): State<Questions>,
    Query(request): Query<ListAlertsRequest>,
) -> Result<Json<ListAlertsResponse>, ApiError> {
    Ok(Json(questions.list_alerts(&request).await?))
}

/// `POST /api/v1/alerts`
pub(crate) async fn take_alerts(
    State(questions): State<Questions>,
    extract::Body(alerts): extract::Body<serde_json::Value>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let taken = questions.take_alerts(SimpleAlerts::try_from(alerts)?.alerts(time::now())?).await?;
    Ok(Json(serde_json::json!({ "taken": taken })))
}

/// `POST /api/v1/alerts/alertmanager`
pub(crate) async fn take_webhook(
    State(questions): State<Questions>,
    extract::Body(webhook): extract::Body<Webhook>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let taken = questions.take_alerts(webhook.alerts(time::now())?).await?;
    Ok(Json(serde_json::json!({ "taken": taken })))
}

/// `GET /openapi.json`: what can be asked here, for programs.
pub(crate) async fn openapi() -> Response {
    ([(CONTENT_TYPE, "application/json")], include_str!(concat!(env!("OUT_DIR"), "/openapi.json")))
        .into_response()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn openapi_names_every_question_and_every_answer() {
        let document: Value =
            serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/openapi.json"))).unwrap();
        let proto = include_str!("../../../proto/throughline/v1/query.proto");
        let paths = document["paths"].as_object().unwrap();
        let named = proto
            .lines()
            .filter_map(|line| line.trim().strip_prefix("// "))
            .filter(|line| line.starts_with("GET /api/") || line.starts_with("POST /api/"));
        let mut count = 0;
        for line in named {
            let path = line.split([' ', '?', ',']).nth(1).unwrap();
            assert!(paths.contains_key(path), "{path}");
            count += 1;
        }
        assert_eq!(count, proto.matches("  rpc ").count(), "every method says its path");
        assert!(paths.contains_key("/api/v1/alerts/alertmanager"));
        assert!(paths.contains_key("/api/v1/config/reload"));
        let text = document.to_string();
        for reference in text.split("#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
        let of_key = &document["paths"]["/api/v1/explain/{key}"]["get"]["parameters"][0];
        assert_eq!((&of_key["in"], &of_key["required"]), (&"path".into(), &true.into()));
    }
}
