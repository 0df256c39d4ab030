//! Two sides of a service compared: which two, what they are made of, and the verdict in words.

use throughline_analysis::compare::{self, Events, Side, Verdict, What};
use throughline_assembly::general::general;
use throughline_clickhouse::questions::{CompareFilter, ComparedCall, ComparedCell, ComparedValue};

use crate::{
    ApiError,
    limits::INCIDENTS_SINCE,
    query::{
        CompareRequest, ComparedSide, Comparison, Measure, Topology, TopologyCall, TopologyRequest,
        TopologyService,
    },
    questions::{Questions, since, whole_minute},
};

/// Measures that an answer has at most.
const MAX_MEASURES: usize = 100;

impl Questions {
    /// Two sides of a service.
    ///
    /// # Errors
    /// Where the question makes no sense, there are no two sides, or the store does not answer.
    pub async fn compare(&self, request: &CompareRequest) -> Result<Comparison, ApiError> {
        let filter = filter(request)?;
        let values = self.store.compared_values(&filter).await?;
        let (baseline, candidate) = sides(&filter, request, &values)?;
        let pair = [baseline.value.as_str(), candidate.value.as_str()];
        let (cells, calls) = tokio::try_join!(
            self.store.compared_cells(&filter, pair),
            self.store.compared_calls(&filter, pair)
        )?;
        let (old, new) = (side(pair[0], &cells, &calls), side(pair[1], &cells, &calls));
        let found = compare::compare(&old, &new);
        let mut answer = Comparison {
            service: filter.service,
            by: filter.by,
            baseline: Some(told(baseline, &cells)),
            candidate: Some(told(candidate, &cells)),
            measures: found.measures.iter().take(MAX_MEASURES).map(measure).collect(),
            verdict: found.verdict.name().to_owned(),
            sentence: String::new(),
            values: values.iter().map(|value| told(value, &[])).collect(),
        };
        answer.sentence = sentence(&answer, found.verdict);
        Ok(answer)
    }

    /// Who calls whom.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub async fn topology(&self, request: &TopologyRequest) -> Result<Topology, ApiError> {
        let window = if request.since_seconds == 0 { 3600 } else { request.since_seconds };
        let from = whole_minute(since(std::time::Duration::from_secs(window)));
        let (tenant, kind) = (&request.tenant, &request.r#type);
        let (services, calls) =
            tokio::try_join!(self.store.services(tenant, kind, from), self.store.calls(tenant, kind, from))?;
        let count = |number: i64| u64::try_from(number).unwrap_or(0);
        let services = services.into_iter().map(|of| TopologyService {
            service: of.service,
            department: of.department,
            calls: count(of.calls),
            errors: count(of.errors),
            critical: count(of.critical),
        });
        let calls = calls.into_iter().map(|of| TopologyCall {
            calls: count(of.calls),
            errors: count(of.errors),
            duration: count(of.duration) / count(of.calls).max(1),
            network: count(of.network) / count(of.calls).max(1),
            caller: of.caller,
            callee: of.callee,
        });
        Ok(Topology { services: services.collect(), calls: calls.collect() })
    }
}

fn filter(request: &CompareRequest) -> Result<CompareFilter, ApiError> {
    let service = request.service.trim();
    if service.is_empty() {
        return Err(ApiError::Invalid("which service? `service` is empty".to_owned()));
    }
    let window = match request.since_seconds {
        0 => INCIDENTS_SINCE,
        seconds => std::time::Duration::from_secs(seconds),
    };
    Ok(CompareFilter {
        service: service.to_owned(),
        by: if request.by.is_empty() { "version".to_owned() } else { request.by.clone() },
        kind: request.r#type.clone(),
        tenant: request.tenant.clone(),
        since: since(window),
    })
}

/// Those that are named; else the candidate is the one seen first latest, and the baseline the most used of the others.
fn sides<'a>(
    filter: &CompareFilter,
    request: &CompareRequest,
    values: &'a [ComparedValue],
) -> Result<(&'a ComparedValue, &'a ComparedValue), ApiError> {
    let CompareFilter { service, by, .. } = filter;
    if !request.candidate.is_empty() && request.baseline == request.candidate {
        let value = &request.candidate;
        return Err(ApiError::Invalid(format!("baseline and candidate are both `{value}`")));
    }
    if values.is_empty() {
        return Err(ApiError::NoSide(format!(
            "{by} of {service} in these transactions: none was seen of this service, or none of them says one"
        )));
    }
    let named = |name: &str| {
        values.iter().find(|value| value.value == name).ok_or_else(|| {
            let known: Vec<_> = values.iter().take(10).map(|value| value.value.as_str()).collect();
            ApiError::NoSide(format!("{by} `{name}` of {service}: seen were {}", known.join(", ")))
        })
    };
    let none = || {
        let only = &values[0].value;
        ApiError::NoSide(format!("second {by} of {service} to compare with: only `{only}` was seen"))
    };
    let candidate = if request.candidate.is_empty() {
        let others = values.iter().filter(|value| value.value != request.baseline);
        others.max_by_key(|value| (value.first, value.calls)).ok_or_else(none)?
    } else {
        named(&request.candidate)?
    };
    let baseline = if request.baseline.is_empty() {
        let others = values.iter().filter(|value| value.value != candidate.value);
        others.max_by_key(|value| value.calls).ok_or_else(none)?
    } else {
        named(&request.baseline)?
    };
    Ok((baseline, candidate))
}

/// What changes from call to call is left out of names, as the diagnosis does it.
fn side(value: &str, cells: &[ComparedCell], calls: &[ComparedCall]) -> Side {
    let mut side = Side::default();
    for cell in cells.iter().filter(|cell| cell.value == value) {
        let sample = side.operations.entry(general(&cell.operation).into_owned()).or_default();
        if cell.own {
            *sample.own.entry(cell.bucket).or_default() += cell.transactions;
            continue;
        }
        sample.errors.merge(&Events {
            calls: cell.calls,
            events: cell.errors,
            calls_squared: cell.calls_squared,
            events_squared: cell.errors_squared,
            products: cell.products,
        });
        *sample.durations.entry(cell.bucket).or_default() += cell.transactions;
    }
    for call in calls.iter().filter(|call| call.value == value) {
        let pair = (general(&call.operation).into_owned(), general(&call.callee).into_owned());
        let called = Events {
            events: call.calls,
            events_squared: call.calls_squared,
            products: call.products,
            ..Events::default()
        };
        side.callees.entry(pair).or_default().merge(&called);
    }
    side
}

fn told(value: &ComparedValue, cells: &[ComparedCell]) -> ComparedSide {
    let mut durations = std::collections::BTreeMap::new();
    for cell in cells.iter().filter(|cell| cell.value == value.value && !cell.own) {
        *durations.entry(cell.bucket).or_default() += cell.calls;
    }
    ComparedSide {
        value: value.value.clone(),
        calls: value.calls,
        errors: value.errors,
        p50: compare::quantile(&durations, 0.5) as u64,
        p95: compare::quantile(&durations, 0.95) as u64,
        first_seen: value.first,
        last_seen: value.last,
    }
}

fn measure(of: &compare::Measure) -> Measure {
    let what = match of.what {
        What::Errors => "errors",
        What::Latency => "latency",
        What::Own => "own",
        What::Calls => "calls",
    };
    Measure {
        what: what.to_owned(),
        operation: of.operation.clone(),
        callee: of.callee.clone(),
        baseline: of.baseline,
        candidate: of.candidate,
        p_value: of.p_value,
        effect: of.effect,
        verdict: of.verdict.name().to_owned(),
        sentence: of.in_words(),
    }
}

fn sentence(answer: &Comparison, verdict: Verdict) -> String {
    let (Some(baseline), Some(candidate)) = (&answer.baseline, &answer.candidate) else {
        return String::new();
    };
    let pair = format!("{} {} of {}", answer.by, candidate.value, answer.service);
    let told = |verdict: Verdict| {
        let with = answer.measures.iter().filter(|measure| measure.verdict == verdict.name()).take(3);
        with.map(|measure| measure.sentence.as_str()).collect::<Vec<_>>().join("; ")
    };
    let said = match verdict {
        Verdict::Worse => {
            format!("{pair} is worse than {}: {}.", baseline.value, told(Verdict::Worse))
        }
        Verdict::NotWorse | Verdict::Different => format!(
            "{pair} is not worse than {}, over {} and {} calls.",
            baseline.value, candidate.calls, baseline.calls
        ),
        Verdict::TooLittleData => format!(
            "Too little data to tell {pair} from {}: {} and {} calls.",
            baseline.value, candidate.calls, baseline.calls
        ),
    };
    match told(Verdict::Different) {
        other if other.is_empty() => said,
        other => format!("{said} It calls others otherwise: {other}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(by: &str, baseline: &str, candidate: &str, seen: &[&str]) -> Result<(String, String), String> {
        let request = CompareRequest {
            service: "ledger".to_owned(),
            by: by.to_owned(),
            baseline: baseline.to_owned(),
            candidate: candidate.to_owned(),
            ..CompareRequest::default()
        };
        let values: Vec<ComparedValue> = (1..)
            .zip(seen)
            .map(|(first, value)| ComparedValue { value: (*value).to_owned(), first, ..Default::default() })
            .collect();
        let found = sides(&filter(&request).unwrap(), &request, &values);
        found.map(|(a, b)| (a.value.clone(), b.value.clone())).map_err(|error| error.to_string())
    }

    #[test]
    fn what_there_is_not_is_told_in_words() {
        let is = |by, baseline, candidate, seen: &[&str], words: &[&str]| {
            let message = asked(by, baseline, candidate, seen).unwrap_err();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        is("", "", "", &[], &["no version of ledger", "none was seen"]);
        is("bank.chanel", "", "", &[], &["no bank.chanel of ledger", "none of them says one"]);
        is("", "1", "2", &[], &["no version of ledger", "none was seen"]);
        is("", "", "", &["1.4"], &["second version of ledger", "only `1.4`"]);
        is("", "1", "3", &["1", "2"], &["no version `3` of ledger: seen were 1, 2"]);
        is("", "1", "1", &["1", "2"], &["both `1`"]);
        assert_eq!(asked("", "", "", &["1", "2"]), Ok(("1".to_owned(), "2".to_owned())));
    }

    #[test]
    fn a_change_of_what_is_called_is_said_beside_the_verdict() {
        let side =
            |value: &str| Some(ComparedSide { value: value.to_owned(), calls: 600, ..Default::default() });
        let answer = Comparison {
            service: "ledger".to_owned(),
            by: "version".to_owned(),
            baseline: side("1"),
            candidate: side("2"),
            measures: vec![Measure {
                verdict: "different".to_owned(),
                sentence: "`book` calls `rates GET` 2.00 times, against 1.00 times".to_owned(),
                ..Measure::default()
            }],
            ..Comparison::default()
        };
        let said = sentence(&answer, Verdict::NotWorse);
        assert!(
            said.starts_with("version 2 of ledger is not worse than 1") && said.contains("2.00 times"),
            "{said}"
        );
    }

    #[test]
    fn operations_with_an_id_in_their_name_are_one() {
        let cell = |operation: &str, value: &str| ComparedCell {
            operation: operation.to_owned(),
            value: value.to_owned(),
            transactions: 20,
            calls: 20,
            calls_squared: 20,
            ..ComparedCell::default()
        };
        let cells = [cell("GET /items/17", "1"), cell("GET /items/99431", "1"), cell("GET /items/5", "2")];
        let made = side("1", &cells, &[]);
        assert_eq!(made.operations.keys().collect::<Vec<_>>(), ["GET /items/*"]);
        assert_eq!(made.calls(), 40);
    }
}
