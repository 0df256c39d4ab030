//! Spans from wire bytes to the table `spans`.
//!
//! What repeats is stored once a batch, the rest beside it, so that the request can be rebuilt:
//! - `Source`, JSON: `r` the resource's attributes as text, `n` and `v` the scope's name and version. `SourceWire`: resource, its schema URL, scope, its
//!   schema URL, each a varint length and bytes as received.
//! - `Attributes`, JSON: `l` attributes with few values in this batch (learnt per batch), `h` the keys of the rest, `t` the types of all in their order
//!   (`s` string, `i` integer, `d` double, `b` boolean, `n` no value, `x` other; capital where the value is in `Values`), `f` the flags (and bits 10 and 11: an empty
//!   status, a parent of zeros was sent).
//! - `Values`: each value ends with byte 0; within it 0 reads `\x01z`, 1 reads `\x01e`, and `\x01t` alone is the transaction's id.
//! - `Events`, JSON: time `t`, name `n`, attributes `a`, their types `y`. `Links`, JSON: trace `t`, span `s`, state `w`, attributes `a`, types `y`, flags `f`.
//! - `Extra`: the whole span as received where this says too little (nested values, bytes, dropped counts, odd ids or times).
//! - `Ids`: span id, parent's id. `ChildTime`: duration less own time. `CriticalCode`: 0 all own time, 1 none, else its nanoseconds + 2.

mod attributes;
mod block;
mod nested;
mod scan;
mod source;
mod states;
mod write;

pub use block::{SpanContext, SpanSource, SpansBlock};
pub(crate) use scan::{EMPTY_STATUS, ZERO_PARENT};
pub(crate) use write::{COLUMNS, KINDS, STATUSES};
