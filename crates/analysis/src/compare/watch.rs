//! One comparison of a version that came while it was looked.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ALPHA, Comparison, MIN_TRANSACTIONS, Measure, Side, Verdict, What, compare,
    deployments::{Calls, Changed, Deployment, LOOKS, add},
};
use crate::diagnosis::{Finished, FinishedHop};

/// Without the version before beside it, a new one is compared for so long only: later something else may have changed.
const BEFORE_HOLDS_NS: u64 = 320_000_000_000;

/// A version that was not called for so long is gone.
const GONE_NS: u64 = 120_000_000_000;

/// What is worse is no news any more after so long.
const NEWS_NS: u64 = 3_600_000_000_000;

/// A difference of error shares that is worth an incident.
const ERRORS: f64 = 0.01;

/// A ratio of medians that is worth one, and nanoseconds that it must come to.
const SLOWER: (f64, f64) = (1.3, 500_000.0);

/// Types of transactions and examples that are named.
const MAX_TYPES: usize = 16;
const MAX_EXAMPLES: usize = 5;

/// Measures that are told of.
const MAX_WORSE: usize = 3;

/// What is held of a comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Watch {
    pub(super) deployment: Deployment,
    /// Looks that were done.
    looks: usize,
    /// The version before, as it was before.
    before: Side,
    /// The version before, since.
    beside: Side,
    candidate: Side,
    /// Examples that did not fail stand behind so many that did.
    failed_examples: usize,
}

impl Watch {
    pub(super) fn new(
        (tenant, department): (&str, &str),
        what: Changed,
        hop: &FinishedHop<'_>,
        (baseline, before): (String, Side),
        now: u64,
    ) -> Self {
        // Names of versions are as they were before there were others.
        let kind = if what == Changed::Version { "" } else { what.name() };
        let name = format!("{tenant}\0{}\0{kind}{}\0{now}", hop.service, what.of(hop));
        let deployment = Deployment {
            id: format!("{:016x}", xxh3_64(name.as_bytes())),
            tenant: tenant.to_owned(),
            service: hop.service.to_owned(),
            department: department.to_owned(),
            baseline,
            what,
            candidate: what.of(hop).to_owned(),
            since: now,
            last_seen: now,
            looked_at: 0,
            verdict: Verdict::TooLittleData,
            worse: Vec::new(),
            beside: false,
            calls: (0, 0),
            over: false,
            transactions: 0,
            types: Vec::new(),
            examples: Vec::new(),
        };
        let (beside, candidate) = (Side::default(), Side::default());
        Self { deployment, looks: 0, before, beside, candidate, failed_examples: 0 }
    }

    /// Counts calls of either version.
    pub(super) fn add(&mut self, calls: &Calls<'_>, now: u64) {
        let value = self.deployment.what.of(calls.hop);
        if self.looks >= LOOKS.len() {
            // What is over is not counted, only seen.
            if value == self.deployment.candidate {
                self.deployment.last_seen = now;
            }
        } else if value == self.deployment.candidate {
            self.deployment.last_seen = now;
            add(&mut self.candidate, calls);
        } else if value == self.deployment.baseline {
            add(&mut self.beside, calls);
        }
    }

    /// A transaction that the new version had a part in.
    pub(super) fn hit(&mut self, finished: &Finished<'_>, weight: u32, failed: bool) {
        let of = &mut self.deployment;
        of.transactions += u64::from(weight);
        if of.types.len() < MAX_TYPES && !of.types.iter().any(|known| known == finished.transaction_type) {
            of.types.push(finished.transaction_type.to_owned());
            of.types.sort();
        }
        if failed && self.failed_examples < MAX_EXAMPLES {
            of.examples.insert(0, finished.id.to_owned());
            self.failed_examples += 1;
            of.examples.truncate(MAX_EXAMPLES);
        } else if of.examples.len() < MAX_EXAMPLES {
            of.examples.push(finished.id.to_owned());
        }
    }

    /// Looks, if a look is due.
    pub(super) fn look(&mut self, now: u64) -> bool {
        let age = now.saturating_sub(self.deployment.since);
        let due = LOOKS.iter().filter(|seconds| age >= **seconds * 1_000_000_000).count();
        if due <= self.looks {
            return false;
        }
        self.looks = due;
        let wanted = MIN_TRANSACTIONS.max(self.candidate.transactions() / 10);
        self.deployment.beside = self.beside.transactions() >= wanted;
        let baseline = if self.deployment.beside { &self.beside } else { &self.before };
        if !self.deployment.beside && age > BEFORE_HOLDS_NS {
            return false;
        }
        let found = compare(baseline, &self.candidate);
        self.deployment.looked_at = now;
        self.deployment.calls = (baseline.calls(), self.candidate.calls());
        let worse: Vec<&Measure> = found.measures.iter().filter(|measure| matters(measure)).collect();
        self.deployment.worse = worse.iter().take(MAX_WORSE).map(|measure| measure.in_words()).collect();
        self.deployment.verdict = verdict(&found, !worse.is_empty());
        true
    }
}

/// What is significant without mattering is not worse; what matters and may be chance still is told when there is more.
fn verdict(found: &Comparison, is_worse: bool) -> Verdict {
    let may_be = |measure: &Measure| measure.verdict == Verdict::Worse && matters_by_size(measure);
    match found.verdict {
        _ if is_worse => Verdict::Worse,
        Verdict::Worse if found.measures.iter().any(may_be) => Verdict::TooLittleData,
        Verdict::Worse | Verdict::NotWorse | Verdict::Different => Verdict::NotWorse,
        Verdict::TooLittleData => Verdict::TooLittleData,
    }
}

/// Worse by enough, and beyond what several looks bring by chance.
fn matters(measure: &Measure) -> bool {
    let is_sure = measure.p_value * (LOOKS.len() as f64) < ALPHA;
    measure.verdict == Verdict::Worse && is_sure && matters_by_size(measure)
}

fn matters_by_size(measure: &Measure) -> bool {
    match measure.what {
        What::Errors => measure.effect > ERRORS,
        What::Latency | What::Own => {
            measure.candidate > measure.baseline * SLOWER.0 && measure.candidate - measure.baseline > SLOWER.1
        }
        What::Calls => false,
    }
}

/// Whether nothing more comes of it.
pub(super) fn is_over(deployment: &Deployment, now: u64) -> bool {
    let gone = deployment.last_seen + GONE_NS <= now;
    let age = now.saturating_sub(deployment.since);
    let looked = age > LOOKS[LOOKS.len() - 1] * 1_000_000_000;
    gone || looked && deployment.verdict != Verdict::Worse || age > NEWS_NS
}
