//! Where a list goes on: after the last row of the page before, by what it is sorted by, so that rows which come meanwhile move nothing.

use clickhouse::query::Query;
use serde::{Deserialize, Serialize};

/// The last row of the page before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// What the list is sorted by, falling: start, Unix nanoseconds, or duration, nanoseconds.
    pub at: u64,
    /// Its id, by which rows with the same stand in a row.
    pub id: String,
    /// Its tenant, where an id is one tenant's; else empty.
    pub tenant: String,
}

impl After {
    /// The condition of a list that is sorted by `column` falling, then by `id` and tenant; [`bind`] gives its values.
    pub(super) fn condition(column: &str, at: &str, id: &str) -> String {
        format!("({column} <= {at} AND ({column} < {at} OR {id}))")
    }
}

/// `Start` as it is bound.
pub(super) const AT_START: &str = "fromUnixTimestamp64Nano({after_at:Int64})";

/// Binds the values of [`After::condition`].
pub(super) fn bind(query: Query, after: Option<&After>) -> Query {
    match after {
        Some(After { at, id, tenant }) => {
            query.param("after_at", at).param("after_id", id).param("after_tenant", tenant)
        }
        None => query,
    }
}
