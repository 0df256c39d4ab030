//! Stored spans as they were sent: the way back from the table `spans` to wire bytes.
//!
//! What comes back says the same as what was received: every attribute in its order and with its type, events, links, flags, dropped counts, schema URLs.
//! It is not always the same encoding (fields in the order of their numbers, defaults left out), except for resource and scope, kept as they came.

mod error;
mod span;
mod wire;

pub use error::RestoreError;
pub use span::{RestoredSpan, StoredSpan};

use crate::store::{Store, StoreError};

impl Store {
    /// The kept spans of a trace (hex) as they were sent, in the order of their start; at most [`crate::questions::MAX_SPANS`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stored_spans(&self, trace_id: &str) -> Result<Vec<StoredSpan>, StoreError> {
        let sql = format!(
            "SELECT TraceId AS trace_id, hex(Ids) AS ids, toUnixTimestamp64Nano(Timestamp) AS start, Duration AS duration, \
             hex(TraceState) AS state, hex(SpanName) AS name, SpanKind AS kind, StatusCode AS status, \
             hex(StatusMessage) AS message, Attributes AS attributes, hex(Values) AS values, hex(Events) AS events, \
             hex(Links) AS links, hex(Extra) AS extra, hex(SourceWire) AS source, hex(TransactionId) AS transaction \
             FROM spans WHERE TraceId = {{trace:String}} ORDER BY start, ids LIMIT {}",
            crate::questions::MAX_SPANS
        );
        self.rows(self.client().query_raw(&sql).param("trace", trace_id)).await
    }
}
