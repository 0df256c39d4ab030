//! OTLP as bytes on the wire: what a request says is read without building objects from it.
//!
//! One pass over an `ExportTraceServiceRequest` validates it and extracts facts ([`Facts`]); a second, over what the first found, cuts it into valid
//! requests by partition ([`Scanner`]). JSON requests are turned into protobuf first ([`json`]).
//!
//! This crate does no I/O, reads no clock and never allocates per span. All input is hostile: see [`limits`].

pub mod facts;
pub mod ids;
pub mod limits;
pub mod plan;
pub mod wire;

pub use facts::{Capture, Facts, LinkFact, ResourceFact, SpanFact};
pub use ids::{SpanId, TraceId, partition_of};
pub use plan::{AttributeTest, Matcher, MatchScope, ScanPlan};
