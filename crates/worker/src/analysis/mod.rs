//! The third fold on a running server: the analysis log in, incidents out.
//!
//! - [`ranges`]: what the second fold decides, as small records that name its decisions.
//! - [`waiting`]: which of them it looks at.
//! - [`driver`]: the log to the fold, and what it finds to the log, the outbox and whoever watches.
//! - [`handle`]: what the rest of the process sees of it: incidents as they are, alerts and feedback on their way in.

mod driver;
mod handle;
mod ranges;
mod waiting;

pub(crate) use driver::AnalysisDriver;
pub use handle::Incidents;
pub(crate) use ranges::FinishedRanges;

/// The number under which this fold's batches are named: partitions of the summary log count from 0.
const PARTITION: u32 = u32::MAX;

/// The analysis log has one partition.
const LANE: u32 = 0;

/// Name of its snapshots.
const NAME: &str = "analysis";
