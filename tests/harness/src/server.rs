//! A server: `throughline serve` with its own ports, configuration and data directory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::proc;

/// How long a server may take to be ready, or to stop.
const PATIENCE: Duration = Duration::from_secs(90);

/// Ports of one server.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// OTLP/gRPC.
    pub grpc: u16,
    /// OTLP/HTTP.
    pub http: u16,
    /// Query API.
    pub api: u16,
    /// Prometheus metrics.
    pub metrics: u16,
    /// Health.
    pub health: u16,
    /// Embedded ClickHouse.
    pub clickhouse: u16,
}

impl Ports {
    /// Ports that nobody else has while this process runs.
    #[must_use]
    pub fn own() -> Self {
        let [grpc, http, api, metrics, health, clickhouse] =
            throughline_ports::own().map(|address| address.port());
        Self { grpc, http, api, metrics, health, clickhouse }
    }

    fn configuration(&self) -> String {
        format!(
            "receiver:\n  grpc: {{ endpoint: '127.0.0.1:{}' }}\n  http: {{ endpoint: '127.0.0.1:{}' }}\n\
             clickhouse: {{ listen: '127.0.0.1:{}' }}\napi: {{ endpoint: '127.0.0.1:{}' }}\n\
             metrics: {{ endpoint: '127.0.0.1:{}' }}\nhealth: {{ endpoint: '127.0.0.1:{}' }}\n",
            self.grpc, self.http, self.clickhouse, self.api, self.metrics, self.health
        )
    }
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Start {
    /// The binary.
    pub binary: PathBuf,
    /// Where its configuration, its output and its data lie.
    pub dir: PathBuf,
    /// YAML over the defaults.
    pub config: String,
    /// Where it listens; the same again after a restart.
    pub ports: Ports,
}

/// A running server.
pub struct Server {
    child: Child,
    /// How it was started.
    pub start: Start,
}

impl Start {
    /// A server in `dir` on ports of its own.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>, dir: &Path, config: &str) -> Self {
        Self { binary: binary.into(), dir: dir.to_owned(), config: config.to_owned(), ports: Ports::own() }
    }

    /// Starts it without waiting for it.
    #[must_use]
    pub fn spawn(self) -> Server {
        let ports = self.dir.join("ports.yaml");
        let config = self.dir.join("throughline.yaml");
        fs::write(&ports, self.ports.configuration()).unwrap();
        fs::write(&config, &self.config).unwrap();
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.join("serve.log")).unwrap();
        let child = Command::new(&self.binary)
            .args(["serve", "--config"])
            .arg(&ports)
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(self.dir.join("data"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.binary.display()));
        Server { child, start: self }
    }

    /// Starts it and waits until it says that it is ready.
    pub async fn ready(self) -> Server {
        let mut server = self.spawn();
        server.wait_ready().await;
        server
    }
}

impl Server {
    /// Waits until it says that it is ready.
    pub async fn wait_ready(&mut self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.start.ports.health);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", self.output());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not ready in time:\n{}", self.output());
    }

    /// What it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        fs::read_to_string(self.start.dir.join("serve.log")).unwrap_or_default()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its process and all that descend from it, itself first.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        proc::tree(self.child.id())
    }

    /// CPU seconds used so far: its own, its children's.
    #[must_use]
    pub fn cpu_seconds(&self) -> (f64, f64) {
        let all: Vec<f64> = self.pids().into_iter().map(proc::cpu_seconds).collect();
        (all[0], all[1..].iter().sum())
    }

    /// CPU seconds of the server's own threads of this name.
    #[must_use]
    pub fn thread_cpu_seconds(&self, name: &str) -> f64 {
        self.pids().first().map_or(0.0, |pid| proc::thread_cpu_seconds(*pid, name))
    }

    /// Resident memory without mapped files, bytes: its own, its children's.
    #[must_use]
    pub fn anonymous_bytes(&self) -> (u64, u64) {
        let all: Vec<u64> = self.pids().into_iter().map(proc::anonymous_bytes).collect();
        (all[0], all[1..].iter().sum())
    }

    /// The sum of a metric over its labels; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        self.sum_of(|line| line.split(['{', ' ']).next() == Some(name)).await
    }

    /// A metric with all its labels, as it is printed; 0 where it is not there.
    pub async fn metric_of(&self, series: &str) -> f64 {
        self.sum_of(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' '))).await
    }

    async fn sum_of(&self, is_wanted: impl Fn(&str) -> bool) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.start.ports.metrics);
        let text = match reqwest::get(&url).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        let own = text.lines().filter(|line| is_wanted(line));
        own.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// What the store answers, as text; `None` while it does not.
    pub async fn try_query(&self, sql: &str) -> Option<String> {
        let url = format!("http://127.0.0.1:{}/?database=throughline", self.start.ports.clickhouse);
        let answer = reqwest::Client::new().post(url).body(sql.to_owned()).send().await.ok()?;
        answer.status().is_success().then_some(())?;
        Some(answer.text().await.ok()?.trim().to_owned())
    }

    /// What the store answers, as text.
    pub async fn query(&self, sql: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.try_query(sql).await {
                return answer;
            }
            assert!(Instant::now() < until, "the store does not answer {sql}:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// One number from the store.
    pub async fn count(&self, sql: &str) -> u64 {
        let answer = self.query(sql).await;
        answer.parse().unwrap_or_else(|_| panic!("{sql}: {answer}"))
    }

    /// Waits until a question to the store has the answer `wanted`.
    pub async fn wait_for(&self, sql: &str, wanted: u64, patience: Duration) {
        let until = Instant::now() + patience;
        let mut last = None;
        while Instant::now() < until {
            last = self.try_query(sql).await;
            if last.as_deref() == Some(wanted.to_string().as_str()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{sql}: {last:?}, not {wanted}\n{}", self.output());
    }

    /// A JSON answer of the query API, whatever its status.
    pub async fn api(&self, path: &str) -> (u16, serde_json::Value) {
        let url = format!("http://127.0.0.1:{}{path}", self.start.ports.api);
        let answer = reqwest::get(&url).await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// A JSON answer of the query API to an empty POST, whatever its status.
    pub async fn api_post(&self, path: &str) -> (u16, serde_json::Value) {
        let url = format!("http://127.0.0.1:{}{path}", self.start.ports.api);
        let answer = reqwest::Client::new().post(&url).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    /// Posts a request over OTLP/HTTP, once; the status, and the seconds after which it may be sent again, if the answer says so.
    pub async fn post(&mut self, request: bytes::Bytes) -> (u16, Option<u64>) {
        let url = format!("http://127.0.0.1:{}/v1/traces", self.start.ports.http);
        let post = reqwest::Client::new().post(url).header("content-type", "application/x-protobuf");
        let answer = post.body(request).send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{error}, {:?}:\n{}", self.ended(), self.output()));
        let delay = answer.headers().get("retry-after").and_then(|delay| delay.to_str().ok()?.parse().ok());
        (answer.status().as_u16(), delay)
    }

    /// Stops it as an operator would; its exit status and how long it took. Panics where a child outlives it.
    #[must_use]
    pub fn stop(mut self) -> (ExitStatus, Duration) {
        let family = self.pids();
        let started = Instant::now();
        signal(self.child.id(), Signal::TERM);
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                wait_gone(&family);
                return (status, started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("did not stop in time:\n{}", self.output());
    }

    /// `kill -9` of it and all its children at once; how it was started, to start it again.
    #[must_use]
    pub fn kill(mut self) -> Start {
        let family = self.pids();
        family.iter().for_each(|pid| signal(*pid, Signal::KILL));
        let _ = self.child.wait();
        wait_gone(&family);
        self.start.clone()
    }

    /// Asks it to read its configuration again.
    pub fn hang_up(&self) {
        signal(self.child.id(), Signal::HUP);
    }

    /// `kill -9` of its children alone: the engine.
    pub fn kill_children(&self) {
        self.pids().iter().skip(1).for_each(|pid| signal(*pid, Signal::KILL));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.pids().iter().for_each(|pid| signal(*pid, Signal::KILL));
            let _ = self.child.wait();
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid as i32) {
        let _ = kill_process(pid, signal);
    }
}

fn wait_gone(pids: &[u32]) {
    let until = Instant::now() + Duration::from_secs(10);
    while pids.iter().any(|pid| proc::is_alive(*pid)) {
        assert!(Instant::now() < until, "a process outlives its parent");
        std::thread::sleep(Duration::from_millis(10));
    }
}
