//! Spans to traces, traces to transactions: the two folds, and the decision between them and the outside.
//!
//! A fold takes the records of its log in order and returns what they cause; its state after a record is a function of the records up to it. It does no I/O,
//! reads no clock, starts no task, and never lets the order of a hash map show.
//!
//! - [`traces`]: one partition of the span log to summaries of traces.
//! - [`transactions`]: one partition of the summary log to transactions that are to be decided, and to batches.
//! - [`decide`]: a closing transaction's summaries to its row and decision.
//!
//! Limits: [`traces::MAX_CLOSED_TRACES`], [`transactions::MAX_CLOSED_TRANSACTIONS`], [`strings::MAX_ENTRIES`], [`traces::MAX_KEYS`], [`traces::MAX_LINKS`].

pub mod chunk;
pub mod configuration;
pub mod decide;
pub mod departments;
pub mod expression;
pub mod general;
pub mod incidents;
pub mod names;
pub mod place;
pub mod rules;
pub mod snapshot;
pub mod strings;
pub mod time;
pub mod traces;
pub mod transactions;

mod packed;
mod text;
mod timers;

/// Records of the summary log, compiled from `proto/throughline/v1/summary.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub)]
pub mod records {
    include!(concat!(env!("OUT_DIR"), "/throughline.v1.rs"));
}
