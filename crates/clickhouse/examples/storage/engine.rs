//! The engine as a child of this process, and the CPU that it takes.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use throughline_embedded_clickhouse::{Options, locate_library, serve};

/// First argument of the child.
const MARK: &str = "engine-child";

/// How long the engine may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Clock ticks a second in `/proc`: the same on all Linux builds.
const TICKS: f64 = 100.0;

/// A running engine; it ends with this value.
pub(crate) struct Engine {
    child: Child,
    pub(crate) url: String,
    _path: tempfile::TempDir,
}

/// Whether this process was the engine, and has ended as such.
pub(crate) fn ran_as_engine() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(MARK)) {
        return false;
    }
    let path = arguments.next().expect("a folder");
    let address: SocketAddr =
        arguments.next().and_then(|text| text.to_str()?.parse().ok()).expect("an address");
    let options = Options::new(locate_library().expect("the engine's library"), path.into(), address);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(options, std::future::pending())).unwrap();
    true
}

impl Engine {
    /// Starts one on an empty folder.
    pub(crate) async fn start() -> Self {
        let library = locate_library();
        library.unwrap_or_else(|missing| panic!("{missing}"));
        let path = tempfile::tempdir().unwrap();
        let address = throughline_ports::own_one();
        let child = Command::new(std::env::current_exe().unwrap())
            .arg(MARK)
            .arg(path.path())
            .arg(address.to_string())
            .spawn()
            .unwrap();
        let engine = Self { child, url: format!("http://{address}"), _path: path };
        let begun = Instant::now();
        while engine.client("default").query_raw("SELECT 1").execute().await.is_err() {
            assert!(begun.elapsed() < START_TIMEOUT, "the engine does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        engine
    }

    /// A client of one of its databases.
    pub(crate) fn client(&self, database: &str) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.url)
            .with_database(database)
            .with_compression(clickhouse::Compression::None)
    }

    /// CPU seconds that it has taken so far, all threads, user and system.
    pub(crate) fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // Behind the name in brackets: state, then numbers; user and system time are the 12th and 13th.
        let rest = stat.rsplit_once(')').unwrap().1;
        rest.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap() / TICKS).sum()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
