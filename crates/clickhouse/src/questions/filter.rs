//! Which transactions are looked for.

use std::time::Duration;

use clickhouse::query::Query;

use super::{
    After,
    after::{self, AT_START},
    types,
};

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
    /// Only those that stand behind this one in the list.
    pub after: Option<After>,
    /// At most so many, and never more than [`super::MAX_ROWS`].
    pub limit: u32,
}

impl TransactionFilter {
    /// The condition; [`Self::bind`] gives its values.
    pub(super) fn condition(&self) -> String {
        let after = self.after.as_ref().map(|_| self.behind());
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
            after.as_deref(),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        if parts.is_empty() { "1".to_owned() } else { parts.join(" AND ") }
    }

    /// What the list is sorted by.
    pub(super) fn order(&self) -> &'static str {
        if self.slowest_first {
            "Duration DESC, TransactionId, Tenant"
        } else {
            "Start DESC, TransactionId, Tenant"
        }
    }

    /// What stands behind a row in that order.
    fn behind(&self) -> String {
        const ID: &str = "(TransactionId, Tenant) > ({after_id:String}, {after_tenant:String})";
        if self.slowest_first {
            After::condition("Duration", "{after_at:UInt64}", ID)
        } else {
            After::condition("Start", AT_START, ID)
        }
    }

    /// Binds the values of [`Self::condition`].
    pub(super) fn bind(&self, query: Query) -> Query {
        let mut query = after::bind(query, self.after.as_ref());
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
