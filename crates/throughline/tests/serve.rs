//! `serve` with the real engine: it becomes ready, and SIGTERM ends it and its child in order.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// The engine is half a gigabyte and this machine may be busy.
const PATIENCE: Duration = Duration::from_secs(120);

fn get(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Looks until `look` finds something.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A server that does not outlive its test.
struct Server(Child);

impl Server {
    fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    fn ended(&mut self) -> ExitStatus {
        wait_for("the end of serve", || self.0.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_becomes_ready_and_ends_in_order_with_its_child() {
    let folder = tempfile::tempdir().unwrap();
    let [grpc, http, api, metrics, health, store] =
        throughline_ports::own().map(|address| address.to_string());
    let keys = [
        ("receiver.grpc.endpoint", &grpc),
        ("receiver.http.endpoint", &http),
        ("api.endpoint", &api),
        ("metrics.endpoint", &metrics),
        ("health.endpoint", &health),
        ("clickhouse.listen", &store),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_throughline"));
    command.arg("serve").arg("--data-dir").arg(folder.path());
    for (key, address) in keys {
        command.arg("--set").arg(format!("{key}={address}"));
    }
    // a small disk shall not fail this test
    command.args(["--set", "log.reserve_gib=0", "--set", "log.retention.size_gib=1"]);
    let mut server = Server(command.spawn().unwrap());

    wait_for("readiness", || {
        assert!(
            server.0.try_wait().unwrap().is_none(),
            "serve has ended; is the engine there? `make engine` brings it"
        );
        get(&health, "/readyz").ok().filter(|answer| answer.starts_with("HTTP/1.1 200"))
    });
    assert!(get(&health, "/healthz").unwrap().contains("\"alive\":true"));
    assert!(get(&metrics, "/metrics").unwrap().contains("throughline_build_info"));
    let tables = get(&store, "/?database=throughline&query=SHOW%20TABLES").unwrap();
    assert!(tables.contains("otel_traces") && tables.contains("transactions"), "{tables}");

    server.terminate();
    assert_eq!(server.ended().code(), Some(0));
    assert!(TcpStream::connect(&store).is_err(), "the engine outlived its parent");
}
