//! What is usual.

use serde::{Deserialize, Serialize};

use super::QuestionError;
use crate::store::Store;

/// What a hop of one type of transaction usually takes. Times are nanoseconds of one call: folded hops count as their mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HopBaseline {
    /// Its department.
    pub department: String,
    /// Its service.
    pub service: String,
    /// Its operation.
    pub operation: String,
    /// `own`, `database`, `partner`, `network` or `queue`.
    pub kind: String,
    /// Hops that the medians are of.
    pub hops: u64,
    /// Median of own time.
    #[serde(rename = "self")]
    pub own: f64,
    /// Median of time on the network.
    pub network: f64,
    /// Median of time in a queue.
    pub queue: f64,
    /// Median of the whole.
    pub duration: f64,
}

/// Transactions that a baseline is made of at most: the latest. More would not move a median, but would cost.
const MAX_TRANSACTIONS: u32 = 20_000;

/// Operations that a baseline tells of at most, the most frequent first.
const MAX_OPERATIONS: u32 = 5_000;

impl Store {
    /// Medians by department, service, operation and kind over transactions of a type that began since then (Unix nanoseconds).
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn baseline(&self, kind: &str, since: u64) -> Result<Vec<HopBaseline>, QuestionError> {
        let sql = format!(
            "SELECT department, service, operation, kind, count() AS hops, median(own / calls) AS self, \
             median(between / calls) AS network, median(waited / calls) AS queue, median(took / calls) AS duration \
             FROM (SELECT * FROM transactions WHERE Type = {{kind:String}} \
             AND Start >= fromUnixTimestamp64Nano({{since:Int64}}) ORDER BY Start DESC LIMIT {MAX_TRANSACTIONS}) \
             ARRAY JOIN Hops.Department AS department, Hops.Service AS service, Hops.Operation AS operation, \
             Hops.Kind AS kind, Hops.Self AS own, Hops.Network AS between, Hops.Queue AS waited, \
             Hops.Duration AS took, arrayMap(c -> greatest(c, 1), Hops.Count) AS calls \
             GROUP BY department, service, operation, kind ORDER BY hops DESC, department, service, operation, kind \
             LIMIT {MAX_OPERATIONS}"
        );
        self.rows(self.question(&sql).param("kind", kind).param("since", since)).await
    }
}
