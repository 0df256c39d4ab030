//! Critical path and attribution of one business transaction, and diagnosis of many.
//!
//! [`diagnosis::Diagnosis`] takes finished transactions one after another and says what is wrong, since when, whom it hits and who is the cause.
//!
//! The rest is about one transaction: which span, and so which department, owns each nanosecond of it.
//!
//! [`Workspace::analyse`] takes the facts of all spans of a transaction and says when it started and ended, what its hops were, and how the time
//! between was spent: own work, a database, the network, a queue, a partner. Each nanosecond belongs to one hop, so the sum of [`Hop::critical`] is
//! always [`Path::end`] less [`Path::start`].
//!
//! The method: walk back from the last finisher and chain each earlier child that ended before (CRISP, "Critical Path Analysis of Large-Scale
//! Microservice Architectures", Uber, USENIX ATC 2022), with asynchronous branches, queues and several traces added. Clock skew is corrected by the
//! formula of Jaeger's clock skew adjuster, for servers only.
//!
//! It is a pure function: no I/O, no clock, no hash map; the order in which spans are given changes nothing. All input is hostile: cycles of parents,
//! ids given twice, children outside their parents and times at the ends of their range are answered, never refused. Nothing recurses, so depth is
//! no limit. Time is `O(n log n)` in spans and links. What it does not do: find baselines or blame; join traces; remove what was sent twice.
//!
//! Limits: [`MAX_HOPS`] of a path, `max_skew_ns` of [`Rules`], and the number of times that links are followed (see `walk`).

pub mod alerts;
mod by_name;
mod causes;
pub mod compare;
pub mod diagnosis;
mod forest;
mod hops;
mod input;
mod limit;
mod order;
mod path;
mod self_time;
mod skew;
mod walk;
mod windows;
mod workspace;

pub use input::{LinkInput, Rules, SpanInput, SpanKind};
pub use path::{Hop, HopKind, MAX_HOPS, Path};
pub use workspace::Workspace;
