//! Who calls whom, from the sums by minute.

use serde::Deserialize;

use super::{
    QuestionError,
    types::{self, OF_TYPE},
};
use crate::store::Store;

/// Services or calls of one answer at most, the most used first.
const MAX_TOLD: u32 = 2_000;

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct StoredService {
    /// Its name.
    pub service: String,
    /// Who owns it.
    pub department: String,
    /// How often it was called.
    pub calls: i64,
    /// How often it failed.
    pub errors: i64,
    /// Nanoseconds on the critical path.
    pub critical: i64,
}

/// Calls from one service to another. Times are nanoseconds, sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct StoredCall {
    /// Who calls.
    pub caller: String,
    /// Who is called.
    pub callee: String,
    /// How often.
    pub calls: i64,
    /// How often it failed.
    pub errors: i64,
    /// Duration.
    pub duration: i64,
    /// The network's part.
    pub network: i64,
}

/// Of whom and since when.
const WHERE: &str = "Minute >= toDateTime(intDiv({since:Int64}, 1000000000)) \
    AND ({tenant:String} = '' OR Tenant = {tenant:String})";

impl Store {
    fn minutes(&self, sql: &str, tenant: &str, kind: &str, since: u64) -> clickhouse::query::Query {
        types::bind(self.question(sql), kind).param("tenant", tenant).param("since", since)
    }

    /// Services of a type's transactions since then (Unix nanoseconds).
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn services(
        &self,
        tenant: &str,
        kind: &str,
        since: u64,
    ) -> Result<Vec<StoredService>, QuestionError> {
        let sql = format!(
            "SELECT Service AS service, Department AS department, sum(Count) AS calls, sum(Errors) AS errors, \
             sum(Critical) AS critical FROM operation_minutes WHERE {WHERE} AND {OF_TYPE} GROUP BY service, department HAVING calls > 0 \
             ORDER BY calls DESC, service LIMIT {MAX_TOLD}"
        );
        self.rows(self.minutes(&sql, tenant, kind, since)).await
    }

    /// Calls between them.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn calls(
        &self,
        tenant: &str,
        kind: &str,
        since: u64,
    ) -> Result<Vec<StoredCall>, QuestionError> {
        let sql = format!(
            "SELECT CallerService AS caller, CalleeService AS callee, sum(Count) AS calls, sum(Errors) AS errors, \
             sum(Duration) AS duration, sum(Network) AS network FROM edge_minutes WHERE {WHERE} AND {OF_TYPE} GROUP BY caller, callee \
             HAVING calls > 0 ORDER BY calls DESC, caller, callee LIMIT {MAX_TOLD}"
        );
        self.rows(self.minutes(&sql, tenant, kind, since)).await
    }
}
