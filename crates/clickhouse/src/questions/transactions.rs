//! Transactions by key and by filter.

use super::filter::TransactionFilter;
use super::row::{COLUMNS, TransactionRow};
use super::{MAX_ROWS, QuestionError};
use crate::store::Store;

impl Store {
    /// The transaction with a business key, an id, or a trace id in hex, of a tenant (of any, where that is empty, the default one first); the latest where several have it.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn transaction_by_key(
        &self,
        tenant: &str,
        key: &str,
    ) -> Result<Option<TransactionRow>, QuestionError> {
        // The inner question asks the table, whose indexes know keys and traces; rows that were replaced since are sorted out by the view.
        let sql = format!(
            "SELECT {COLUMNS} FROM transactions WHERE (Tenant, TransactionId) IN (\
             SELECT Tenant, TransactionId FROM transactions_data WHERE {}) \
             AND ({{tenant:String}} = '' OR Tenant = {{tenant:String}}) AND (TransactionId = {{key:String}} OR has(Keys, {{key:String}}) OR has(TraceIds, lower({{key:String}}))) \
             ORDER BY Tenant = {{tenant:String}} DESC, Start DESC LIMIT 1",
            candidates(key)
        );
        Ok(self.rows(self.question(&sql).param("tenant", tenant).param("key", key)).await?.pop())
    }

    /// Transactions that meet a filter.
    ///
    /// # Errors
    /// [`QuestionError`].
    pub async fn find_transactions(
        &self,
        filter: &TransactionFilter,
    ) -> Result<Vec<TransactionRow>, QuestionError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM transactions WHERE {} ORDER BY {} LIMIT {}",
            filter.condition(),
            filter.order(),
            filter.limit.clamp(1, MAX_ROWS)
        );
        self.rows(filter.bind(self.question(&sql))).await
    }
}

/// Where a key may be; a trace's id is asked for only where the key is one.
fn candidates(key: &str) -> String {
    let by_key = "TransactionId = {key:String} OR has(MoreKeys, {key:String})";
    let is_trace = key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_trace {
        format!("{by_key} OR has(Traces, toFixedString(unhex({{key:String}}), 16))")
    } else {
        by_key.to_owned()
    }
}
