//! Recorded OTLP: reads it from files, and replays it to a server.
//!
//! Formats, by the name of the file: `.json` (requests one after another, laid out as they like), `.jsonl` (one `ExportTraceServiceRequest` a line, as the
//! Collector's file exporter writes) and `.pb` (protobuf, each request after its length as a varint); each plain, `.gz` or `.zst`. A directory means all
//! such files in it, in the order of the first span of each.
//!
//! [`Records`] reads any of them as protobuf requests, one at a time: a file is never in memory as a whole. [`replay`] sends them by OTLP/gRPC at the
//! recorded pace, faster, or as fast as the server takes them. [`cli`] holds the flags of `throughline replay`.
//!
//! Not here: judging what is recorded. Limits are named in [`limits`]. TLS is not spoken.

pub mod cli;
mod client;
mod documents;
mod error;
mod files;
pub mod limits;
mod options;
mod pace;
mod pieces;
mod places;
mod reader;
mod records;
mod replay;
mod rewrite;
mod split;

pub use error::{ReadError, ReplayError};
pub use options::{Progress, ReplayOptions, ReplayReport, Speed};
pub use records::{LeftOut, Record, Records};
pub use replay::replay;
