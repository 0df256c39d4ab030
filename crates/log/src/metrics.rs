//! The names of this crate's metrics, each with the label `log`, and the handles to them.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

const APPEND_BYTES: &str = "throughline_log_append_bytes_total";
const APPEND_RECORDS: &str = "throughline_log_append_records_total";
const GROUPS: &str = "throughline_log_groups_total";
const SYNC_SECONDS: &str = "throughline_log_sync_duration_seconds";
const TORN_TAILS: &str = "throughline_log_torn_tails_total";
const DAMAGED: &str = "throughline_log_damaged_records_total";
const REFUSED: &str = "throughline_log_refused_total";
const LIVE_BYTES: &str = "throughline_log_live_bytes";
const COLD_SEGMENTS: &str = "throughline_log_cold_segments_total";
const LET_GO: &str = "throughline_log_let_go_segments_total";
const RECYCLED: &str = "throughline_log_recycled_segments_total";

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_counter!(APPEND_BYTES, Unit::Bytes, "Bytes made durable, headers included.");
    describe_counter!(APPEND_RECORDS, Unit::Count, "Records made durable.");
    describe_counter!(GROUPS, Unit::Count, "Groups committed.");
    describe_histogram!(SYNC_SECONDS, Unit::Seconds, "Making one group durable, all its files.");
    describe_counter!(
        TORN_TAILS,
        Unit::Count,
        "Ends of a partition cut at recovery, for a record there was not whole."
    );
    describe_counter!(DAMAGED, Unit::Count, "Stretches of the log found damaged and left out.");
    describe_counter!(REFUSED, Unit::Count, "Appends refused, by reason.");
    describe_gauge!(LIVE_BYTES, Unit::Bytes, "Bytes between start and end, all partitions.");
    describe_counter!(
        COLD_SEGMENTS,
        Unit::Count,
        "Segments that were not made ahead, and cost the writer time."
    );
    describe_counter!(LET_GO, Unit::Count, "Segments that left the page cache, as nobody goes back so far.");
    describe_counter!(RECYCLED, Unit::Count, "Trimmed segments that were made ready to be written over.");
}

/// Handles, made once when the log is opened.
pub(crate) struct Meters {
    pub(crate) append_bytes: Counter,
    pub(crate) append_records: Counter,
    pub(crate) groups: Counter,
    pub(crate) sync_seconds: Histogram,
    pub(crate) torn_tails: Counter,
    pub(crate) damaged: Counter,
    pub(crate) refused_disk: Counter,
    pub(crate) refused_size: Counter,
    pub(crate) refused_pending: Counter,
    pub(crate) refused_large: Counter,
    pub(crate) refused_stopped: Counter,
    pub(crate) live_bytes: Gauge,
    pub(crate) cold_segments: Counter,
    pub(crate) recycled: Counter,
    pub(crate) let_go: Counter,
}

impl Meters {
    pub(crate) fn new(log: &str) -> Self {
        let refused = |reason: &'static str| counter!(REFUSED, "log" => log.to_owned(), "reason" => reason);
        Self {
            append_bytes: counter!(APPEND_BYTES, "log" => log.to_owned()),
            append_records: counter!(APPEND_RECORDS, "log" => log.to_owned()),
            groups: counter!(GROUPS, "log" => log.to_owned()),
            sync_seconds: histogram!(SYNC_SECONDS, "log" => log.to_owned()),
            torn_tails: counter!(TORN_TAILS, "log" => log.to_owned()),
            damaged: counter!(DAMAGED, "log" => log.to_owned()),
            refused_disk: refused("disk"),
            refused_size: refused("size"),
            refused_pending: refused("pending"),
            refused_large: refused("large"),
            refused_stopped: refused("stopped"),
            live_bytes: gauge!(LIVE_BYTES, "log" => log.to_owned()),
            cold_segments: counter!(COLD_SEGMENTS, "log" => log.to_owned()),
            recycled: counter!(RECYCLED, "log" => log.to_owned()),
            let_go: counter!(LET_GO, "log" => log.to_owned()),
        }
    }
}
