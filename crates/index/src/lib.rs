//! What has closed is found again: a map from 16-byte keys to numbers, on disk, for as long as retention reaches.
//!
//! A fold keeps its newest entries itself and hands over the rest a numbered chunk at a time. A chunk becomes one immutable file, a
//! run; runs are merged by a thread of their own, so that few have to be asked. Nearly every question is for a key never seen: it
//! costs one cache line of filter in each run. What is added is durable after [`Runs::sync`]; what a fold's snapshot does not know
//! of is taken back by [`Runs::restore`].
//!
//! It is not a store of values: an entry is 24 bytes. It never changes or deletes an entry, only drops whole runs: what lies before
//! [`Runs::forget_before`] may still be found for a while. One owner a folder; nothing here locks it. Keys are hashed without a
//! secret: who chooses keys can make lookups slow, not wrong.
//!
//! Limits: entries, in [`Settings`]. Heap stays within 1 KiB a run (about 50 runs for 86 million entries) and 8 MiB while a merge
//! runs; filters and entries are mapped files, which the system may take out of memory. A merge needs the room of its sources again
//! on disk until the next [`Runs::sync`].

mod error;
mod filter;
mod layout;
mod losses;
mod merge;
mod metrics;
mod names;
mod recover;
mod run;
mod runs;
mod settings;
mod writer;

pub use error::IndexError;
pub use metrics::describe;
pub use runs::Runs;
pub use settings::{Chunk, Settings};
