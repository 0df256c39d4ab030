//! Disks that fail. The rule: what a failed write or flush touched is never acknowledged, never read, and not found again by the next
//! process on the same machine; a full disk passes, any other error stops the log, and the first reason is the one told.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{
    fs::File,
    io,
    path::Path,
    sync::{Arc, Mutex},
};

use rustix::io::Errno;

use crate::{
    AppendError, FreeSpace, Kind, Log, NewRecord, OpenError, Position, ReadError, Record, Settings,
    disk::{Disk, System},
};

/// What fails next; each counts down to nothing.
#[derive(Default)]
struct Faults {
    /// Writes that take only so many bytes, then the error.
    write: Option<(usize, Errno)>,
    /// Flushes that fail, after so many that do not.
    sync: Option<(usize, usize, Errno)>,
    allot: Option<Errno>,
    /// No write takes more than this.
    at_a_time: Option<usize>,
}

#[derive(Default)]
struct Faulty(Mutex<Faults>);

impl Faulty {
    fn set(&self, set: impl FnOnce(&mut Faults)) {
        set(&mut self.0.lock().unwrap());
    }
}

impl Disk for Faulty {
    fn write(&self, file: &File, pieces: &[io::IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let (most, error) = {
            let mut faults = self.0.lock().unwrap();
            match faults.write.take() {
                Some((0, errno)) => (None, Some(errno)),
                Some((most, errno)) => {
                    faults.write = Some((0, errno));
                    (Some(most), None)
                }
                None => (faults.at_a_time, None),
            }
        };
        match (error, most) {
            (Some(errno), _) => Err(errno.into()),
            (None, Some(most)) => {
                let whole: Vec<u8> =
                    pieces.iter().flat_map(|piece| piece.iter().copied()).take(most).collect();
                System.write(file, &[io::IoSlice::new(&whole)], offset)
            }
            (None, None) => System.write(file, pieces, offset),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut faults = self.0.lock().unwrap();
        match &mut faults.sync {
            Some((0, failing, errno)) if *failing > 0 => {
                *failing -= 1;
                Err((*errno).into())
            }
            Some((before, ..)) => {
                *before = before.saturating_sub(1);
                System.sync(file)
            }
            None => System.sync(file),
        }
    }

    fn allot(&self, path: &Path, file: &File, bytes: u64, written: bool) -> io::Result<()> {
        match self.0.lock().unwrap().allot {
            Some(errno) => Err(errno.into()),
            None => System.allot(path, file, bytes, written),
        }
    }
}

struct Plenty;

impl FreeSpace for Plenty {
    fn free_bytes(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

fn open(dir: &Path, disk: &Arc<Faulty>) -> Result<Log, OpenError> {
    let settings =
        Settings { segment_bytes: 64 << 10, reserve_bytes: 0, ..Settings::new(dir, "failures", 2) };
    Log::open_on(settings, Box::new(Plenty), Arc::<Faulty>::clone(disk))
}

fn new(byte: u8) -> NewRecord {
    NewRecord {
        kind: Kind::Spans,
        tenant: "".into(),
        cause: None,
        payload: vec![byte; 9000].into(),
        cache: None,
    }
}

/// One record for each partition.
async fn append(log: &Log, byte: u8) -> Result<Vec<Position>, AppendError> {
    log.append(vec![(0, new(byte)), (1, new(byte))]).await
}

/// The first byte of each record of a partition.
fn bytes(log: &Log, partition: u32) -> Vec<u8> {
    let mut reader = log.reader(partition, log.start(partition));
    std::iter::from_fn(|| reader.try_next().unwrap()).map(|record: Record| record.payload[0]).collect()
}

/// What is found now, and by the next process, is this and nothing else; and the log goes on.
async fn holds(log: Log, dir: &Path, expected: &[u8]) {
    for partition in 0..2 {
        assert_eq!(bytes(&log, partition), expected, "before it is opened again");
    }
    drop(log);
    let log = open(dir, &Arc::default()).unwrap();
    assert!(log.recovery().damaged.is_empty() && log.recovery().torn_tails == 0, "{:?}", log.recovery());
    for partition in 0..2 {
        assert_eq!(bytes(&log, partition), expected, "after it was opened again");
    }
    append(&log, 99).await.unwrap();
    assert_eq!(bytes(&log, 1), [expected, &[99]].concat());
}

/// The log stops for this reason; nothing more is taken, and readers hear it once they have read what is durable.
async fn stopped(log: &Log, expected: &str) {
    let AppendError::Stopped { reason } = append(log, 70).await.unwrap_err() else { panic!("not stopped") };
    assert!(reason.contains(expected), "{reason}");
    let mut reader = log.reader(0, log.end(0));
    let error = reader.next().await.unwrap_err();
    assert!(matches!(&error, ReadError::Stopped { reason } if reason.contains(expected)), "{error}");
}

const FULL: Errno = Errno::NOSPC;

/// An error in the middle of a write: nothing of the group counts, neither of the partition that was written already.
#[tokio::test]
async fn a_write_error_stops_the_log() {
    // Before anything, within the first partition's, once it is whole.
    for taken in [0, 5000, 9040 + 3248] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Faulty::default());
        let log = open(dir.path(), &disk).unwrap();
        append(&log, 1).await.unwrap();
        disk.set(|faults| faults.write = Some((taken, Errno::IO)));
        let error = append(&log, 2).await.unwrap_err();
        assert!(matches!(error, AppendError::Stopped { .. }) && !error.is_retryable(), "{taken}: {error}");
        stopped(&log, "os error 5").await;
        holds(log, dir.path(), &[1]).await;
    }
}

/// The flush of either file fails: the pages are not trusted again, though a second flush would succeed.
#[tokio::test]
async fn after_a_failed_flush_nothing_is_acknowledged() {
    for before in [0, 1] {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Faulty::default());
        let log = open(dir.path(), &disk).unwrap();
        append(&log, 1).await.unwrap();
        disk.set(|faults| faults.sync = Some((before, 1, Errno::IO)));
        let error = append(&log, 2).await.unwrap_err();
        assert!(matches!(error, AppendError::Stopped { .. }), "{error}");
        disk.set(|faults| *faults = Faults::default());
        stopped(&log, "os error 5").await;
        holds(log, dir.path(), &[1]).await;
    }
}

/// The disk is gone for good: taking back fails too, and the reason told is the first.
#[tokio::test]
async fn the_first_reason_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let log = open(dir.path(), &disk).unwrap();
    append(&log, 1).await.unwrap();
    disk.set(|faults| {
        faults.sync = Some((0, usize::MAX, Errno::IO));
        faults.allot = Some(Errno::ROFS);
    });
    append(&log, 2).await.unwrap_err();
    disk.set(|faults| faults.sync = Some((0, usize::MAX, Errno::ROFS)));
    stopped(&log, "os error 5").await;
    assert_eq!(bytes(&log, 0), [1]);
}

/// A full disk, wherever it is noticed: refused with a delay, taken back, and the same handle goes on once there is room.
#[tokio::test]
async fn a_full_disk_passes() {
    let faults: [fn(&mut Faults); 4] = [
        |faults| faults.write = Some((0, FULL)),
        |faults| faults.write = Some((5000, FULL)),
        // A system that allots late, or a quota, tells at the flush.
        |faults| faults.sync = Some((0, 1, FULL)),
        |faults| faults.sync = Some((1, 1, Errno::DQUOT)),
    ];
    for (set, goes_on) in faults.into_iter().flat_map(|set| [(set, true), (set, false)]) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(Faulty::default());
        let log = open(dir.path(), &disk).unwrap();
        append(&log, 1).await.unwrap();
        disk.set(set);
        let error = append(&log, 2).await.unwrap_err();
        assert!(matches!(error, AppendError::Full { retry_after } if !retry_after.is_zero()), "{error}");
        assert!(error.is_retryable());
        if goes_on {
            append(&log, 3).await.unwrap();
        }
        holds(log, dir.path(), if goes_on { &[1, 3] } else { &[1] }).await;
    }
}

/// No room for a new file: refused until there is, at the very beginning as later.
#[tokio::test]
async fn without_room_for_a_file_appends_wait() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let log = open(dir.path(), &disk).unwrap();
    let mut taken = Vec::new();
    for round in 1..=3 {
        disk.set(|faults| faults.allot = Some(FULL));
        let error = loop {
            match append(&log, round).await {
                Ok(_) => taken.push(round),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AppendError::Full { .. }), "{error}");
        disk.set(|faults| faults.allot = None);
        append(&log, round + 10).await.unwrap();
        taken.push(round + 10);
    }
    assert!(taken.len() > 6, "files were filled in between");
    holds(log, dir.path(), &taken).await;
}

/// A system that takes a few bytes at a time is asked again for the rest.
#[tokio::test]
async fn short_writes_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    disk.set(|faults| faults.at_a_time = Some(777));
    let log = open(dir.path(), &disk).unwrap();
    for byte in 1..20 {
        append(&log, byte).await.unwrap();
    }
    holds(log, dir.path(), &(1..20).collect::<Vec<_>>()).await;
}

/// What a killed process left is flushed before it counts: where that fails the log does not open, and nothing is lost.
#[tokio::test]
async fn recovery_flushes_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Faulty::default());
    let log = open(dir.path(), &disk).unwrap();
    append(&log, 1).await.unwrap();
    drop(log);
    disk.set(|faults| faults.sync = Some((0, 1, Errno::IO)));
    let error = open(dir.path(), &disk).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }) && error.is_retryable(), "{error}");
    holds(open(dir.path(), &disk).unwrap(), dir.path(), &[1]).await;
}
