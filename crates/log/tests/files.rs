//! A log's files, read beside whoever has it open: everything that is durable, in the order of time, and nothing is touched.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Instant, SystemTime},
};

use throughline_log::{Log, LogFiles, OpenError, Position, Record, Settings};

mod contract;
use contract::spans;

const PAGE: u64 = 4096;
const PARTITIONS: u32 = 3;

fn open(dir: &Path) -> Log {
    Log::open(Settings {
        segment_bytes: 64 << 10,
        reserve_bytes: 0,
        ..Settings::new(dir, "test", PARTITIONS)
    })
    .unwrap()
}

async fn append(log: &Log, from: u64, to: u64) {
    for number in from..to {
        let mut payload = number.to_be_bytes().to_vec();
        payload.resize(500 + (number as usize * 37) % 900, 7);
        log.append(vec![((number % u64::from(PARTITIONS)) as u32, spans(payload))]).await.unwrap();
    }
}

fn all(files: &mut LogFiles) -> Vec<Record> {
    std::iter::from_fn(|| files.next_record().unwrap()).collect()
}

fn number(record: &Record) -> u64 {
    u64::from_be_bytes(record.payload[..8].try_into().unwrap())
}

/// Names, sizes and times of all files.
fn listing(dir: &Path) -> BTreeMap<String, (u64, SystemTime)> {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let told = entries.map(|entry| {
        let meta = entry.metadata().unwrap();
        (entry.file_name().into_string().unwrap(), (meta.len(), meta.modified().unwrap()))
    });
    told.collect()
}

#[tokio::test]
async fn all_that_is_durable_is_read_beside_the_open_log_and_nothing_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!LogFiles::is_log(dir.path()));
    assert!(matches!(LogFiles::open(dir.path()), Err(OpenError::Io { .. })));
    let log = open(dir.path());
    append(&log, 0, 600).await;
    assert!(LogFiles::is_log(dir.path()));
    let before = listing(dir.path());
    let mut files = LogFiles::open(dir.path()).unwrap();
    let read = all(&mut files);
    assert_eq!(
        read.iter().map(number).collect::<Vec<_>>(),
        (0..600).collect::<Vec<_>>(),
        "in the order of time"
    );
    assert!(files.left_out().is_empty(), "{:?}", files.left_out());
    let (passed, all_bytes) = files.progress();
    assert!(passed > 500_000 && passed < all_bytes);
    // What the log itself says of each.
    for record in &read {
        let same = log.fetch((number(record) % u64::from(PARTITIONS)) as u32, record.position).unwrap();
        assert_eq!((same.next, same.wall_ns, same.kind), (record.next, record.wall_ns, record.kind));
        assert_eq!((&same.payload, &same.tenant), (&record.payload, &record.tenant));
    }
    assert_eq!(listing(dir.path()), before);
    append(&log, 600, 700).await;
    assert_eq!(all(&mut LogFiles::open(dir.path()).unwrap()).len(), 700);
    drop(log);
    assert_eq!(
        all(&mut LogFiles::open(dir.path()).unwrap()).len(),
        700,
        "it is as readable once it is closed"
    );
}

/// Its server lets go of files and writes them over while they are read: what was in them is not told, and nothing else is told instead.
#[tokio::test]
async fn files_that_are_written_over_meanwhile_are_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0, 900).await;
    let mut files = LogFiles::open(dir.path()).unwrap();
    let first: Vec<_> = (0..10).map(|_| number(&files.next_record().unwrap().unwrap())).collect();
    let ends: Vec<Position> = (0..PARTITIONS).map(|partition| log.end(partition)).collect();
    for (partition, end) in (0..).zip(&ends) {
        log.trim(partition, *end);
    }
    let spare = Instant::now();
    while log.usage().spare_bytes == 0 {
        assert!(spare.elapsed().as_secs() < 20, "trimmed files are made ready again");
        tokio::task::yield_now().await;
    }
    append(&log, 900, 1800).await;
    let rest: Vec<_> = all(&mut files).iter().map(number).collect();
    let mut sorted = rest.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!((sorted.len(), first), (rest.len(), (0..10).collect::<Vec<_>>()), "each at most once");
    assert!(rest.len() < 1790, "some are gone");
    let newest: Vec<_> = all(&mut LogFiles::open(dir.path()).unwrap()).iter().map(number).collect();
    assert!((900..1800).all(|number| newest.contains(&number)));
}

/// One record is damaged: it alone is left out, and told.
#[tokio::test]
async fn a_damaged_record_is_left_out_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, 0, 300).await;
    let read = all(&mut LogFiles::open(dir.path()).unwrap());
    let damaged = read.iter().find(|record| number(record) == 30).unwrap();
    drop(log);
    let path = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .find(|path| {
            let mut number = [0; 8];
            let payload = PAGE + damaged.next.0 - damaged.payload.len() as u64;
            File::open(path).unwrap().read_exact_at(&mut number, payload).unwrap();
            u64::from_be_bytes(number) == 30
        })
        .unwrap();
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&[9], PAGE + damaged.next.0 - 1).unwrap();
    let mut files = LogFiles::open(dir.path()).unwrap();
    let rest: Vec<_> = all(&mut files).iter().map(number).collect();
    assert_eq!(rest, (0..300).filter(|number| *number != 30).collect::<Vec<_>>());
    let [told] = files.left_out() else { panic!("{:?}", files.left_out()) };
    assert_eq!((told.position, told.bytes), (damaged.position.0, damaged.next.0 - damaged.position.0));
}
