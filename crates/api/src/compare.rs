//! Two sides of a service compared: which two, what they are made of, and the verdict in words.

use throughline_analysis::compare::{self, Side, Verdict, What};
use throughline_clickhouse::questions::{CompareFilter, ComparedCall, ComparedCell, ComparedValue};

use crate::{
    ApiError,
    limits::INCIDENTS_SINCE,
    query::{
        CompareRequest, ComparedSide, Comparison, Measure, Topology, TopologyCall, TopologyRequest,
        TopologyService,
    },
    questions::{Questions, since},
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
        let (baseline, candidate) = sides(request, &values)?;
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
            baseline: Some(told(baseline, Some(&old))),
            candidate: Some(told(candidate, Some(&new))),
            measures: found.measures.iter().take(MAX_MEASURES).map(measure).collect(),
            verdict: found.verdict.name().to_owned(),
            sentence: String::new(),
            values: values.iter().map(|value| told(value, None)).collect(),
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
        let from = since(std::time::Duration::from_secs(window));
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
    request: &CompareRequest,
    values: &'a [ComparedValue],
) -> Result<(&'a ComparedValue, &'a ComparedValue), ApiError> {
    let by = if request.by.is_empty() { "version" } else { &request.by };
    let named = |name: &str| {
        values.iter().find(|value| value.value == name).ok_or_else(|| {
            let known: Vec<_> = values.iter().take(10).map(|value| value.value.as_str()).collect();
            ApiError::NoSide(format!("{by} `{name}` of {}: seen were {}", request.service, known.join(", ")))
        })
    };
    let none = || ApiError::NoSide(format!("second {by} of {} to compare with", request.service));
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

fn side(value: &str, cells: &[ComparedCell], calls: &[ComparedCall]) -> Side {
    let mut side = Side::default();
    for cell in cells.iter().filter(|cell| cell.value == value) {
        let sample = side.operations.entry(cell.operation.clone()).or_default();
        sample.calls += cell.calls;
        sample.errors += cell.errors;
        *sample.durations.entry(cell.bucket).or_default() += cell.calls;
    }
    for call in calls.iter().filter(|call| call.value == value) {
        side.callees.insert((call.operation.clone(), call.callee.clone()), call.calls);
    }
    side
}

fn told(value: &ComparedValue, side: Option<&Side>) -> ComparedSide {
    let mut durations = std::collections::BTreeMap::new();
    for sample in side.iter().flat_map(|side| side.operations.values()) {
        for (bucket, count) in &sample.durations {
            *durations.entry(*bucket).or_default() += count;
        }
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
    match verdict {
        Verdict::Worse => {
            let worse: Vec<_> =
                answer.measures.iter().filter(|measure| measure.verdict == "worse").take(3).collect();
            let told: Vec<_> = worse.iter().map(|measure| measure.sentence.as_str()).collect();
            format!("{pair} is worse than {}: {}.", baseline.value, told.join("; "))
        }
        Verdict::NotWorse | Verdict::Different => format!(
            "{pair} is not worse than {}, over {} and {} calls.",
            baseline.value, candidate.calls, baseline.calls
        ),
        Verdict::TooLittleData => format!(
            "Too little data to tell {pair} from {}: {} and {} calls.",
            baseline.value, candidate.calls, baseline.calls
        ),
    }
}
