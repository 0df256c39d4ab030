//! Which transactions are looked for.

use std::time::Duration;

use clickhouse::query::Query;

use super::types;

/// Which transactions are looked for; what is not set is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransactionFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// Of this type, or of those with this general name.
    pub kind: Option<String>,
    /// Begun at or after, Unix nanoseconds.
    pub since: Option<u64>,
    /// Begun before, Unix nanoseconds.
    pub until: Option<u64>,
    /// Took longer.
    pub slower_than: Option<Duration>,
    /// `ok`, `error` or `incomplete`.
    pub outcome: Option<String>,
    /// Crossed this department.
    pub department: Option<String>,
    /// Crossed this service.
    pub service: Option<String>,
    /// Whether its spans are kept.
    pub kept: Option<bool>,
    /// The slowest first, else the latest.
    pub slowest_first: bool,
    /// At most so many, and never more than [`super::MAX_ROWS`].
    pub limit: u32,
}

impl TransactionFilter {
    /// The condition; [`Self::bind`] gives its values.
    pub(super) fn condition(&self) -> String {
        let parts = [
            self.tenant.as_ref().map(|_| "Tenant = {tenant:String}"),
            self.kind.as_ref().map(|_| types::OF_TYPE),
            self.since.map(|_| "Start >= fromUnixTimestamp64Nano({since:Int64})"),
            self.until.map(|_| "Start < fromUnixTimestamp64Nano({until:Int64})"),
            self.slower_than.map(|_| "Duration > {slower:UInt64}"),
            self.outcome.as_ref().map(|_| "Outcome = {outcome:String}"),
            self.department.as_ref().map(|_| "has(Departments, {department:String})"),
            self.service.as_ref().map(|_| "has(Services, {service:String})"),
            self.kept.map(|_| "Kept = {kept:Bool}"),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "1".to_owned() } else { parts.join(" AND ") }
    }

    /// Binds the values of [`Self::condition`].
    pub(super) fn bind(&self, query: Query) -> Query {
        let mut query = query;
        for (name, text) in [
            ("tenant", &self.tenant),
            ("outcome", &self.outcome),
            ("department", &self.department),
            ("service", &self.service),
        ] {
            if let Some(text) = text {
                query = query.param(name, text);
            }
        }
        if let Some(kind) = &self.kind {
            query = types::bind(query, kind);
        }
        let slower = self.slower_than.map(|slower| u64::try_from(slower.as_nanos()).unwrap_or(u64::MAX));
        for (name, number) in [("since", self.since), ("until", self.until), ("slower", slower)] {
            if let Some(number) = number {
                query = query.param(name, number);
            }
        }
        match self.kept {
            Some(kept) => query.param("kept", kept),
            None => query,
        }
    }
}
