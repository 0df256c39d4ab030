//! Questions answered from what is in flight and from what is stored.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use throughline_clickhouse::{Store, questions::TransactionFilter};
use throughline_worker::{InFlight, Incidents};

use crate::{
    ApiError, convert, explain,
    limits::{BASELINE_SINCE, LIST, SINCE},
    query::{
        ExplainRequest, Explanation, ListTransactionsRequest, ListTransactionsResponse, TransactionSummary,
    },
};

/// Where answers come from.
#[derive(Clone)]
pub struct Questions {
    pub(crate) store: Store,
    in_flight: Option<Arc<InFlight>>,
    pub(crate) incidents: Option<Incidents>,
}

impl Questions {
    /// Over a store, and over what is in flight where the asked process has it.
    #[must_use]
    pub fn new(store: Store, in_flight: Option<InFlight>) -> Self {
        Self { store, in_flight: in_flight.map(Arc::new), incidents: None }
    }

    /// With the analysis of this process: incidents as they are found, and the way in for alerts and feedback.
    #[must_use]
    pub fn with_incidents(self, incidents: Incidents) -> Self {
        Self { incidents: Some(incidents), ..self }
    }

    /// One transaction, by any of its keys or a trace id.
    ///
    /// # Errors
    /// Where there is none, or the store does not answer.
    pub async fn explain(&self, request: &ExplainRequest) -> Result<Explanation, ApiError> {
        let key = request.key.trim();
        if key.is_empty() {
            return Err(ApiError::Invalid("an empty key names no transaction".to_owned()));
        }
        // What is stored was decided; an open transaction of the same name may still amend it, but is not an answer yet.
        let stored = self.store.transaction_by_key(key).await;
        let mut explanation = match stored {
            Ok(Some(row)) => convert::stored(row),
            other => match self.open(&request.tenant, key) {
                Some(explanation) => explanation,
                None => {
                    other?;
                    return Err(ApiError::NotFound(key.to_owned()));
                }
            },
        };
        let kind = explanation
            .transaction
            .as_ref()
            .map(|transaction| transaction.r#type.clone())
            .unwrap_or_default();
        // Medians are a help, not the answer: without them it is given all the same.
        let baseline = self.store.baseline(&kind, since(BASELINE_SINCE)).await.unwrap_or_default();
        explain::complete(&mut explanation, &convert::baseline(baseline));
        Ok(explanation)
    }

    fn open(&self, tenant: &str, key: &str) -> Option<Explanation> {
        self.in_flight.as_ref()?.find(tenant, key).map(convert::in_flight)
    }

    /// Transactions that match.
    ///
    /// # Errors
    /// Where the question makes no sense, or the store does not answer.
    pub async fn list(
        &self,
        request: &ListTransactionsRequest,
    ) -> Result<ListTransactionsResponse, ApiError> {
        let limit = if request.limit == 0 { LIST.0 } else { request.limit };
        if limit > LIST.1 {
            return Err(ApiError::Invalid(format!("limit is {limit}, at most {} are possible", LIST.1)));
        }
        if !["", "ok", "error", "incomplete"].contains(&request.outcome.as_str()) {
            let outcome = &request.outcome;
            return Err(ApiError::Invalid(format!(
                "outcome is `{outcome}`; there are ok, error and incomplete"
            )));
        }
        let mut transactions: Vec<TransactionSummary> = if request.in_flight {
            let open = self.in_flight.as_ref().map(|open| open.list(limit as usize)).unwrap_or_default();
            let open = open.into_iter().filter_map(|row| convert::in_flight(row).transaction);
            open.filter(|transaction| matches(transaction, request)).collect()
        } else {
            let rows = self.store.find_transactions(&filter(request, limit)).await?;
            rows.into_iter().filter_map(|row| convert::stored(row).transaction).collect()
        };
        transactions.sort_by_key(|transaction| std::cmp::Reverse(transaction.start));
        Ok(ListTransactionsResponse { transactions })
    }
}

fn filter(request: &ListTransactionsRequest, limit: u32) -> TransactionFilter {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let window = if request.since_seconds == 0 { SINCE } else { Duration::from_secs(request.since_seconds) };
    TransactionFilter {
        kind: some(&request.r#type),
        since: Some(since(window)),
        slower_than: (request.slower_than > 0).then(|| Duration::from_nanos(request.slower_than)),
        outcome: some(&request.outcome),
        department: some(&request.department),
        limit,
        ..TransactionFilter::default()
    }
}

/// The same conditions, over what is in flight.
fn matches(transaction: &TransactionSummary, request: &ListTransactionsRequest) -> bool {
    let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
    is(&request.r#type, &transaction.r#type)
        && is(&request.outcome, &transaction.outcome)
        && transaction.duration >= request.slower_than
        && (request.department.is_empty() || transaction.departments.contains(&request.department))
}

/// Unix nanoseconds so long ago.
pub(crate) fn since(window: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(window).as_nanos() as u64
}
