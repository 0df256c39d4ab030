//! The core over recorded requests, in memory: what a server would have made of them, without one.
//!
//! [`Offline`] drives both folds as the worker does, with records that lie nowhere but in memory: requests go in with the time at which they came, closed
//! transactions come out as [`Event`]s, in the order in which they close. Time is that of the requests, second by second, so that everything that waits,
//! closes and is limited by time does so as it would have.
//!
//! [`Comparison`] runs two of them, under two sets of rules, and tells what changes: a [`Report`].
//!
//! What it is not: it reads no files (`throughline-recorded` does), writes nothing, and has one partition, whatever the configuration says.
//!
//! [`Diagnosing`] hands what closes to the diagnosis, in the order of its own time.
//!
//! Limits: [`LATE`], [`MAX_GAP`], [`HORIZON`].

mod compare;
mod diagnosing;
mod memory;
mod offline;
mod report;
mod timeline;

pub use compare::Comparison;
pub use diagnosing::{Diagnosed, Diagnosing, LOOKS, meet};
pub use memory::LATE;
pub use offline::{Event, MAX_GAP, Offline, Taken};
pub use report::{Counts, Line, Recorded, Report, Side};
pub use timeline::{HORIZON, Timeline};
