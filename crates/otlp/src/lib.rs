//! OTLP as bytes on the wire: what a request says is read without building objects from it.
//!
//! One pass over an `ExportTraceServiceRequest` validates it and extracts facts ([`Facts`]); a second, over what the first found, cuts it into valid
//! requests by partition ([`Scanner`]). JSON requests are turned into protobuf first ([`json`]).
//!
//! This crate does no I/O, reads no clock and never allocates per span. All input is hostile: see [`limits`].

pub mod facts;
mod failure;
pub mod ids;
pub mod json;
pub mod limits;
mod lookup;
pub mod plan;
mod refusal;
mod scan;
mod schema;
mod split;
mod text;
mod walk;
pub mod wire;

pub use facts::{Capture, Facts, LinkFact, ResourceFact, SpanFact};
pub use ids::{SpanId, TraceId, partition_of};
pub use lookup::CompiledPlan;
pub use plan::{AttributeTest, MatchScope, Matcher, ScanPlan};
pub use refusal::{Fault, Malformed, RejectReason, Rejections};
pub use scan::{Part, Rescanned, Scanned, Scanner, rescan};
pub use text::{put_f64, put_i64};
pub use walk::{SpanVisit, walk_spans};
