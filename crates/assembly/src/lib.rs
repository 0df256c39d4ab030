//! Spans to traces, traces to transactions: the two folds. Core: no I/O, no clock.

/// Records of the summary log, compiled from `proto/throughline/v1/summary.proto`.
#[allow(missing_docs, clippy::all)]
pub mod records {
    include!(concat!(env!("OUT_DIR"), "/throughline.v1.rs"));
}
