//! The durable log: one contract, one local engine.
//!
//! An append that returned a position is durable. Nothing that is not durable is ever read.

mod record;

pub use record::{Cause, Kind, NewRecord, Position, Record};
