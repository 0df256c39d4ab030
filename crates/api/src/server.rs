//! One port for gRPC and JSON.

use std::net::SocketAddr;

use axum::{Router, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, service::Routes};

use crate::{
    ServeError, json,
    query::{
        ExplainRequest, Explanation, ListTransactionsRequest, ListTransactionsResponse,
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
            .with_state(questions.clone());
        let grpc = Routes::new(QueryServer::new(Grpc(questions))).into_axum_router();
        Ok(Self { listener, router: json.merge(grpc) })
    }

    /// With other routes on the same port.
    #[must_use]
    pub fn with(self, routes: Router) -> Self {
        Self { router: self.router.merge(routes), ..self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until told to stop.
    ///
    /// # Errors
    /// Where the port is lost.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ServeError> {
        let stop = async move { shutdown.cancelled().await };
        axum::serve(self.listener, self.router).with_graceful_shutdown(stop).await.map_err(ServeError::Serve)
    }
}
