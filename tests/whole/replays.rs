//! The same logs give the same batches: names and bytes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use throughline_assembly::rules::Rules;
use throughline_bank::plan::Transfer;
use throughline_clickhouse::{outbox::Outbox, schema::table};
use throughline_config::{Config, Sources};
use throughline_harness::{Server, Start};
use throughline_log::{Log, Settings, Snapshots};
use throughline_worker::{Parts, Retention, Worker};

use crate::load::{CONFIG, PATIENCE, binary, counted_requests, requests, send, transfers};

/// A port on which nothing listens: batches stay in the outbox.
const NO_STORE: &str = "clickhouse: { url: 'http://127.0.0.1:9' }\n";

/// Room for all batches.
const OUTBOX_BYTES: u64 = 1 << 30;

/// Requests, each of a part of the first transfers' spans, that are sent when all else is closed.
const HELD_BACK: usize = 20;

/// Rows and bytes by name.
type Batches = BTreeMap<String, (u64, Vec<u8>)>;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else if let Err(error) = fs::copy(entry.path(), &to) {
            // A file that was renamed meanwhile: a batch that is not whole yet.
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
        }
    }
}

/// All batches that lie in an outbox, read from a copy of it.
fn batches(outbox: &Path) -> Batches {
    let dir = tempfile::tempdir().unwrap();
    copy(outbox, dir.path());
    let outbox = Outbox::open(dir.path(), OUTBOX_BYTES).unwrap();
    let mut all = Batches::new();
    for partition in outbox.partitions() {
        while let Some(cut) = outbox.first(partition).unwrap() {
            for batch in cut.batches {
                let known = all.insert(batch.name.to_string(), (batch.rows, batch.bytes.to_vec()));
                assert!(known.is_none(), "{} was sealed twice", batch.name);
            }
            outbox.remove(partition, cut.cut).unwrap();
        }
    }
    all
}

fn rows(batches: &Batches, table: &str) -> u64 {
    let of_table = format!("/{table}/");
    batches.iter().filter(|(name, _)| name.contains(&of_table)).map(|(_, (rows, _))| rows).sum()
}

/// Waits until all these spans lie in the outbox.
async fn wait_for_spans(outbox: &Path, spans: u64) {
    let until = Instant::now() + PATIENCE;
    loop {
        let sealed = if outbox.exists() { rows(&batches(outbox), table::SPANS) } else { 0 };
        if sealed == spans {
            return;
        }
        assert!(sealed < spans && Instant::now() < until, "{sealed} spans are sealed, not {spans}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// A server without a store, once it listens.
async fn listening(start: Start) -> Server {
    let port = start.ports.grpc;
    let server = start.spawn();
    let until = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(Instant::now() < until, "nobody listens:\n{}", server.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server
}

fn spans(transfers: &[Transfer]) -> u64 {
    transfers.iter().map(|transfer| transfer.spans.len() as u64).sum()
}

/// Runs the folds over the logs of `data` from their beginning, or from the snapshots that lie there, to their end.
async fn replay(data: &Path, config: &Path) -> Batches {
    let sources = Sources { files: vec![config.to_owned()], ..Sources::default() };
    let config = Config::load(&sources).unwrap();
    let log = |name: &str| {
        Log::open(Settings::new(data.join("log").join(name), name, config.log.partitions)).unwrap()
    };
    let parts = Parts {
        span_log: log("span"),
        summary_log: log("summary"),
        analysis_log: Log::open(Settings::new(data.join("log/analysis"), "analysis", 1)).unwrap(),
        snapshots: Snapshots::open(data.join("log/snapshots")).unwrap(),
        outbox: Outbox::open(data.join("outbox"), OUTBOX_BYTES).unwrap(),
        rules: Arc::new(Rules::compile(config.rules).unwrap()),
        retention: Retention { age: Duration::from_secs(3600), bytes: 1 << 40 },
        index: data.join("log/index"),
    };
    Worker::start(parts).unwrap().drain().await.unwrap();
    batches(&data.join("outbox"))
}

fn assert_same(what: &str, found: &Batches, wanted: &Batches) {
    let names = |batches: &Batches| batches.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(wanted), "{what}: names of batches");
    let differ: Vec<_> = wanted
        .iter()
        .filter(|(name, batch)| found.get(*name) != Some(*batch))
        .map(|(name, _)| name)
        .collect();
    assert!(differ.is_empty(), "{what}: other bytes in {differ:#?}");
}

/// Logs of a life with all that may happen in one: an end in order, a `kill -9`, spans that come again, spans that come late. Answers the data directory, and a
/// copy of the snapshots that lay there half way.
async fn life(dir: &Path, config: &str) -> (PathBuf, PathBuf) {
    let (data, halfway) = (dir.join("data"), dir.join("halfway"));
    let outbox = data.join("outbox");
    let (early, late) = (transfers(300, 40), transfers(301, 40));
    let start = Start::new(binary(), dir, config);
    let server = listening(start.clone()).await;
    let port = start.ports.grpc;
    let (held, now) = {
        let mut all = counted_requests(&early);
        let now = all.split_off(HELD_BACK);
        (all, now.into_iter().map(|(request, _)| request).collect::<Vec<_>>())
    };
    let held_spans: u64 = held.iter().map(|(_, spans)| spans).sum();
    let held: Vec<_> = held.into_iter().map(|(request, _)| request).collect();
    send(port, &now).await;
    send(port, &now[..now.len() / 2]).await;
    wait_for_spans(&outbox, spans(&early) - held_spans).await;
    let (status, _) = server.stop();
    assert_eq!(status.code(), Some(0));
    copy(&data.join("log/snapshots"), &halfway);

    let server = listening(start).await;
    let requests = requests(&late);
    send(port, &requests[..requests.len() / 2]).await;
    let server = listening(server.kill()).await;
    send(port, &requests[requests.len() / 2 - 5..]).await;
    wait_for_spans(&outbox, spans(&early) + spans(&late) - held_spans).await;
    // Their transactions are closed: each is amended.
    send(port, &held).await;
    wait_for_spans(&outbox, spans(&early) + spans(&late)).await;
    let (status, _) = server.stop();
    assert_eq!(status.code(), Some(0));
    (data, halfway)
}

/// Scenario: a server lives through an end in order, a `kill -9`, resends and late spans, and no store takes its batches. Then the folds run over copies of its logs:
/// twice from the beginning, once from snapshots of half way.
/// Guarantee: every batch that was sealed the first time is sealed again with the same name and the same bytes, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_logs_give_the_same_batches() {
    let dir = tempfile::tempdir().unwrap();
    let config = format!("{CONFIG}{NO_STORE}");
    let (data, halfway) = life(dir.path(), &config).await;
    let lived = batches(&data.join("outbox"));
    assert!(rows(&lived, table::TRANSACTIONS) > 80, "the late spans amended nothing");
    let config = dir.path().join("throughline.yaml");
    for (name, from) in [("first", None), ("second", None), ("from half way", Some(&halfway))] {
        let copied = dir.path().join(name);
        for log in ["log/span", "log/summary", "log/analysis"] {
            copy(&data.join(log), &copied.join(log));
        }
        from.inspect(|snapshots| copy(snapshots, &copied.join("log/snapshots")));
        let again = replay(&copied, &config).await;
        if from.is_none() {
            assert_same(name, &again, &lived);
            continue;
        }
        let rest: Batches = lived
            .iter()
            .filter(|(name, _)| again.contains_key(*name))
            .map(|(name, batch)| (name.clone(), batch.clone()))
            .collect();
        assert_same(name, &again, &rest);
        assert!(!again.is_empty() && again.len() < lived.len(), "{} of {} batches", again.len(), lived.len());
    }
}
