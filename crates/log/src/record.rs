//! What a log holds: records with a kind, a moment, an optional cause and a payload.

use std::{any::Any, fmt, sync::Arc};

use bytes::Bytes;

/// Where a record lies in its partition. Positions grow; they are opaque (the local engine counts bytes, Kafka counts records).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(pub u64);

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a record is. The numbers are on disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An `ExportTraceServiceRequest`.
    Spans = 0,
    /// Time went on.
    Tick = 1,
    /// An output batch ends here.
    Cut = 2,
    /// The rules change here; the payload names their version.
    Rules = 3,
    /// A trace's summary.
    Summary = 4,
    /// A transaction's row, decision and sums.
    Closed = 5,
    /// The time of a source partition.
    SourceTime = 6,
    /// Two names mean one transaction.
    Link = 7,
    /// What a name held goes to its parent.
    Move = 8,
    /// Transactions that were decided, for the analysis.
    Finished = 9,
    /// Alerts from outside.
    Alerts = 10,
    /// What a person says of an incident.
    Feedback = 11,
    /// Rows of incidents and alerts.
    Found = 12,
    /// A transaction that closes, offered to policies that hang on what came before.
    Offer = 13,
    /// Changes that somebody told of.
    Changes = 14,
}

/// The record that made a fold append this one: what makes a second append of it count once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// The partition of the log that was read.
    pub source: u32,
    /// The record in it.
    pub position: Position,
    /// Which of the records appended because of it, from 0.
    pub ordinal: u32,
}

/// Something that travels with a record in memory while it is in the tail; it is never stored.
pub type Cache = Arc<dyn Any + Send + Sync>;

/// A record to append.
#[derive(Clone)]
pub struct NewRecord {
    /// What it is.
    pub kind: Kind,
    /// Whose it is; empty for the default tenant and for control records.
    pub tenant: Arc<str>,
    /// Why it is there.
    pub cause: Option<Cause>,
    /// Its body.
    pub payload: Bytes,
    /// Handed to readers that are near the end of the log.
    pub cache: Option<Cache>,
}

/// A record as read: durable.
#[derive(Clone)]
pub struct Record {
    /// Where it lies.
    pub position: Position,
    /// Where the next one lies.
    pub next: Position,
    /// When it was appended: Unix nanoseconds of the wall clock, which may jump.
    pub wall_ns: u64,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub tenant: Arc<str>,
    /// Why it is there.
    pub cause: Option<Cause>,
    /// Its body.
    pub payload: Bytes,
    /// What travelled with it, if it is still in memory.
    pub cache: Option<Cache>,
}

impl Kind {
    /// The kind of this number on disk.
    pub(crate) fn of(number: u8) -> Option<Self> {
        [
            Self::Spans,
            Self::Tick,
            Self::Cut,
            Self::Rules,
            Self::Summary,
            Self::Closed,
            Self::SourceTime,
            Self::Link,
            Self::Move,
            Self::Finished,
            Self::Alerts,
            Self::Feedback,
            Self::Found,
            Self::Offer,
            Self::Changes,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == number)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("position", &self.position.0)
            .field("kind", &self.kind)
            .field("tenant", &self.tenant)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}
