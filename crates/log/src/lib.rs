//! The durable log: one contract, one local engine.
//!
//! An append that returned a position is durable. Nothing that is not durable is ever read. Positions never change: what is
//! damaged is left out and reported by name, what lies after it stays where it was.
//!
//! The local engine keeps segment files, made ahead and written over, and one thread that writes all queued appends as one group,
//! with one `fdatasync` for each file it touched. It does not compress, knows nothing of what a payload holds, and has no retention
//! of its own: who reads says what may go ([`Log::trim`]).
//!
//! Limits: a record takes at most [`MAX_RECORD_BYTES`]; what waits to be durable, what readers near the end share in memory, the
//! bytes held and the disk left free are in [`Settings`].

mod disk;
mod error;
#[cfg(test)]
mod failures;
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
mod writer;

pub use error::{AppendError, FetchError, OpenError, ReadError};
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
