//! Names of metrics.

/// Entries held, by fold.
pub(crate) const ENTRIES: &str = "throughline_index_entries";
/// Files held, by fold.
pub(crate) const FILES: &str = "throughline_index_files";
/// Entries given up before their time, by fold and reason.
pub(crate) const LOST: &str = "throughline_index_lost_entries_total";
