//! The durable log: one contract, one local engine.
//!
//! An append that returned a position is durable. Nothing that is not durable is ever read. Positions never change: what is
//! damaged is left out and reported by name, what lies after it stays where it was.
//!
//! The local engine keeps segment files, made ahead and written over, and one thread that writes what was queued within a few
//! milliseconds as one group, with one `fdatasync` for each file it touched. After a failed write or flush nothing of the group is
//! acknowledged or read, and what reached the files is written over; a full disk passes, any other error stops the log. It does not compress, knows nothing of what a payload holds, and has no retention
//! of its own: who reads says what may go ([`Log::trim`]).
//!
//! [`LogFiles`] reads a log's files beside whoever has it open, without a lock and without writing anything.
//!
//! Limits: a record takes at most [`MAX_RECORD_BYTES`]; what waits to be durable, the log whose records readers find with all
//! that travelled with them, the bytes held and the disk left free are in [`Settings`]. No payload is held once it is durable: readers
//! get the file's own pages. Those that nobody goes back to leave the page cache: as far back as the log is read, and a quarter more, stays.

mod disk;
mod ending;
mod error;
#[cfg(test)]
mod failures;
mod files;
mod format;
mod keeper;
mod log;
mod metrics;
mod partition;
mod plan;
mod queue;
mod reader;
mod record;
mod recover;
mod segment;
mod settings;
mod snapshots;
mod space;
mod stored;
mod sync;
mod tail;
mod warm;
mod writer;

pub use error::{AppendError, FetchError, OpenError, ReadError};
pub use files::LogFiles;
pub use format::MAX_RECORD_BYTES;
pub use log::{Log, Usage};
pub use metrics::describe;
pub use queue::Pending;
pub use reader::Reader;
pub use record::{Cache, Cause, Kind, NewRecord, Position, Record};
pub use recover::Recovery;
pub use segment::Damage;
pub use settings::{LogId, Settings, Sync};
pub use snapshots::{Saved, SnapshotWriter, Snapshots};
pub use space::FreeSpace;
