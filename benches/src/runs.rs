//! What is measured, and how.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use throughline_harness::{Sender, Server, Start};

use crate::{
    disk, load,
    template::{TRACES, Template},
};

/// What is measured: errors, what is slow, and a share of the rest; quiet times short enough for a run of seconds.
fn configuration(quiet: &str) -> String {
    format!(
        "traces: {{ quiet_time: {quiet} }}
transactions: {{ quiet_time: {quiet} }}
departments: [{{ attribute: department }}]
sampling:
  policies:
    - {{ name: errors, type: status_code, status_code: {{ status_codes: [ERROR] }} }}
    - {{ name: slow, type: latency, latency: {{ threshold_ms: 2000 }} }}
    - {{ name: rest, type: probabilistic, probabilistic: {{ sampling_percentage: 2.5 }} }}
"
    )
}

/// A server in a folder of its own under `target/`, which goes with it; it stays for a look at its output where the run failed.
struct Running {
    server: Server,
    dir: tempfile::TempDir,
}

impl std::ops::Deref for Running {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.dir.disable_cleanup(std::thread::panicking());
    }
}

async fn start(binary: &Path, quiet: &str) -> Running {
    std::fs::create_dir_all("target").unwrap();
    let dir = tempfile::Builder::new().prefix("bench-").tempdir_in("target").unwrap();
    let server = Start::new(binary, dir.path(), &configuration(quiet)).ready().await;
    Running { server, dir }
}

/// Warm-up before answers are timed, seconds.
const WARM: u64 = 3;

/// Warm-up before costs are counted, seconds.
const WARM_COST: u64 = 20;

/// Spans per CPU-second, from the request to rows in the store.
pub(crate) struct Speed {
    pub(crate) spans: u64,
    pub(crate) seconds: f64,
    /// Spans a second while the load ran.
    pub(crate) rate: f64,
    pub(crate) serve_cpu: f64,
    pub(crate) engine_cpu: f64,
    /// Of `serve_cpu`: the third fold's.
    pub(crate) analysis_cpu: f64,
    pub(crate) kept: u64,
    pub(crate) transactions: u64,
    pub(crate) expected: u64,
    pub(crate) again: u64,
}

/// What one span costs at a steady rate that the machine keeps up with. Warm-up is long enough for segments of the log to be used again, as they are in any
/// log that has reached its size.
pub(crate) async fn cost(binary: &Path, template: &Arc<Template>, rate: f64, seconds: u64) -> Speed {
    let server = start(binary, "2s").await;
    let port = server.start.ports.grpc;
    let requests = rate / template.spans() as f64;
    let warm = load::pace(port, template, 0, requests, WARM_COST).await.len() as u64;
    settle(&server, warm * TRACES as u64).await;
    let (serve_before, engine_before) = server.cpu_seconds();
    let analysis_before = server.thread_cpu_seconds("analysis");
    let started = Instant::now();
    let sent = load::pace(port, template, 1 << 32, requests, seconds).await.len() as u64;
    let elapsed = started.elapsed().as_secs_f64();
    let expected = (warm + sent) * TRACES as u64;
    settle(&server, expected).await;
    let (serve, engine) = server.cpu_seconds();
    let spans = sent * template.spans() as u64;
    Speed {
        spans,
        seconds: elapsed,
        rate: spans as f64 / elapsed,
        serve_cpu: serve - serve_before,
        engine_cpu: engine - engine_before,
        analysis_cpu: server.thread_cpu_seconds("analysis") - analysis_before,
        kept: server.count("SELECT count() FROM otel_traces").await,
        transactions: server.count("SELECT count() FROM transactions").await,
        expected,
        again: 0,
    }
}

/// At full load, so many seconds of it after so many that do not count.
pub(crate) async fn speed(
    binary: &Path,
    template: &Arc<Template>,
    (warm, seconds): (u64, u64),
    in_flight: usize,
) -> Speed {
    let server = start(binary, "2s").await;
    let spans_of = |requests: u64| requests * template.spans() as u64;
    let (warm, _) = load::flood(server.start.ports.grpc, template, 0, warm, in_flight).await;
    settle(&server, warm * TRACES as u64).await;
    let (serve_before, engine_before) = server.cpu_seconds();
    let analysis_before = server.thread_cpu_seconds("analysis");
    let started = Instant::now();
    let (sent, again) = load::flood(server.start.ports.grpc, template, 1 << 32, seconds, in_flight).await;
    let elapsed = started.elapsed().as_secs_f64();
    let expected = (warm + sent) * TRACES as u64;
    settle(&server, expected).await;
    let (serve, engine) = server.cpu_seconds();
    Speed {
        spans: spans_of(sent),
        seconds: elapsed,
        rate: spans_of(sent) as f64 / elapsed,
        serve_cpu: serve - serve_before,
        engine_cpu: engine - engine_before,
        analysis_cpu: server.thread_cpu_seconds("analysis") - analysis_before,
        kept: server.count("SELECT count() FROM otel_traces").await,
        transactions: server.count("SELECT count() FROM transactions").await,
        expected,
        again,
    }
}

/// Waits until all transactions are in the store.
async fn settle(server: &Server, transactions: u64) {
    let until = Instant::now() + Duration::from_secs(120);
    while Instant::now() < until {
        if server.count("SELECT count() FROM transactions").await >= transactions {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let stored = server.count("SELECT count() FROM transactions").await;
    panic!("{stored} of {transactions} transactions are stored after two minutes");
}

/// Times to the answer at half load, and the disk's own beside them.
pub(crate) struct Latency {
    pub(crate) rate: f64,
    pub(crate) answers: Vec<Duration>,
    pub(crate) disk: Vec<Duration>,
}

pub(crate) async fn latency(binary: &Path, template: &Arc<Template>, rate: f64, seconds: u64) -> Latency {
    let server = start(binary, "2s").await;
    let requests = rate / template.spans() as f64;
    load::pace(server.start.ports.grpc, template, 0, requests, WARM).await;
    let stop = Arc::new(AtomicBool::new(false));
    let watch = disk::watch(&server.start.dir, Arc::clone(&stop));
    let mut answers = load::pace(server.start.ports.grpc, template, 1 << 32, requests, seconds).await;
    stop.store(true, Ordering::Relaxed);
    let mut disk = watch.join().unwrap();
    answers.sort_unstable();
    disk.sort_unstable();
    Latency { rate, answers, disk }
}

/// Memory over idle with a million undecided spans.
pub(crate) struct Memory {
    pub(crate) idle: (u64, u64),
    pub(crate) loaded: (u64, u64),
    pub(crate) undecided: f64,
}

pub(crate) async fn memory(binary: &Path, template: &Arc<Template>) -> Memory {
    let server = start(binary, "10m").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let idle = server.anonymous_bytes();
    let sender = Sender::new(server.start.ports.grpc);
    for request in 0..1_000_000 / template.spans() as u64 {
        sender.send(template.request(request, load::now())).await.unwrap();
    }
    let until = Instant::now() + Duration::from_secs(30);
    while server.metric("throughline_undecided_spans").await < 1_000_000.0 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    Memory {
        idle,
        loaded: server.anonymous_bytes(),
        undecided: server.metric("throughline_undecided_spans").await,
    }
}
