//! What a log is opened with.

use std::{fmt, path::PathBuf, time::Duration};

/// Bytes of records in one segment file: large enough that changing files is rare, small enough that trimming is fine-grained.
const SEGMENT_BYTES: u64 = 64 << 20;
/// Disk that clients' data leave free, for summaries, outbox, snapshots and the engine.
const RESERVE_BYTES: u64 = 1 << 30;
/// Log near its end whose records readers find with all that travels with them: about a second of a busy machine.
const TAIL_BYTES: usize = 64 << 20;
/// Appends that are queued and not yet durable: what a disk that stalls for a moment makes wait in memory.
const MAX_PENDING_BYTES: usize = 64 << 20;

/// Time from the beginning of a group to that of the next: a flush costs the same however much it makes durable, and each wakes all
/// who wait and read. A group after a quiet moment begins at once. Well below the 10 ms that an answer may take beside the disk.
const GATHER: Duration = Duration::from_millis(6);

/// What makes an append durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// `fdatasync` before each answer: survives loss of power.
    #[default]
    Always,
    /// The system writes when it likes: survives the end of the process, not loss of power.
    Never,
}

/// What a log is opened with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where its files lie; made if missing. One log a folder.
    pub dir: PathBuf,
    /// Its label in metrics: `span`, `summary`.
    pub name: String,
    /// How many partitions; fixed once data exist.
    pub partitions: u32,
    /// Bytes of records in a segment file. Rounded up to a page; no record may exceed it.
    pub segment_bytes: u64,
    /// Client data are refused while the disk has less than this free.
    pub reserve_bytes: u64,
    /// Client data are refused while the log holds more than this.
    pub max_bytes: Option<u64>,
    /// Bytes of the log near its end whose records are at hand with what travels with them, divided among the partitions. Payloads are
    /// not held beside their files.
    pub tail_bytes: usize,
    /// Bytes queued and not yet durable beyond which appends are refused.
    pub max_pending_bytes: usize,
    /// Least time from the beginning of a group to that of the next; what comes meanwhile shares its flush. Zero: no waiting.
    pub gather: Duration,
    /// What makes an append durable.
    pub sync: Sync,
    /// Its records are made again from another log where they are lost. A later one says that those before it were written: so of a group that loss of power
    /// left on the disk in part, nothing after the first gap may stay. Else all that is sound stays, as what came from clients should.
    pub made_again: bool,
}

impl Settings {
    /// The defaults, for a log of this name and this many partitions.
    pub fn new(dir: impl Into<PathBuf>, name: impl Into<String>, partitions: u32) -> Self {
        Self {
            dir: dir.into(),
            name: name.into(),
            partitions,
            segment_bytes: SEGMENT_BYTES,
            reserve_bytes: RESERVE_BYTES,
            max_bytes: None,
            tail_bytes: TAIL_BYTES,
            max_pending_bytes: MAX_PENDING_BYTES,
            gather: GATHER,
            sync: Sync::Always,
            made_again: false,
        }
    }
}

/// A log's random id, made at its creation: part of the name of every batch that comes from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogId(pub u128);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
