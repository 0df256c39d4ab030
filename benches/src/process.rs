//! A server under measure: started with a configuration of its own, looked at through /proc, stopped by SIGTERM.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Ports of one server.
pub(crate) struct Ports {
    pub(crate) grpc: u16,
    http: u16,
    api: u16,
    metrics: u16,
    health: u16,
    clickhouse: u16,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) ports: Ports,
    pub(crate) dir: tempfile::TempDir,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What is measured: 5 % of the rest, errors, what is slow; the transactions' quiet time short enough for a run of seconds.
fn configuration(ports: &Ports, quiet: &str) -> String {
    format!(
        "receiver:
  grpc: {{ endpoint: '127.0.0.1:{}' }}
  http: {{ endpoint: '127.0.0.1:{}' }}
traces: {{ quiet_time: {quiet} }}
transactions: {{ quiet_time: {quiet} }}
departments: [{{ attribute: department }}]
sampling:
  policies:
    - {{ name: errors, type: status_code, status_code: {{ status_codes: [ERROR] }} }}
    - {{ name: slow, type: latency, latency: {{ threshold_ms: 2000 }} }}
    - {{ name: rest, type: probabilistic, probabilistic: {{ sampling_percentage: 2.5 }} }}
clickhouse: {{ listen: '127.0.0.1:{}' }}
api: {{ endpoint: '127.0.0.1:{}' }}
metrics: {{ endpoint: '127.0.0.1:{}' }}
health: {{ endpoint: '127.0.0.1:{}' }}
",
        ports.grpc, ports.http, ports.clickhouse, ports.api, ports.metrics, ports.health
    )
}

impl Server {
    pub(crate) async fn start(binary: &Path, quiet: &str) -> Self {
        let ports = Ports {
            grpc: free_port(),
            http: free_port(),
            api: free_port(),
            metrics: free_port(),
            health: free_port(),
            clickhouse: free_port(),
        };
        let dir = tempfile::tempdir_in("target").unwrap();
        let config = dir.path().join("throughline.yaml");
        fs::write(&config, configuration(&ports, quiet)).unwrap();
        let log = fs::File::create(dir.path().join("serve.log")).unwrap();
        let child = Command::new(binary)
            .arg("serve")
            .arg("--config")
            .arg(&config)
            .arg("--data-dir")
            .arg(dir.path().join("data"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; build it with `cargo build --release`", binary.display())
            });
        let server = Self { child, ports, dir };
        server.wait_ready().await;
        server
    }

    async fn wait_ready(&self) {
        let url = format!("http://127.0.0.1:{}/readyz", self.ports.health);
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            if reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!(
            "not ready after a minute:\n{}",
            fs::read_to_string(self.dir.path().join("serve.log")).unwrap()
        );
    }

    /// The server and all its children.
    fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut at = 0;
        while at < pids.len() {
            let tasks = format!("/proc/{}/task", pids[at]);
            for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
                let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
                pids.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
            }
            at += 1;
        }
        pids
    }

    /// CPU seconds used so far: the server's own, its children's.
    pub(crate) fn cpu_seconds(&self) -> (f64, f64) {
        let ticks = 100.0;
        let of = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields: Vec<&str> =
                stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().collect();
            let field =
                |index: usize| fields.get(index).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
            (field(11) + field(12)) / ticks
        };
        let all: Vec<f64> = self.pids().iter().map(of).collect();
        (all[0], all[1..].iter().sum())
    }

    /// Resident memory without mapped files, bytes: the server's own, its children's.
    pub(crate) fn anonymous_bytes(&self) -> (u64, u64) {
        let of = |pid: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) * 1024
        };
        let all: Vec<u64> = self.pids().iter().map(of).collect();
        (all[0], all[1..].iter().sum())
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://127.0.0.1:{}/metrics", self.ports.metrics);
        let text = match reqwest::get(&url).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        };
        let own = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
        own.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// One number from the store.
    pub(crate) async fn query(&self, sql: &str) -> u64 {
        let url = format!("http://127.0.0.1:{}/?database=throughline", self.ports.clickhouse);
        let answer = reqwest::Client::new().post(url).body(sql.to_owned()).send().await.unwrap();
        let text = answer.text().await.unwrap();
        text.trim().parse().unwrap_or_else(|_| panic!("{sql}: {text}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
