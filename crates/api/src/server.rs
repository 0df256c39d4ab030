//! One port for gRPC and JSON.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};
use tokio::net::TcpListener;
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    ServeError, console, extract, json,
    limits::{ALERTS_BODY, ENDING},
    query::{
        Change, CompareRequest, Comparison, ExplainRequest, Explanation, FeedbackRequest, GetIncidentRequest,
        Incident, Kpis, KpisRequest, ListAlertsRequest, ListAlertsResponse, ListBaselinesRequest,
        ListBaselinesResponse, ListChangesRequest, ListChangesResponse, ListDeploymentsRequest,
        ListDeploymentsResponse, ListIncidentsRequest, ListIncidentsResponse, ListTransactionsRequest,
        ListTransactionsResponse, TellChangeRequest, Topology, TopologyRequest, WatchIncidentsRequest,
        query_server::{Query, QueryServer},
    },
    questions::Questions,
};

/// Where the API listens.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Address and port.
    pub endpoint: SocketAddr,
}

/// The API, bound to its port.
pub struct Api {
    listener: TcpListener,
    router: Router,
}

struct Grpc(Questions);

/// What a watcher receives.
type IncidentStream = std::pin::Pin<Box<dyn tokio_stream::Stream<Item = Result<Incident, Status>> + Send>>;

#[tonic::async_trait]
impl Query for Grpc {
    async fn explain(&self, request: Request<ExplainRequest>) -> Result<Response<Explanation>, Status> {
        Ok(Response::new(self.0.explain(&request.into_inner()).await?))
    }

    async fn list_transactions(
        &self,
        request: Request<ListTransactionsRequest>,
    ) -> Result<Response<ListTransactionsResponse>, Status> {
        Ok(Response::new(self.0.list(&request.into_inner()).await?))
    }

    async fn list_incidents(
        &self,
        request: Request<ListIncidentsRequest>,
    ) -> Result<Response<ListIncidentsResponse>, Status> {
        Ok(Response::new(self.0.list_incidents(&request.into_inner()).await?))
    }

    async fn get_incident(&self, request: Request<GetIncidentRequest>) -> Result<Response<Incident>, Status> {
        Ok(Response::new(self.0.incident(&request.into_inner()).await?))
    }

    type WatchIncidentsStream = IncidentStream;

    async fn watch_incidents(
        &self,
        request: Request<WatchIncidentsRequest>,
    ) -> Result<Response<IncidentStream>, Status> {
        let stream = ReceiverStream::new(self.0.watch_incidents(request.into_inner().tenant)?);
        Ok(Response::new(Box::pin(stream.map(Ok))))
    }

    async fn give_feedback(&self, request: Request<FeedbackRequest>) -> Result<Response<Incident>, Status> {
        Ok(Response::new(self.0.give_feedback(&request.into_inner()).await?))
    }

    async fn list_alerts(
        &self,
        request: Request<ListAlertsRequest>,
    ) -> Result<Response<ListAlertsResponse>, Status> {
        Ok(Response::new(self.0.list_alerts(&request.into_inner()).await?))
    }

    async fn compare(&self, request: Request<CompareRequest>) -> Result<Response<Comparison>, Status> {
        Ok(Response::new(self.0.compare(&request.into_inner()).await?))
    }

    async fn list_deployments(
        &self,
        request: Request<ListDeploymentsRequest>,
    ) -> Result<Response<ListDeploymentsResponse>, Status> {
        Ok(Response::new(self.0.list_deployments(&request.into_inner())?))
    }

    async fn tell_change(&self, request: Request<TellChangeRequest>) -> Result<Response<Change>, Status> {
        Ok(Response::new(self.0.tell_change(request.into_inner()).await?))
    }

    async fn list_changes(
        &self,
        request: Request<ListChangesRequest>,
    ) -> Result<Response<ListChangesResponse>, Status> {
        Ok(Response::new(self.0.list_changes(&request.into_inner())?))
    }

    async fn list_baselines(
        &self,
        request: Request<ListBaselinesRequest>,
    ) -> Result<Response<ListBaselinesResponse>, Status> {
        Ok(Response::new(self.0.list_baselines(&request.into_inner())?))
    }

    async fn get_kpis(&self, request: Request<KpisRequest>) -> Result<Response<Kpis>, Status> {
        Ok(Response::new(self.0.kpis(&request.into_inner()).await?))
    }

    async fn get_topology(&self, request: Request<TopologyRequest>) -> Result<Response<Topology>, Status> {
        Ok(Response::new(self.0.topology(&request.into_inner()).await?))
    }
}

impl Api {
    /// Takes the port.
    ///
    /// # Errors
    /// Where it is not to be had.
    pub async fn bind(settings: Settings, questions: Questions) -> Result<Self, ServeError> {
        let endpoint = settings.endpoint;
        let listener =
            TcpListener::bind(endpoint).await.map_err(|source| ServeError::Bind { endpoint, source })?;
        let json = Router::new()
            .route("/api/v1/explain/{key}", get(json::explain))
            .route("/api/v1/transactions", get(json::transactions))
            .route("/api/v1/incidents", get(json::incidents))
            .route("/api/v1/incidents/watch", get(json::watch))
            .route("/api/v1/incidents/{id}", get(json::incident))
            .route("/api/v1/incidents/{id}/feedback", post(json::feedback))
            .route("/api/v1/compare", get(json::compare))
            .route("/api/v1/deployments", get(json::deployments))
            .route("/api/v1/changes", get(json::changes).post(json::tell_change))
            .route("/api/v1/baselines", get(json::baselines))
            .route("/api/v1/kpis", get(json::kpis))
            .route("/api/v1/topology", get(json::topology))
            .route("/api/v1/alerts", get(json::alerts).post(json::take_alerts))
            .route("/openapi.json", get(json::openapi))
            .route("/api/v1/alerts/alertmanager", post(json::take_webhook))
            .layer(DefaultBodyLimit::max(ALERTS_BODY))
            .with_state(questions.clone());
        let grpc = Routes::new(QueryServer::new(Grpc(questions))).into_axum_router();
        let json = json.merge(console::router()).method_not_allowed_fallback(extract::not_allowed);
        Ok(Self { listener, router: json.merge(grpc).fallback(extract::nowhere) })
    }

    /// With other routes on the same port.
    #[must_use]
    pub fn with(self, routes: Router) -> Self {
        Self { router: self.router.merge(routes.method_not_allowed_fallback(extract::not_allowed)), ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until told to stop. What is under way then has a little time to end; who watches is cut off.
    ///
    /// # Errors
    /// Where the port is lost.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let stop = shutdown.clone().cancelled_owned();
        let serving = axum::serve(self.listener, self.router).with_graceful_shutdown(stop).into_future();
        let late = async {
            shutdown.cancelled().await;
            tokio::time::sleep(ENDING).await;
        };
        tokio::select! {
            served = serving => served.map_err(ServeError::Serve),
            () = late => Ok(()),
        }
    }
}
