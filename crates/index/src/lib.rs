//! An index on disk of what a fold has closed: 16-byte keys to 8-byte values, in immutable sorted files with a filter each.
//!
//! A fold hands out numbered chunks and asks for keys, nearly all of which were never seen: a question that ends at the filters costs
//! some cache lines, no system call. Files are mapped, so that what is held takes page cache and no memory of the process.
//!
//! It is derived from a log and as durable as the fold's snapshot asks ([`Runs::sync`]); what a snapshot does not know is dropped after a
//! restart ([`Runs::restore`]) and comes again by replay. It is no general store: nothing is deleted but whole files, by age or by limit.
//!
//! A store of sorted runs is own code because an embedded store costs a microsecond and more for each key that is not there, which every
//! new trace is.
//!
//! Limits: [`Settings::max_entries`], [`MERGED_CHUNKS`] in one file.

mod error;
mod filter;
mod merge;
mod metrics;
mod run;
mod runs;

pub use self::{
    error::IndexError,
    merge::MERGED_CHUNKS,
    runs::{Chunk, Runs, Settings},
};
