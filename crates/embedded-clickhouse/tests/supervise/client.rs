//! A client that is told whether its request succeeded, failed, or nobody knows.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use throughline_embedded_clickhouse::supervise::{State, Supervisor};

/// What is known after a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done(String),
    Refused(String),
    /// The connection failed or broke: it may have been done.
    Unknown,
}

pub(crate) async fn request(address: SocketAddr, target: &str, body: String) -> Outcome {
    attempt(address, target, body).await.unwrap_or(Outcome::Unknown)
}

async fn attempt(address: SocketAddr, target: &str, body: String) -> Option<Outcome> {
    let stream = tokio::net::TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = Request::post(target).header("host", "x").body(Full::new(Bytes::from(body))).unwrap();
    let response = sender.send_request(request).await.ok()?;
    let done = response.status().is_success();
    let text = String::from_utf8(response.into_body().collect().await.ok()?.to_bytes().to_vec()).unwrap();
    Some(if done { Outcome::Done(text) } else { Outcome::Refused(text) })
}

/// Runs a statement that must succeed.
pub(crate) async fn sql(address: SocketAddr, statement: &str) -> String {
    match request(address, "/", statement.to_owned()).await {
        Outcome::Done(text) => text,
        other => panic!("{statement}: {other:?}"),
    }
}

/// The pid of the child that answers now.
pub(crate) async fn pid(supervisor: &Supervisor) -> u32 {
    supervisor.ready(Duration::from_secs(60)).await.unwrap();
    match *supervisor.state().borrow() {
        State::Ready { pid } => pid,
        ref other => panic!("{other:?}"),
    }
}

pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// Whether a process is there and no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

pub(crate) async fn until(what: &str, check: impl Fn() -> bool) {
    let began = Instant::now();
    while !check() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
