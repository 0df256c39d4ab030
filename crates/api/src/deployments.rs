//! What the analysis has by itself: new versions and how they do, and what is usual.

use throughline_analysis::{
    compare::{self, Verdict},
    diagnosis::Usual,
};

use crate::{
    ApiError,
    incidents::limit,
    limits::{BASELINE_LIST, LIST},
    query::{
        Baseline, Deployment, ListBaselinesRequest, ListBaselinesResponse, ListDeploymentsRequest,
        ListDeploymentsResponse,
    },
    questions::Questions,
};

const VERDICTS: [&str; 3] = ["worse", "not worse", "too little data"];

impl Questions {
    /// New versions, newest first.
    ///
    /// # Errors
    /// Where the question makes no sense, or this process has no analysis.
    pub fn list_deployments(
        &self,
        request: &ListDeploymentsRequest,
    ) -> Result<ListDeploymentsResponse, ApiError> {
        let verdict = request.verdict.as_str();
        if !verdict.is_empty() && !VERDICTS.contains(&verdict) {
            return Err(ApiError::Invalid(format!(
                "verdict is `{verdict}`; there are {}",
                VERDICTS.join(", ")
            )));
        }
        let limit = limit(request.limit, LIST)? as usize;
        let matches = |of: &&compare::Deployment| {
            (verdict.is_empty() || of.verdict.name() == verdict)
                && (request.service.is_empty() || of.service == request.service)
                && (request.tenant.is_empty() || of.tenant == request.tenant)
        };
        let known = self.analysis()?.deployments();
        let deployments = known.iter().filter(matches).take(limit).map(deployment).collect();
        Ok(ListDeploymentsResponse { deployments })
    }

    /// What is usual.
    ///
    /// # Errors
    /// Where the question makes no sense, or this process has no analysis.
    pub fn list_baselines(&self, request: &ListBaselinesRequest) -> Result<ListBaselinesResponse, ApiError> {
        let limit = limit(request.limit, BASELINE_LIST)? as usize;
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let matches = |of: &&Usual| {
            is(&request.tenant, &of.tenant)
                && is(&request.r#type, &of.transaction_type)
                && is(&request.service, &of.service)
                && is(&request.operation, &of.operation)
        };
        let known = self.analysis()?.baselines();
        let matching = known.iter().filter(matches).count() as u64;
        let baselines = known.iter().filter(matches).take(limit).map(baseline).collect();
        Ok(ListBaselinesResponse { baselines, matching })
    }
}

fn deployment(of: &compare::Deployment) -> Deployment {
    Deployment {
        id: of.id.clone(),
        tenant: of.tenant.clone(),
        service: of.service.clone(),
        department: of.department.clone(),
        baseline: of.baseline.clone(),
        candidate: of.candidate.clone(),
        since: of.since,
        last_seen: of.last_seen,
        looked_at: of.looked_at,
        verdict: of.verdict.name().to_owned(),
        worse: of.worse.clone(),
        beside: of.beside,
        baseline_calls: of.calls.0,
        candidate_calls: of.calls.1,
        over: of.over,
        transactions: of.transactions,
        types: of.types.clone(),
        examples: of.examples.clone(),
        sentence: sentence(of),
        what: of.what.name().to_owned(),
    }
}

fn sentence(of: &compare::Deployment) -> String {
    let pair = format!("{} {} of {}", of.what.name(), of.candidate, of.service);
    let (before, since) = of.calls;
    match of.verdict {
        Verdict::Worse => format!("{pair} is worse than {}: {}.", of.baseline, of.worse.join("; ")),
        Verdict::NotWorse | Verdict::Different => {
            format!("{pair} is not worse than {}, over {since} and {before} calls.", of.baseline)
        }
        Verdict::TooLittleData => {
            format!("Too little data to tell {pair} from {}: {since} and {before} calls.", of.baseline)
        }
    }
}

fn baseline(of: &Usual) -> Baseline {
    Baseline {
        tenant: of.tenant.clone(),
        r#type: of.transaction_type.clone(),
        service: of.service.clone(),
        operation: of.operation.clone(),
        caller: of.caller.clone(),
        kind: of.kind.to_owned(),
        median: of.median_ns,
        mean: of.expected_ns,
        weight: of.observations,
        judges: of.is_mature,
    }
}
