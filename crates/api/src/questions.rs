//! Questions answered from what is in flight and from what is stored.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use throughline_advice::Packs;
use throughline_assembly::general::general;
use throughline_clickhouse::{
    Store,
    questions::{After, TransactionFilter, TransactionRow},
};
use throughline_worker::{InFlight, Incidents};

use crate::{
    ApiError, convert, explain,
    incidents::limit,
    limits::{BASELINE_SINCE, LIST, LOOK_AGAIN, LOOKS, OPEN_LOOKED_AT, SINCE},
    page::{Page, Question},
    query::{
        ExplainRequest, Explanation, ListTransactionsRequest, ListTransactionsResponse, TransactionSummary,
    },
};

/// Rule packs that may be changed for others while they are asked.
pub type Advice = Arc<ArcSwap<Packs>>;

/// Where answers come from.
#[derive(Clone)]
pub struct Questions {
    pub(crate) store: Store,
    in_flight: Option<Arc<InFlight>>,
    pub(crate) incidents: Option<Incidents>,
    pub(crate) advice: Advice,
}

impl Questions {
    /// Over a store, and over what is in flight where the asked process has it.
    #[must_use]
    pub fn new(store: Store, in_flight: Option<InFlight>) -> Self {
        Self { store, in_flight: in_flight.map(Arc::new), incidents: None, advice: Advice::default() }
    }

    /// With the analysis of this process: incidents as they are found, and the way in for alerts and feedback.
    #[must_use]
    pub fn with_incidents(self, incidents: Incidents) -> Self {
        Self { incidents: Some(incidents), ..self }
    }

    /// With rule packs, as they are at the time of each answer.
    #[must_use]
    pub fn with_advice(self, advice: Advice) -> Self {
        Self { advice, ..self }
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
        let mut explanation = self.found(&request.tenant, key).await?;
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

    /// As it is stored, or else as it is in flight.
    async fn found(&self, tenant: &str, key: &str) -> Result<Explanation, ApiError> {
        // What is stored was decided; an open transaction of the same name may still amend it, but is not an answer yet.
        let mut stored = self.store.transaction_by_key(tenant, key).await;
        let mut behind = None;
        for look in 0..LOOKS {
            if let Ok(Some(row)) = stored {
                return Ok(convert::stored(row));
            }
            if look > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            let Some(in_flight) = &self.in_flight else { break };
            match in_flight.find(tenant, key).await {
                Ok(Some(open)) => return Ok(convert::in_flight(open)),
                found => behind = found.err(),
            }
            // What is in flight no more is stored by now, or on its way from one fold to the next.
            stored = self.store.transaction_by_key(tenant, key).await;
        }
        let nothing = || match behind {
            Some(behind) => ApiError::Behind { key: key.to_owned(), behind },
            None => ApiError::NotFound(key.to_owned()),
        };
        stored?.map(convert::stored).ok_or_else(nothing)
    }

    /// Transactions that match.
    ///
    /// # Errors
    /// Where the question makes no sense, or the store does not answer.
    pub async fn list(
        &self,
        request: &ListTransactionsRequest,
    ) -> Result<ListTransactionsResponse, ApiError> {
        let limit = limit(request.limit, LIST)?;
        if !["", "ok", "error", "incomplete"].contains(&request.outcome.as_str()) {
            let outcome = &request.outcome;
            return Err(ApiError::Invalid(format!(
                "outcome is `{outcome}`; there are ok, error and incomplete"
            )));
        }
        if !["", "yes", "no"].contains(&request.kept.as_str()) {
            return Err(ApiError::Invalid(format!("kept is `{}`; there are yes and no", request.kept)));
        }
        let same = ListTransactionsRequest { limit: 0, page_token: String::new(), ..request.clone() };
        let asked = Question::new("transactions", &same);
        let page = asked.page(&request.page_token, window(request))?;
        // One more than is told says whether there are more.
        let filter = filter(request, page.clone(), limit + 1);
        if request.in_flight {
            let mut rows = self.open_ones(&filter).await;
            let next_page_token = asked.cut(&page, &mut rows, limit, |row| row.0.clone());
            let transactions = rows.into_iter().map(|row| row.1).collect();
            return Ok(ListTransactionsResponse { transactions, next_page_token });
        }
        let mut rows = self.store.find_transactions(&filter).await?;
        let next_page_token = asked.cut(&page, &mut rows, limit, |row: &TransactionRow| After {
            at: if filter.slowest_first { row.duration } else { row.start },
            id: row.transaction_id.clone(),
            tenant: row.tenant.clone(),
        });
        let transactions = rows.into_iter().filter_map(|row| convert::stored(row).transaction).collect();
        Ok(ListTransactionsResponse { transactions, next_page_token })
    }

    /// Those that match of what is open, up to the limit of what is looked at, each with its place in the list.
    async fn open_ones(&self, filter: &TransactionFilter) -> Vec<(After, TransactionSummary)> {
        let open = match &self.in_flight {
            Some(open) => open.list(OPEN_LOOKED_AT).await,
            None => Vec::new(),
        };
        let now = since(Duration::ZERO);
        let of_tenant =
            open.into_iter().filter(|row| filter.tenant.as_ref().is_none_or(|tenant| row.tenant == *tenant));
        let found = of_tenant.filter_map(|row| {
            let (services, tenant) = (row.services.clone(), row.tenant.clone());
            let one = convert::in_flight(row).transaction?;
            let at = if filter.slowest_first { one.duration } else { one.start };
            let place = After { at, id: one.transaction_id.clone(), tenant };
            let is_behind = filter.after.as_ref().is_none_or(|after| order(after) < order(&place));
            (is_behind && matches(&one, &services, filter, now)).then_some((place, one))
        });
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| order(&a.0).cmp(&order(&b.0)));
        found.truncate(filter.limit as usize);
        found
    }
}

/// As the store sorts: what a list is sorted by falls.
pub(crate) fn order(place: &After) -> (std::cmp::Reverse<u64>, &str, &str) {
    (std::cmp::Reverse(place.at), &place.id, &place.tenant)
}

/// What a list looks at that begins now.
fn window(request: &ListTransactionsRequest) -> (u64, Option<u64>) {
    let window = if request.since_seconds == 0 { SINCE } else { Duration::from_secs(request.since_seconds) };
    let until = (request.until_seconds > 0).then(|| since(Duration::from_secs(request.until_seconds)));
    (since(window), until)
}

fn filter(request: &ListTransactionsRequest, page: Page, limit: u32) -> TransactionFilter {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    TransactionFilter {
        tenant: some(&request.tenant),
        kind: some(&request.r#type),
        since: Some(page.since),
        until: page.until,
        slower_than: (request.slower_than > 0).then(|| Duration::from_nanos(request.slower_than)),
        outcome: some(&request.outcome),
        department: some(&request.department),
        service: some(&request.service),
        kept: (!request.kept.is_empty()).then(|| request.kept == "yes"),
        slowest_first: request.slowest_first,
        after: page.after,
        limit,
    }
}

/// The same conditions, over what is in flight: it is as slow as it is old, and nothing of it is kept yet.
fn matches(
    transaction: &TransactionSummary,
    services: &[String],
    filter: &TransactionFilter,
    now: u64,
) -> bool {
    let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
    let has =
        |wanted: &Option<String>, list: &[String]| wanted.as_ref().is_none_or(|wanted| list.contains(wanted));
    let age = Duration::from_nanos(transaction.duration.max(now.saturating_sub(transaction.start)));
    (is(&filter.kind, &transaction.r#type) || is(&filter.kind, &general(&transaction.r#type)))
        && is(&filter.outcome, &transaction.outcome)
        && has(&filter.department, &transaction.departments)
        && has(&filter.service, services)
        && filter.slower_than.is_none_or(|least| age > least)
        && filter.since.is_none_or(|since| transaction.start >= since)
        && filter.until.is_none_or(|until| transaction.start < until)
        && filter.kept != Some(true)
}

/// The whole minute in which something lies, Unix nanoseconds: sums are held by minute, and what is told beside them is of the same time.
pub(crate) fn whole_minute(at: u64) -> u64 {
    const MINUTE: u64 = 60_000_000_000;
    at / MINUTE * MINUTE
}

/// Unix nanoseconds so long ago.
pub(crate) fn since(window: Duration) -> u64 {
    crate::time::now().saturating_sub(u64::try_from(window.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transaction(kind: &str) -> TransactionSummary {
        TransactionSummary {
            r#type: kind.into(),
            start: 1_000,
            duration: 50,
            outcome: "ok".into(),
            departments: vec!["payments".into()],
            ..TransactionSummary::default()
        }
    }

    #[test]
    fn what_is_open_meets_the_same_conditions() {
        let services = ["ledger".to_owned()];
        let of_type = |kind: &str, change: &dyn Fn(&mut TransactionFilter)| {
            let mut filter = TransactionFilter::default();
            change(&mut filter);
            matches(&transaction(kind), &services, &filter, 2_000)
        };
        let meets = |change: &dyn Fn(&mut TransactionFilter)| of_type("transfer", change);
        assert!(meets(&|_| {}));
        assert!(meets(&|filter| filter.kind = Some("transfer".into())));
        assert!(!meets(&|filter| filter.kind = Some("refund".into())));
        assert!(of_type("GET /orders/8213", &|filter| filter.kind = Some("GET /orders/*".into())));
        assert!(!of_type("GET /orders/8213", &|filter| filter.kind = Some("GET /refunds/*".into())));
        assert!(!meets(&|filter| filter.outcome = Some("error".into())));
        assert!(meets(&|filter| filter.department = Some("payments".into())));
        assert!(!meets(&|filter| filter.department = Some("core".into())));
        assert!(meets(&|filter| filter.service = Some("ledger".into())));
        assert!(!meets(&|filter| filter.service = Some("bff".into())));
        assert!(meets(&|filter| filter.slower_than = Some(Duration::from_nanos(999))), "open for 1000 ns");
        assert!(!meets(&|filter| filter.slower_than = Some(Duration::from_nanos(1_000))));
        assert!(!meets(&|filter| filter.since = Some(1_001)));
        assert!(!meets(&|filter| filter.until = Some(1_000)));
        assert!(meets(&|filter| filter.kept = Some(false)) && !meets(&|filter| filter.kept = Some(true)));
    }

    #[test]
    fn a_minute_is_whole() {
        assert_eq!([0, 59_999_999_999, 60_000_000_000].map(whole_minute), [0, 0, 60_000_000_000]);
    }

    #[test]
    fn a_request_says_all_conditions() {
        let request = ListTransactionsRequest {
            tenant: "acme".into(),
            service: "ledger".into(),
            kept: "no".into(),
            until_seconds: 60,
            slowest_first: true,
            ..ListTransactionsRequest::default()
        };
        let (since, until) = window(&request);
        let made = filter(&request, Page { since, until, after: None }, 7);
        assert_eq!((made.tenant.as_deref(), made.service.as_deref()), (Some("acme"), Some("ledger")));
        assert_eq!((made.kept, made.slowest_first, made.limit), (Some(false), true, 7));
        assert!(made.until > made.since && made.kind.is_none());
    }
}
