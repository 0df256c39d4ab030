//! Metrics of this crate.

/// Cuts that wait in the outbox, gauge.
pub const BATCHES_PENDING: &str = "throughline_batches_pending";

/// Bytes of the cuts in the outbox, gauge.
pub const OUTBOX_BYTES: &str = "throughline_outbox_bytes";

/// From the first sending of a batch to its acknowledgement, retries included, seconds; by `table`, histogram.
pub const WRITE_DURATION: &str = "throughline_write_duration_seconds";

/// Spans acknowledged by the store, counter.
pub const SPANS_WRITTEN: &str = "throughline_spans_written_total";

/// Rows acknowledged by the store, by `table`, counter.
pub const ROWS_WRITTEN: &str = "throughline_rows_written_total";

/// Rows acknowledged by the store that are older than it keeps them, by `table`, counter.
pub const ROWS_EXPIRED: &str = "throughline_rows_expired_total";

/// Sendings that failed, by `reason` (`retryable`, `permanent`, `schema`), counter.
pub const WRITE_FAILURES: &str = "throughline_write_failures_total";

/// Tells the recorder units and meanings.
pub fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_gauge!(BATCHES_PENDING, Unit::Count, "Cuts that wait in the outbox");
    describe_gauge!(OUTBOX_BYTES, Unit::Bytes, "Bytes of the cuts in the outbox");
    describe_histogram!(WRITE_DURATION, Unit::Seconds, "First sending of a batch to its acknowledgement");
    describe_counter!(SPANS_WRITTEN, Unit::Count, "Spans acknowledged by the store");
    describe_counter!(ROWS_WRITTEN, Unit::Count, "Rows acknowledged by the store");
    describe_counter!(ROWS_EXPIRED, Unit::Count, "Rows that are older than the store keeps them");
    describe_counter!(WRITE_FAILURES, Unit::Count, "Sendings that failed");
    // There from the start, at 0: a rate needs a value before the first of them.
    metrics::counter!(SPANS_WRITTEN).increment(0);
    for reason in ["retryable", "permanent", "schema"] {
        metrics::counter!(WRITE_FAILURES, "reason" => reason).increment(0);
    }
}
