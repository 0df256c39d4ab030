//! Kept spans of a trace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{MAX_SPANS, QuestionError};
use crate::store::Store;

/// A kept span. Times are Unix nanoseconds, durations nanoseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns of `otel_traces`, under their names")]
pub struct SpanRow {
    pub start: u64,
    pub trace_id: String,
    pub span_id: String,
    pub parent_span_id: String,
    pub name: String,
    pub kind: String,
    pub service: String,
    pub department: String,
    pub duration: u64,
    pub self_time: u64,
    pub critical_time: u64,
    pub status: String,
    pub status_message: String,
    pub attributes: BTreeMap<String, String>,
    pub resource: BTreeMap<String, String>,
    pub transaction_id: String,
    pub kept_by: String,
    pub weight: f64,
}

impl Store {
    /// The kept spans of a trace (hex), in the order of their start; at most [`MAX_SPANS`].
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn trace_spans(&self, trace_id: &str) -> Result<Vec<SpanRow>, QuestionError> {
        let sql = format!(
            "WITH {{trace:String}} AS id SELECT toUnixTimestamp64Nano(Timestamp) AS start, TraceId AS trace_id, \
             SpanId AS span_id, ParentSpanId AS parent_span_id, SpanName AS name, SpanKind AS kind, ServiceName AS service, \
             Department AS department, Duration AS duration, SelfTime AS self_time, CriticalTime AS critical_time, \
             StatusCode AS status, StatusMessage AS status_message, SpanAttributes AS attributes, \
             ResourceAttributes AS resource, TransactionId AS transaction_id, KeptBy AS kept_by, Weight AS weight \
             FROM otel_traces WHERE TraceId = id \
             AND Timestamp >= (SELECT min(Start) FROM otel_traces_trace_id_ts WHERE TraceId = id) \
             AND Timestamp <= (SELECT max(End) + 1 FROM otel_traces_trace_id_ts WHERE TraceId = id) \
             ORDER BY start, span_id LIMIT {MAX_SPANS}"
        );
        self.rows(self.question(&sql).param("trace", trace_id.to_ascii_lowercase())).await
    }
}
