//! The names of this crate's metrics, each with the label `fold`, and the handles to them.

use metrics::{
    Counter, Gauge, Histogram, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge,
    histogram,
};

const FILES: &str = "throughline_index_files";
const ENTRIES: &str = "throughline_index_entries";
const BYTES: &str = "throughline_index_bytes";
const MERGES: &str = "throughline_index_merges_total";
const MERGE_FAILURES: &str = "throughline_index_merge_failures_total";
const MERGE_SECONDS: &str = "throughline_index_merge_duration_seconds";
const LOST: &str = "throughline_index_lost_entries_total";
const UNFINISHED: &str = "throughline_index_unfinished_files_total";

/// Tells the recorder what each metric is.
pub fn describe() {
    describe_gauge!(FILES, Unit::Count, "Files that a lookup asks.");
    describe_gauge!(ENTRIES, Unit::Count, "Closed traces or transactions that are found.");
    describe_gauge!(BYTES, Unit::Bytes, "Bytes of the files.");
    describe_counter!(MERGES, Unit::Count, "Merges of files into one.");
    describe_counter!(MERGE_FAILURES, Unit::Count, "Merges that failed; they are tried again.");
    describe_histogram!(MERGE_SECONDS, Unit::Seconds, "One merge, in its own thread.");
    describe_counter!(LOST, Unit::Count, "Entries dropped before their time, by reason.");
    describe_counter!(UNFINISHED, Unit::Count, "Files that a crash left unfinished, removed at opening.");
}

/// Handles, made once when the index is opened.
pub(crate) struct Meters {
    pub(crate) files: Gauge,
    pub(crate) entries: Gauge,
    pub(crate) bytes: Gauge,
    pub(crate) merges: Counter,
    pub(crate) merge_failures: Counter,
    pub(crate) merge_seconds: Histogram,
    pub(crate) lost_limit: Counter,
    pub(crate) lost_damage: Counter,
    pub(crate) lost_future: Counter,
    pub(crate) unfinished: Counter,
}

impl Meters {
    pub(crate) fn new(fold: &str) -> Self {
        let lost = |reason: &'static str| counter!(LOST, "fold" => fold.to_owned(), "reason" => reason);
        Self {
            files: gauge!(FILES, "fold" => fold.to_owned()),
            entries: gauge!(ENTRIES, "fold" => fold.to_owned()),
            bytes: gauge!(BYTES, "fold" => fold.to_owned()),
            merges: counter!(MERGES, "fold" => fold.to_owned()),
            merge_failures: counter!(MERGE_FAILURES, "fold" => fold.to_owned()),
            merge_seconds: histogram!(MERGE_SECONDS, "fold" => fold.to_owned()),
            lost_limit: lost("limit"),
            lost_damage: lost("damage"),
            lost_future: lost("future"),
            unfinished: counter!(UNFINISHED, "fold" => fold.to_owned()),
        }
    }
}
