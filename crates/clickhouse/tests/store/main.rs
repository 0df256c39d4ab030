//! Everything that the store promises, against the real engine over HTTP. One engine serves all tests of this binary; each has a database of its own.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests: a panic is the report")]

mod engine;
mod grafana;
mod nasty;
mod outbox;
mod questions;
mod replay;
mod restore;
mod sample;
mod sink;
mod slo;
mod transactions;
