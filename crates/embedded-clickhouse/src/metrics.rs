//! Names of this crate's metrics.

/// Statements by `kind` (`insert`, `select`, `other`) and `outcome` (`ok`, `error`, `cancelled`).
pub const QUERIES: &str = "throughline_engine_queries_total";
/// Seconds from the first byte of a request to the last of its answer, by `kind`.
pub const QUERY_DURATION: &str = "throughline_engine_query_duration_seconds";
/// Statements that run now.
pub const QUERIES_RUNNING: &str = "throughline_engine_queries_running";
/// Requests refused before they ran, by `reason` (`busy`, `auth`, `body_size`).
pub const REFUSED: &str = "throughline_engine_refused_requests_total";
/// Rows that inserts wrote, those of materialized views included.
pub const WRITTEN_ROWS: &str = "throughline_engine_written_rows_total";
/// Times that the supervisor started the engine again.
pub const RESTARTS: &str = "throughline_engine_restarts_total";
/// 1 while the supervised engine answers, else 0.
pub const UP: &str = "throughline_engine_up";
/// Deduplication entries of parts that a crash kept from being committed, taken back at the start.
pub const DEDUPLICATION_REPAIRED: &str = "throughline_engine_deduplication_repaired_total";
