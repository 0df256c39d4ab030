//! Names of what the drivers count.

use metrics::{Unit, describe_counter, describe_gauge};

/// Traces that wait to close.
pub const TRACES_OPEN: &str = "throughline_traces_open";
/// Spans of open traces.
pub const UNDECIDED_SPANS: &str = "throughline_undecided_spans";
/// Memory held for spans of open traces.
pub const UNDECIDED_BYTES: &str = "throughline_undecided_bytes";
/// Transactions that wait to close.
pub const TRANSACTIONS_OPEN: &str = "throughline_transactions_open";
/// Transactions closed, by type, reason and outcome.
pub const TRANSACTIONS_CLOSED: &str = "throughline_transactions_closed_total";
/// Decisions, by policy and verdict.
pub const DECISIONS: &str = "throughline_decisions_total";
/// Names whose transaction turned out to be another's.
pub const TRANSACTIONS_JOINED: &str = "throughline_transactions_joined_total";
/// Rows that could not be taken back when their transaction turned out to be another's.
pub const ROWS_LEFT: &str = "throughline_rows_not_taken_back_total";
/// Spans that came after their trace was closed, by the decision they follow.
pub const LATE_SPANS: &str = "throughline_late_spans_total";
/// Spans that came again.
pub const DUPLICATE_SPANS: &str = "throughline_duplicate_spans_total";
/// Spans whose bytes were gone when they were to be written.
pub const SPANS_LOST: &str = "throughline_spans_lost_total";
/// Seconds that a stage is behind the wall clock.
pub const LAG: &str = "throughline_lag_seconds";
/// Hits of named limits.
pub const LIMIT_HITS: &str = "throughline_limit_hits_total";
/// Snapshots written, by fold.
pub const SNAPSHOTS: &str = "throughline_snapshots_total";

/// Transactions that the analysis has looked at.
pub const ANALYSIS_FINISHED: &str = "throughline_analysis_transactions_total";
/// Decisions that were gone before the analysis looked at them.
pub const ANALYSIS_LOST: &str = "throughline_analysis_lost_total";
/// Alerts that fire.
pub const ALERTS_FIRING: &str = "throughline_alerts_firing";
/// Incidents that go on.
pub const INCIDENTS_OPEN: &str = "throughline_incidents_open";

/// Says what each is, once a recorder is there.
pub fn describe() {
    describe_gauge!(TRACES_OPEN, Unit::Count, "Traces that wait to close");
    describe_gauge!(UNDECIDED_SPANS, Unit::Count, "Spans of traces that wait to close");
    describe_gauge!(UNDECIDED_BYTES, Unit::Bytes, "Memory held for spans of traces that wait to close");
    describe_gauge!(TRANSACTIONS_OPEN, Unit::Count, "Transactions that wait to close");
    describe_counter!(TRANSACTIONS_CLOSED, Unit::Count, "Transactions closed, by type, reason and outcome");
    describe_counter!(DECISIONS, Unit::Count, "Decisions, by policy and verdict");
    describe_counter!(TRANSACTIONS_JOINED, Unit::Count, "Names whose transaction turned out to be another's");
    describe_counter!(
        ROWS_LEFT,
        Unit::Count,
        "Rows that could not be taken back when their transaction turned out to be another's"
    );
    describe_counter!(
        LATE_SPANS,
        Unit::Count,
        "Spans that came after their trace was closed, by the decision they follow"
    );
    describe_counter!(DUPLICATE_SPANS, Unit::Count, "Spans that came again and were left out");
    describe_counter!(ANALYSIS_FINISHED, Unit::Count, "Transactions that the analysis has looked at");
    describe_counter!(
        ANALYSIS_LOST,
        Unit::Count,
        "Decisions that were gone before the analysis looked at them"
    );
    describe_gauge!(ALERTS_FIRING, Unit::Count, "Alerts that fire");
    describe_gauge!(INCIDENTS_OPEN, Unit::Count, "Incidents that go on");
    describe_counter!(SPANS_LOST, Unit::Count, "Spans whose bytes were gone when they were to be written");
    describe_gauge!(LAG, Unit::Seconds, "How far a stage is behind the wall clock");
    describe_counter!(LIMIT_HITS, Unit::Count, "Hits of named limits");
    describe_counter!(SNAPSHOTS, Unit::Count, "Snapshots written, by fold");
    begin();
}

/// Counters that alerts look at are there from the start, at 0: a rate needs a value before the first hit.
fn begin() {
    for decision in ["kept", "dropped"] {
        metrics::counter!(LATE_SPANS, "decision" => decision).increment(0);
    }
    for reason in ["summary_gone", "bytes_gone", "unreadable"] {
        metrics::counter!(SPANS_LOST, "reason" => reason).increment(0);
    }
    for limit in ["outbox", "disk"] {
        metrics::counter!(LIMIT_HITS, "limit" => limit).increment(0);
    }
}
