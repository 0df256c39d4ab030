//! Torn tails and flipped bits: what is not sound is left out and named, and nothing else is.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use throughline_log::{FetchError, Log, Position, Record, Settings};

mod contract;
use contract::spans;

const PAGE: u64 = 4096;

fn settings(dir: &Path) -> Settings {
    Settings { segment_bytes: 64 << 10, reserve_bytes: 0, ..Settings::new(dir, "test", 1) }
}

fn open(dir: &Path) -> Log {
    Log::open(settings(dir)).unwrap()
}

fn segment(dir: &Path, number: usize) -> PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "segment"))
        .collect();
    files.sort();
    files.swap_remove(number)
}

fn edit(path: &Path) -> File {
    File::options().read(true).write(true).open(path).unwrap()
}

fn flip(file: &File, offset: u64) {
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

fn read_all(log: &Log) -> Vec<Record> {
    let mut reader = log.reader(0, log.start(0));
    std::iter::from_fn(|| reader.try_next().unwrap()).collect()
}

async fn fill(dir: &Path, payloads: &[Vec<u8>]) -> Vec<Position> {
    let log = open(dir);
    let mut positions = Vec::new();
    for payload in payloads {
        positions.extend(log.append(vec![(0, spans(payload.clone()))]).await.unwrap());
    }
    positions
}

/// The last record cut at each of its bytes: it is cut off, counted, and what comes next takes its place.
#[tokio::test]
async fn a_torn_tail_is_cut_at_any_byte() {
    let payloads = vec![vec![1; 200], vec![2; 90]];
    for kept in 0..130 {
        let dir = tempfile::tempdir().unwrap();
        let positions = fill(dir.path(), &payloads).await;
        let file = edit(&segment(dir.path(), 0));
        let torn = PAGE + positions[1].0 + kept;
        file.write_all_at(&vec![0; (130 - kept) as usize], torn).unwrap();
        let log = open(dir.path());
        assert_eq!(log.end(0), positions[1], "{kept} bytes kept");
        assert_eq!(log.recovery().torn_tails, u64::from(kept > 0), "{kept} bytes kept");
        assert!(log.recovery().damaged.is_empty());
        let again = log.append(vec![(0, spans("again"))]).await.unwrap();
        assert_eq!(again[0], positions[1]);
        drop(log);
        let read: Vec<_> = read_all(&open(dir.path())).into_iter().map(|record| record.payload).collect();
        assert_eq!(read, [vec![1; 200].into(), bytes::Bytes::from_static(b"again")]);
    }
}

/// A flipped bit anywhere in a record in the middle costs that record alone; it is named, and the others keep their positions.
#[tokio::test]
async fn a_flipped_bit_costs_one_record() {
    let payloads = vec![vec![1; 100], vec![2; 60], vec![3; 100]];
    for offset in 0..100 {
        let dir = tempfile::tempdir().unwrap();
        let positions = fill(dir.path(), &payloads).await;
        let path = segment(dir.path(), 0);
        flip(&edit(&path), PAGE + positions[1].0 + offset);
        let log = open(dir.path());
        let [damage] = &log.recovery().damaged[..] else { panic!("{:?}", log.recovery()) };
        assert_eq!((&damage.segment, damage.offset, damage.bytes), (&path, PAGE + positions[1].0, 100));
        let read: Vec<_> =
            read_all(&log).into_iter().map(|record| (record.position, record.payload[0])).collect();
        assert_eq!(read, [(positions[0], 1), (positions[2], 3)], "byte {offset}");
        assert!(matches!(log.fetch(0, positions[1]), Err(FetchError::Damaged(_))));
        assert_eq!(log.damaged().len(), 1, "named once");
    }
}

/// Loss of power while a group is flushed: a page of its middle is not there, later ones are. Of a log that is made again nothing stays from there on, and nothing
/// of it comes back later; of any other log what is sound stays.
#[tokio::test]
async fn of_the_last_group_nothing_stays_after_a_gap() {
    for made_again in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let settings = || Settings { made_again, ..settings(dir.path()) };
        let log = Log::open(settings()).unwrap();
        let before = log.append(vec![(0, spans(vec![1; 100])), (0, spans(vec![2; 100]))]).await.unwrap();
        let group = (3..9).map(|byte| (0, spans(vec![byte; 3000]))).collect();
        let group = log.append(group).await.unwrap();
        drop(log);
        let file = edit(&segment(dir.path(), 0));
        file.write_all_at(&[0; 3000], PAGE + group[1].0 + 20).unwrap();
        // In an earlier group it is damage like any other.
        flip(&file, PAGE + before[0].0 + 50);
        let log = Log::open(settings()).unwrap();
        let bytes = |log: &Log| read_all(log).iter().map(|record| record.payload[0]).collect::<Vec<_>>();
        if !made_again {
            assert_eq!(bytes(&log), [2, 3, 5, 6, 7, 8]);
            continue;
        }
        assert_eq!((log.end(0), log.recovery().torn_tails), (group[1], 1));
        assert_eq!(bytes(&log), [2, 3]);
        log.append(vec![(0, spans(vec![20; 3000]))]).await.unwrap();
        drop(log);
        let log = Log::open(settings()).unwrap();
        assert_eq!(bytes(&log), [2, 3, 20], "what was cut does not come back");
        assert_eq!(log.recovery().damaged.len(), 1);
    }
}

/// Damage in a segment that recovery does not read is found by who reads it, who goes on behind it.
#[tokio::test]
async fn damage_in_an_old_segment_is_found_by_readers() {
    let dir = tempfile::tempdir().unwrap();
    let payloads: Vec<_> = (0..20).map(|byte| vec![byte; 9000]).collect();
    let positions = fill(dir.path(), &payloads).await;
    flip(&edit(&segment(dir.path(), 0)), PAGE + positions[2].0 + 500);
    // The last record of a segment is a case of its own: what follows lies in the next file.
    flip(&edit(&segment(dir.path(), 0)), PAGE + positions[6].0 + 500);
    let log = open(dir.path());
    assert!(log.recovery().damaged.is_empty());
    let read: Vec<_> = read_all(&log).into_iter().map(|record| record.payload[0]).collect();
    assert_eq!(read, (0..20).filter(|byte| ![2, 6].contains(byte)).collect::<Vec<_>>());
    let named: Vec<_> = log.damaged().iter().map(|damage| damage.position).collect();
    assert_eq!(named, [positions[2].0, positions[6].0]);
}

/// Files are written over: what an earlier use left behind is never read, though it is sound and lies where the log goes on.
#[tokio::test]
async fn old_bytes_of_a_recycled_file_are_no_records() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for round in 0..60_u8 {
        let position = log.append(vec![(0, spans(vec![round; 5000]))]).await.unwrap()[0];
        log.trim(0, position);
    }
    let (start, end) = (log.start(0), log.end(0));
    drop(log);
    let log = open(dir.path());
    assert_eq!((log.start(0), log.end(0)), (start, end));
    assert!(log.recovery().damaged.is_empty() && log.recovery().torn_tails == 0, "{:?}", log.recovery());
    let read = read_all(&log);
    assert!(
        read.windows(2)
            .all(|pair| pair[0].next == pair[1].position && pair[0].payload[0] + 1 == pair[1].payload[0])
    );
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert!(files < 8, "{files} files: trimmed ones are used again");
}

/// A payload that someone still holds keeps its bytes, however much is trimmed and written since.
#[tokio::test]
async fn a_payload_in_use_is_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let position = log.append(vec![(0, spans(vec![7; 5000]))]).await.unwrap()[0];
    let held = log.fetch(0, position).unwrap();
    for round in 0..60_u8 {
        let position = log.append(vec![(0, spans(vec![round; 5000]))]).await.unwrap()[0];
        log.trim(0, position);
    }
    assert!(matches!(log.fetch(0, position), Err(FetchError::Trimmed { .. })));
    assert_eq!(held.payload, vec![7; 5000]);
}
