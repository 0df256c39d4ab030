//! What a comparison of two sides of a service is made of.

use serde::Deserialize;

use super::{
    QuestionError,
    types::{self, OF_TYPE},
};
use crate::store::Store;

/// Values of what is compared by at most: the most used.
const MAX_VALUES: u32 = 100;

/// Rows of one side's histograms, or calls, at most: the most used. Names with an id in them are many.
const MAX_CELLS: u32 = 25_000;

/// Transactions that are looked at at most: the latest.
const MAX_TRANSACTIONS: u32 = 500_000;

/// What changes from call to call in names of operations, roughly: calls of `GET /item/1` and `GET /item/2` in one transaction are calls of one operation.
/// What it is called is said elsewhere (`throughline_assembly::general`).
const SAME_NAME: &str = r"replaceRegexpAll(operation, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\\b[0-9]+\\b|[0-9]{3,}', '*') AS same";

/// Of whom, by what, since when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompareFilter {
    /// The service.
    pub service: String,
    /// `version`, `instance`, `region`, `zone`, `cluster`, or an attribute of transactions.
    pub by: String,
    /// Only of this type; empty for all.
    pub kind: String,
    /// Only of this tenant; empty for all.
    pub tenant: String,
    /// Begun at or after, Unix nanoseconds.
    pub since: u64,
}

/// One value of what is compared by. Times are Unix nanoseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ComparedValue {
    /// The value.
    pub value: String,
    /// Calls of the service.
    pub calls: u64,
    /// Those that failed.
    pub errors: u64,
    /// When it was seen first.
    pub first: u64,
    /// When it was seen last.
    pub last: u64,
}

/// Transactions of one value by operation and by bucket of the mean duration of their calls, `floor(8 log2(nanoseconds))`; and once more by that of their own time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ComparedCell {
    /// The value.
    pub value: String,
    /// The operation.
    pub operation: String,
    /// The bucket.
    pub bucket: i32,
    /// It is one of own times.
    pub own: bool,
    /// Transactions in it.
    pub transactions: u64,
    /// Their calls.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Sums over transactions: calls squared, failed ones squared, calls times failed ones.
    pub calls_squared: u64,
    /// As above.
    pub errors_squared: u64,
    /// As above.
    pub products: u64,
}

/// Calls that one value makes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct ComparedCall {
    /// The value.
    pub value: String,
    /// The operation.
    pub operation: String,
    /// Service and operation that it calls.
    pub callee: String,
    /// How often.
    pub calls: u64,
    /// Sums over transactions: calls squared, and calls times those of the operation.
    pub calls_squared: u64,
    /// As above.
    pub products: u64,
}

impl CompareFilter {
    /// Hops of the service, a row each: transaction, value, operation, number, calls, errors, duration of one call, own time of all, start; all hops beside.
    fn hops(&self) -> String {
        let value = match self.by.as_str() {
            "version" => "Hops.Version[i]",
            "instance" => "Hops.Instance[i]",
            // Who has an attribute of this name of his own has it where resources say nothing.
            "region" | "cloud.region" => "ifNull(nullIf(Hops.Region[i], ''), Attributes[{by:String}])",
            "zone" | "cloud.availability_zone" => "ifNull(nullIf(Hops.Zone[i], ''), Attributes[{by:String}])",
            "cluster" | "k8s.cluster.name" => "ifNull(nullIf(Hops.Cluster[i], ''), Attributes[{by:String}])",
            _ => "Attributes[{by:String}]",
        };
        format!(
            "SELECT Tenant AS tenant, TransactionId AS id, {value} AS value, Hops.Operation[i] AS operation, i AS number, greatest(Hops.Count[i], 1) AS times, \
             Hops.Errors[i] AS failed, Hops.Duration[i] / times AS took, toFloat64(Hops.Self[i]) AS alone, toUnixTimestamp64Nano(Start) AS at, \
             Hops.Parent AS parents, Hops.Service AS services, Hops.Operation AS operations, Hops.Count AS counts \
             FROM (SELECT * FROM transactions WHERE Start >= fromUnixTimestamp64Nano({{since:Int64}}) \
             AND has(Services, {{service:String}}) AND {OF_TYPE} \
             AND ({{tenant:String}} = '' OR Tenant = {{tenant:String}}) ORDER BY Start DESC LIMIT {MAX_TRANSACTIONS}) \
             ARRAY JOIN arrayFilter(n -> Hops.Service[n] = {{service:String}} AND Hops.Kind[n] != 'partner', \
             range(1, length(Hops.Service) + 1)) AS i"
        )
    }
}

impl Store {
    fn compared(&self, sql: &str, filter: &CompareFilter) -> clickhouse::query::Query {
        types::bind(self.question(sql), &filter.kind)
            .param("service", &filter.service)
            .param("by", &filter.by)
            .param("tenant", &filter.tenant)
            .param("since", filter.since)
    }

    /// The values that a service has, the most used first.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn compared_values(&self, filter: &CompareFilter) -> Result<Vec<ComparedValue>, QuestionError> {
        let sql = format!(
            "SELECT value, sum(times) AS calls, sum(failed) AS errors, min(at) AS first, max(at) AS last FROM ({}) \
             WHERE value != '' GROUP BY value ORDER BY calls DESC, value LIMIT {MAX_VALUES}",
            filter.hops()
        );
        self.rows(self.compared(&sql, filter)).await
    }

    /// Histograms of two values.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn compared_cells(
        &self,
        filter: &CompareFilter,
        values: [&str; 2],
    ) -> Result<Vec<ComparedCell>, QuestionError> {
        let sql = format!(
            "SELECT value, any(raw) AS operation, bucket, own, count() AS transactions, sum(n) AS calls, sum(e) AS errors, sum(n * n) AS calls_squared, \
             sum(e * e) AS errors_squared, sum(n * e) AS products FROM (SELECT value, any(operation) AS raw, {SAME_NAME}, toUInt64(sum(times)) AS n, \
             toUInt64(sum(failed)) AS e, arrayMap(sum -> toInt32(floor(8 * log2(greatest(sum / n, 1)))), [sum(took * times), sum(alone)]) AS buckets \
             FROM ({}) WHERE value IN ({{first:String}}, {{second:String}}) GROUP BY tenant, id, value, same) \
             ARRAY JOIN buckets AS bucket, [false, true] AS own \
             GROUP BY value, same, own, bucket ORDER BY calls DESC, value, operation, own, bucket LIMIT {MAX_CELLS} BY value",
            filter.hops()
        );
        let [first, second] = values;
        self.rows(self.compared(&sql, filter).param("first", first).param("second", second)).await
    }

    /// What two values call.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn compared_calls(
        &self,
        filter: &CompareFilter,
        values: [&str; 2],
    ) -> Result<Vec<ComparedCall>, QuestionError> {
        let sql = format!(
            "SELECT value, any(raw) AS operation, callee, sum(k) AS calls, sum(k * k) AS calls_squared, sum(k * n) AS products FROM (\
             SELECT value, any(operation) AS raw, {SAME_NAME}, toUInt64(sum(times)) AS n, sumMap(called, often) AS sums FROM (\
             SELECT tenant, id, value, operation, times, arrayFilter(n -> parents[n] = number - 1, range(1, length(parents) + 1)) AS children, \
             arrayMap(n -> concat(services[n], ' ', operations[n]), children) AS called, \
             arrayMap(n -> toUInt64(greatest(counts[n], 1)), children) AS often FROM ({}) \
             WHERE value IN ({{first:String}}, {{second:String}})) GROUP BY tenant, id, value, same) \
             ARRAY JOIN sums.1 AS callee, sums.2 AS k \
             GROUP BY value, same, callee ORDER BY calls DESC, value, operation, callee LIMIT {MAX_CELLS} BY value",
            filter.hops()
        );
        let [first, second] = values;
        self.rows(self.compared(&sql, filter).param("first", first).param("second", second)).await
    }
}
