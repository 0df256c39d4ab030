//! How departments do, and how service levels are met.

use serde::Deserialize;

use super::{
    QuestionError,
    types::{self, OF_TYPE},
};
use crate::store::Store;

/// Departments or types of one answer at most.
const MAX_TOLD: u32 = 1_000;

/// The latest transactions that are looked at for misses; an hour of a few hundred a second.
const MAX_TRANSACTIONS: u32 = 2_000_000;

/// Work of a department, from the sums by minute. Times are nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct StoredWork {
    /// Its name.
    pub department: String,
    /// Hops that it had.
    pub calls: i64,
    /// Those that failed, for whatever reason.
    pub errors: i64,
    /// Time on the critical path.
    pub critical: i64,
    /// Services that it has.
    pub services: u64,
}

/// A department's part in transactions.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct StoredPart {
    /// Its name.
    pub department: String,
    /// Transactions that it had a part in.
    pub transactions: u64,
    /// Those of them that did not end well.
    pub failed: u64,
    /// Those of types with a service level.
    pub with_level: u64,
    /// Those of them that missed it, of which this department is the cause: it has the last hop that failed, else the most time on the critical path.
    pub missed: u64,
    /// Half of its parts took less time on the critical path than this.
    pub p50: f64,
    /// 95 of a hundred did.
    pub p95: f64,
}

/// A type's service level over the window.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct StoredLevel {
    /// The type.
    pub kind: String,
    /// Nanoseconds.
    pub latency: u64,
    /// Part that is to be good.
    pub objective: f64,
    /// Transactions.
    pub transactions: u64,
    /// The good ones.
    pub good: u64,
}

/// Objectives as they are now.
const OBJECTIVES: &str = "SELECT Type AS kind, Latency AS latency, Objective AS objective FROM (SELECT Types, Latencies, Objectives \
     FROM slo_objectives ORDER BY Written DESC LIMIT 1) ARRAY JOIN Types AS Type, Latencies AS Latency, Objectives AS Objective";

/// Of whom and since when.
const WHERE: &str = "Start >= fromUnixTimestamp64Nano({since:Int64}) \
     AND ({tenant:String} = '' OR Tenant = {tenant:String})";

impl Store {
    fn kpis(&self, sql: &str, tenant: &str, kind: &str, since: u64) -> clickhouse::query::Query {
        let question = types::bind(self.question(sql), kind).param("tenant", tenant).param("since", since);
        question.with_setting("do_not_merge_across_partitions_select_final", "1")
    }

    /// What departments did since then (Unix nanoseconds), those with the most time on the critical path first.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn work(&self, tenant: &str, kind: &str, since: u64) -> Result<Vec<StoredWork>, QuestionError> {
        let sql = format!(
            "SELECT Department AS department, sum(Count) AS calls, sum(Errors) AS errors, sum(Critical) AS critical, \
             uniqExact(Service) AS services FROM operation_minutes WHERE Minute >= toDateTime(intDiv({{since:Int64}}, 1000000000)) \
             AND {OF_TYPE} AND ({{tenant:String}} = '' OR Tenant = {{tenant:String}}) \
             GROUP BY department HAVING calls > 0 ORDER BY critical DESC, department LIMIT {MAX_TOLD}"
        );
        self.rows(self.kpis(&sql, tenant, kind, since)).await
    }

    /// What transactions begun since then say of departments.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn parts(
        &self,
        tenant: &str,
        kind: &str,
        since: u64,
    ) -> Result<Vec<StoredPart>, QuestionError> {
        let sql = format!(
            "WITH objectives AS ({OBJECTIVES}) \
             SELECT department, count() AS transactions, countIf(failed) AS failed, countIf(has_level) AS with_level, \
             countIf(missed AND department = cause) AS missed, quantile(0.5)(critical) AS p50, quantile(0.95)(critical) AS p95 FROM \
             (SELECT toString(Outcome) != 'ok' AS failed, toString(Type) IN (SELECT kind FROM objectives) AS has_level, \
             has_level AND (failed OR Duration > transform(toString(Type), (SELECT groupArray(kind) FROM objectives), \
             (SELECT groupArray(latency) FROM objectives), toUInt64(0))) AS missed, \
             arrayDistinct(Hops.Department) AS departments, \
             arrayMap(d -> arraySum((own, time) -> if(own = d, time, 0), Hops.Department, Hops.Critical), departments) AS criticals, \
             arrayLastIndex(errors -> errors > 0, Hops.Errors) AS broken, \
             if(failed AND broken > 0, Hops.Department[broken], departments[indexOf(criticals, arrayMax(criticals))]) AS cause \
             FROM (SELECT Outcome, Type, Duration, Hops.Department, Hops.Critical, Hops.Errors FROM transactions WHERE {WHERE} AND {OF_TYPE} \
             ORDER BY Start DESC LIMIT {MAX_TRANSACTIONS}) WHERE notEmpty(Hops.Department)) \
             ARRAY JOIN departments AS department, criticals AS critical \
             GROUP BY department ORDER BY department LIMIT {MAX_TOLD}"
        );
        self.rows(self.kpis(&sql, tenant, kind, since)).await
    }

    /// How types with a service level met it.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn levels(
        &self,
        tenant: &str,
        kind: &str,
        since: u64,
    ) -> Result<Vec<StoredLevel>, QuestionError> {
        let sql = format!(
            "SELECT kind, latency, objective, count() AS transactions, \
             countIf(ok AND took <= latency) AS good FROM (SELECT toString(Type) AS kind, toString(Outcome) = 'ok' AS ok, Duration AS took \
             FROM transactions_data FINAL WHERE {WHERE} AND {OF_TYPE}) AS done INNER JOIN ({OBJECTIVES}) AS objectives USING (kind) \
             GROUP BY kind, latency, objective ORDER BY kind LIMIT {MAX_TOLD}"
        );
        self.rows(self.kpis(&sql, tenant, kind, since)).await
    }
}
