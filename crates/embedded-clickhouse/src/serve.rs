//! The server: opens the engine, accepts connections, hands each request to a thread, and drains at the end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::cancel::{CancelGuard, Canceller, Running};
use crate::engine::{Closed, Engine};
use crate::error::ServeError;
use crate::exception::{Exception, code};
use crate::exchange::{AnswerBody, answer, carry_body};
use crate::execute::{self, Job, Server};
use crate::options::Options;
use crate::options::limits::{HEADER_TIMEOUT, MAX_CONNECTIONS, MAX_HEADER_BYTES, STACK_BYTES};
use crate::request::QueryRequest;
use crate::supervise::PID_HEADER;
use crate::{config_file, data_dir, deduplication, headers};

type AnyBody = Either<Full<Bytes>, AnswerBody>;

/// Opens the engine and serves ClickHouse's HTTP interface until `shutdown` is ready; then accepts nothing more, lets
/// running statements end for [`Options::drain_timeout`], and closes the engine.
///
/// # Errors
/// What keeps the engine from serving; [`ServeError::is_retryable`] says whether to start again.
pub async fn serve(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    serve_announced(options, shutdown, None).await
}

/// As [`serve`], and tells the bound address once requests are answered.
///
/// # Errors
/// As [`serve`].
pub async fn serve_announced(
    options: Options,
    shutdown: impl Future<Output = ()>,
    bound: Option<oneshot::Sender<SocketAddr>>,
) -> Result<(), ServeError> {
    let options = Arc::new(options);
    let listening = |source| ServeError::Listen { address: options.listen, source };
    // bound before the engine opens: a taken port is known at once, and early clients wait instead of being refused
    let listener = TcpListener::bind(options.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let (service, closed) = Service::open(&options).await?;
    tracing::info!(%address, path = %options.path.display(), "the embedded ClickHouse answers");
    if let Some(bound) = bound {
        let _ = bound.send(address);
    }
    let graceful = GracefulShutdown::new();
    accept(&listener, &service, &graceful, shutdown).await;
    drop(listener);
    drain(service, graceful, closed, &options).await;
    Ok(())
}

/// Lets running statements end, cancels those that do not, and waits until the engine is closed.
async fn drain(service: Arc<Service>, graceful: GracefulShutdown, closed: Closed, options: &Options) {
    let mut connections = std::pin::pin!(graceful.shutdown());
    if tokio::time::timeout(options.drain_timeout, &mut connections).await.is_err() {
        tracing::warn!("statements still run after {:?}: they are cancelled", options.drain_timeout);
        service.canceller.cancel_all();
        let _ = tokio::time::timeout(options.drain_timeout, connections).await;
    }
    drop(service);
    match tokio::time::timeout(options.drain_timeout, closed).await {
        Ok(_) => tracing::info!("the embedded ClickHouse has stopped"),
        Err(_) => tracing::warn!(
            "the engine is not closed after {:?}: left to the end of the process",
            options.drain_timeout
        ),
    }
}

async fn accept(
    listener: &TcpListener,
    service: &Arc<Service>,
    graceful: &GracefulShutdown,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut shutdown => return,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => connection(stream, Arc::clone(service), graceful, place.ok()),
            // out of file handles, most likely: others will be closed meanwhile
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

fn connection(
    stream: TcpStream,
    service: Arc<Service>,
    graceful: &GracefulShutdown,
    place: Option<OwnedSemaphorePermit>,
) {
    let _ = stream.set_nodelay(true);
    let handler = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), handler);
    let watched = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
}

struct Service {
    server: Arc<Server>,
    canceller: Canceller,
    turns: Arc<Semaphore>,
    options: Arc<Options>,
}

impl Service {
    async fn open(options: &Arc<Options>) -> Result<(Arc<Self>, Closed), ServeError> {
        let for_thread = Arc::clone(options);
        let (server, closed) = on_thread(move || open_engine(&for_thread)).await??;
        let canceller = Canceller::start(&server.engine)?;
        let turns = Arc::new(Semaphore::new(options.max_concurrent_queries.max(1)));
        let service = Self { server: Arc::new(server), canceller, turns, options: Arc::clone(options) };
        Ok((Arc::new(service), closed))
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<AnyBody> {
        let began = Instant::now();
        let (parts, body) = request.into_parts();
        if !matches!(parts.method, Method::GET | Method::HEAD | Method::POST) {
            return plain(StatusCode::NOT_IMPLEMENTED, "Only GET, HEAD and POST are answered\n");
        }
        let asks = parts.method == Method::POST || parts.uri.query().is_some_and(|q| q.contains("query="));
        match parts.uri.path() {
            "/" if asks => {}
            "/" | "/ping" | "/replicas_status" => return alive(),
            path => return plain(StatusCode::NOT_FOUND, &format!("There is no handle {path}\n")),
        }
        let read = QueryRequest::read(&parts);
        let request = match read {
            Ok(request) => request,
            Err(exception) => {
                metrics::counter!(crate::metrics::REFUSED, "reason" => "auth").increment(1);
                return refused(&exception);
            }
        };
        match self.turn().await {
            Ok(turn) => self.run(request, body, turn, began).await,
            Err(exception) => {
                let mut response = refused(&exception);
                headers::add_query_id(response.headers_mut(), &request.query_id);
                response
            }
        }
    }

    /// Waits for one of the places for running statements.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, Exception> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.options.queue_timeout, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => {
                metrics::counter!(crate::metrics::REFUSED, "reason" => "busy").increment(1);
                let most = self.options.max_concurrent_queries;
                let message = format!("Too many simultaneous queries. Maximum: {most}");
                Err(Exception::new(
                    code::TOO_MANY_SIMULTANEOUS_QUERIES,
                    "TOO_MANY_SIMULTANEOUS_QUERIES",
                    message,
                ))
            }
        }
    }

    async fn run(
        &self,
        request: QueryRequest,
        body: Incoming,
        turn: OwnedSemaphorePermit,
        began: Instant,
    ) -> Response<AnyBody> {
        let body = carry_body(body, self.options.max_body_bytes);
        let (sender, answered) = answer();
        let running = Running::new();
        let guard = CancelGuard::new(self.canceller.clone(), running.clone());
        let job = Job { server: Arc::clone(&self.server), request, running, began };
        let thread = std::thread::Builder::new().name("engine-query".to_owned()).stack_size(STACK_BYTES);
        let started = thread.spawn(move || {
            execute::run(job, body, sender);
            drop(turn);
        });
        if let Err(error) = started {
            return refused(&Exception::new(
                439,
                "CANNOT_SCHEDULE_TASK",
                format!("Cannot start a thread: {error}"),
            ));
        }
        let Ok(head) = answered.head.await else {
            return refused(&Exception::new(0, "UNKNOWN", "The statement ended without an answer"));
        };
        let mut response = Response::new(Either::Right(AnswerBody::new(answered.pieces, guard)));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response
    }
}

/// Opens folder and engine; blocks for as long as that takes.
fn open_engine(options: &Options) -> Result<(Server, Closed), ServeError> {
    let held = data_dir::hold(&options.path, options.lock_timeout)?;
    let config = config_file::write(options)?;
    let repaired = deduplication::repair(&options.path)
        .map_err(|source| ServeError::DataDir { path: options.path.clone(), source })?;
    metrics::counter!(crate::metrics::DEDUPLICATION_REPAIRED).increment(repaired);
    drop(held);
    let began = Instant::now();
    let (engine, closed) = Engine::open(&options.library, &options.path, &config)?;
    let mut session = engine.session().map_err(ServeError::Probe)?;
    let probe = session
        .query(b"SELECT version(), timezone(), displayName()", "TSVRaw", &[])
        .map_err(ServeError::Probe)?;
    let text = String::from_utf8_lossy(probe.bytes()).into_owned();
    let mut fields = text.trim_end().split('\t').map(str::to_owned);
    let version = fields.next().unwrap_or_default();
    let timezone = fields.next().unwrap_or_default();
    let display_name = fields.next().unwrap_or_default();
    drop((probe, session));
    tracing::info!(version, timezone, opened_in = ?began.elapsed(), "the engine is open");
    Ok((Server { engine, timezone, display_name, query_timeout: options.query_timeout.as_secs() }, closed))
}

/// Runs something that blocks on a thread with the engine's stack.
async fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ServeError> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new()
        .name("engine-open".to_owned())
        .stack_size(STACK_BYTES)
        .spawn(move || drop(sender.send(work())))
        .map_err(ServeError::Thread)?;
    receiver.await.map_err(|_| ServeError::Thread(std::io::Error::other("the opening thread panicked")))
}

fn alive() -> Response<AnyBody> {
    let mut response = plain(StatusCode::OK, "Ok.\n");
    response.headers_mut().insert(PID_HEADER, HeaderValue::from(std::process::id()));
    response
}

fn plain(status: StatusCode, text: &str) -> Response<AnyBody> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::copy_from_slice(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=UTF-8"));
    response
}

fn refused(exception: &Exception) -> Response<AnyBody> {
    let mut response = plain(exception.status(), &format!("{}\n", exception.text));
    headers::add_exception(response.headers_mut(), exception);
    response
}
