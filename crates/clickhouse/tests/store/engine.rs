//! One engine for all tests, a database for each.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use throughline_clickhouse::schema::table;
use throughline_clickhouse::{
    Batch, BatchName, Outbox, SchemaSettings, Sink, SinkHandle, SinkSettings, Store, migrate,
};
use throughline_embedded_clickhouse::supervise::{Settings, Supervisor};
use throughline_embedded_clickhouse::{Options, locate_library, serve};

/// Marks the arguments behind it as the engine's.
const MARK: &str = "engine-child";

/// Where the engine answers. It is a child of this process, for libchdb cannot be left while a thread is in it; it dies with this process.
pub(crate) fn url() -> &'static str {
    static ENGINE: OnceLock<(String, Supervisor)> = OnceLock::new();
    let (url, _) = ENGINE.get_or_init(|| {
        // A child that cannot start would only be tried for ever.
        locate_library().unwrap_or_else(|missing| panic!("{missing}"));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("store-engine");
        let _ = std::fs::remove_dir_all(&path);
        let address = throughline_ports::own_one();
        let mut arguments: Vec<OsString> =
            ["--exact", "engine::engine_process", "--ignored", "--nocapture", MARK].map(Into::into).to_vec();
        arguments.extend([path.into(), address.to_string().into()]);
        let program = std::env::current_exe().unwrap();
        let supervisor = Supervisor::start(Settings::new(program, arguments, address)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(supervisor.ready(Duration::from_secs(60))).unwrap();
        (format!("http://{address}"), supervisor)
    });
    url
}

#[test]
#[ignore = "the engine itself: other tests start it"]
fn engine_process() {
    let mut arguments = std::env::args().skip_while(|argument| argument != MARK).skip(1);
    let (Some(path), Some(address)) = (arguments.next(), arguments.next()) else { return };
    let options = Options::new(locate_library().unwrap(), path.into(), address.parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(serve(options, std::future::pending())).unwrap();
}

/// A test's own database.
pub(crate) struct Scene {
    pub(crate) store: Store,
    pub(crate) settings: SchemaSettings,
    pub(crate) dir: tempfile::TempDir,
    client: clickhouse::Client,
}

impl Scene {
    /// A database without tables.
    pub(crate) async fn empty() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let url = tokio::task::spawn_blocking(url).await.unwrap();
        let database = format!("scene_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let settings = SchemaSettings {
            database: database.clone(),
            retention_spans: Duration::ZERO,
            retention_transactions: Duration::ZERO,
            dedup_window: 1000,
        };
        Self {
            store: Store::connect(url, &database, "", ""),
            settings,
            dir: tempfile::tempdir().unwrap(),
            client: clickhouse::Client::default().with_url(url).with_database(&database),
        }
    }

    /// A database with its schema.
    pub(crate) async fn new() -> Self {
        let scene = Self::empty().await;
        migrate(&scene.store, &scene.settings, false).await.unwrap();
        scene
    }

    pub(crate) fn outbox(&self) -> Outbox {
        Outbox::open(self.dir.path(), 1 << 30).unwrap()
    }

    pub(crate) fn sink(&self, outbox: &Outbox) -> SinkHandle {
        Sink::start(self.store.clone(), outbox.clone(), SinkSettings::new(self.settings.clone()))
    }

    /// Seals batches and waits until they are stored.
    pub(crate) async fn write(&self, batches: Vec<Batch>) {
        let outbox = self.outbox();
        outbox.seal(batches).await.unwrap();
        let sink = self.sink(&outbox);
        drained(&outbox).await;
        sink.stop().await;
    }

    /// The answer to any statement, as tab separated text.
    pub(crate) async fn ask(&self, sql: &str) -> String {
        let answer = self.client.query_raw(sql).fetch_bytes("TabSeparated").unwrap().collect().await;
        String::from_utf8(answer.unwrap_or_else(|error| panic!("{sql}: {error}")).to_vec())
            .unwrap()
            .trim_end_matches('\n')
            .to_owned()
    }

    /// Runs a statement.
    pub(crate) async fn run(&self, sql: &str) {
        self.client.query_raw(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// Waits until an outbox is empty.
pub(crate) async fn drained(outbox: &Outbox) {
    tokio::time::timeout(Duration::from_secs(60), outbox.wait_until_empty())
        .await
        .expect("the sink writes all");
}

/// A batch of a cut of partition 0.
pub(crate) fn batch(cut: u64, table: &str, day: u32, rows: usize, bytes: impl Into<Bytes>) -> Batch {
    let name =
        BatchName { log_id: "log".to_owned(), partition: 0, cut, table: table.to_owned(), day, chunk: 0 };
    Batch { name, rows: rows as u64, bytes: bytes.into() }
}

/// A batch of spans.
pub(crate) fn spans(cut: u64, block: throughline_clickhouse::SpansBlock) -> Batch {
    let rows = block.rows();
    batch(cut, table::SPANS, crate::sample::DAY, rows, block.finish())
}
