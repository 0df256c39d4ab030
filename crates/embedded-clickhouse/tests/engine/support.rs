//! One served engine, and a plain HTTP client.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{HeaderMap, Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use throughline_embedded_clickhouse::supervise::Supervisor;

use crate::child;

/// Statements at a time: small, so that tests can fill it.
pub(crate) const MAX_CONCURRENT: usize = 20;
/// Largest body.
pub(crate) const MAX_BODY: u64 = 64 << 20;

/// Memory of the engine.
pub(crate) const MAX_MEMORY: u64 = 2 << 30;

/// Where the engine answers. It dies with this process.
pub(crate) fn engine() -> SocketAddr {
    static ENGINE: OnceLock<(SocketAddr, Supervisor)> = OnceLock::new();
    let (address, _) = ENGINE.get_or_init(|| {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("engine");
        let _ = std::fs::remove_dir_all(&path);
        let settings = child::settings("support::engine_process", &path);
        let address = settings.address;
        let supervisor = Supervisor::start(settings).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(supervisor.ready(Duration::from_secs(60))).unwrap();
        (address, supervisor)
    });
    *address
}

#[test]
#[ignore = "the engine itself: other tests start it"]
fn engine_process() {
    child::run(|options| {
        options.max_concurrent_queries = MAX_CONCURRENT;
        options.max_body_bytes = MAX_BODY;
        options.max_memory_bytes = Some(MAX_MEMORY);
    });
}

/// An answer, whole or broken off.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The connection was cut before the end of the body.
    pub(crate) broken: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(crate) fn code(&self) -> u32 {
        self.header("x-clickhouse-exception-code").parse().unwrap_or(0)
    }

    /// The body, where the request succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> Vec<u8> {
        assert!(
            self.status == StatusCode::OK && !self.broken,
            "{} {}",
            self.status,
            String::from_utf8_lossy(&self.body)
        );
        self.body
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    method: Method,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let stream =
        tokio::net::TcpStream::connect(tokio::task::spawn_blocking(engine).await.unwrap()).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target).header("host", "engine");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = sender.send_request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
    let (parts, mut incoming) = response.into_parts();
    let (mut body, mut broken) = (Vec::new(), false);
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().map_or(&[], |d| d)),
            Err(_) => {
                broken = true;
                break;
            }
        }
    }
    connection.abort();
    Answer { status: parts.status, headers: parts.headers, body, broken }
}

/// POST of a statement.
pub(crate) async fn post(target: &str, body: impl Into<Bytes>) -> Answer {
    send(Method::POST, target, &[], body).await
}

/// Runs a statement that must succeed, and gives its answer as text.
#[track_caller]
pub(crate) fn sql(statement: &str) -> impl Future<Output = String> + use<> {
    let statement = statement.to_owned();
    async move { String::from_utf8(post("/", statement).await.ok()).unwrap() }
}

/// A fresh table name.
pub(crate) fn name(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes a table and gives its name.
pub(crate) async fn table(prefix: &str, columns: &str) -> String {
    let name = name(prefix);
    sql(&format!(
        "CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY tuple() SETTINGS non_replicated_deduplication_window = 1000"
    ))
    .await;
    name
}

pub(crate) fn percent(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

/// Waits until `check` holds.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, check: impl Fn() -> F) {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < Duration::from_secs(30), "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
