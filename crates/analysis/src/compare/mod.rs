//! Two sides of a service, a baseline and a candidate, compared: errors, latency by operation, and what is called how often.
//!
//! A pure function of counts and histograms. Each measure has a test and an effect size; p-values are corrected together (Holm), those of calls apart,
//! for they make nothing worse. A side is
//! *worse* where a measure differs with significance and by enough to matter; *not worse* where the data exclude that; else there is too little
//! data, and that is said.

mod deployments;
mod measures;
mod over;
mod statistics;
mod watch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use deployments::{
    Changed, Deployment, Deployments, LOOKS, MAX_ENDED, MAX_SERVICES, MAX_VERSIONS, MAX_WATCHES,
};
pub use measures::{Measure, What};
pub use over::DeploymentsOver;
pub use statistics::{Events, Superiority, holm, rank_sum, rate_ratio, two_shares};

/// Chance of calling something worse that is not, over all measures of a comparison.
const ALPHA: f64 = 0.01;

/// Transactions of either side that called an operation, below which nothing is said of it.
pub const MIN_TRANSACTIONS: u64 = 30;

/// Buckets of a histogram to the doubling, as roll-ups have them.
const PER_OCTAVE: f64 = 8.0;

/// One operation of one side. What is tested is the transaction: calls of one are slow together and fail together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Calls, and those that failed.
    pub errors: Events,
    /// Transactions by bucket of the mean duration of their calls: `floor(8 log2(nanoseconds))`.
    pub durations: BTreeMap<i32, u64>,
    /// The same of their own time, where it is asked about.
    #[serde(skip)]
    pub own: BTreeMap<i32, u64>,
}

/// One side: by operation, and what it calls, by name, how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// By operation.
    pub operations: BTreeMap<String, Sample>,
    /// By operation and by service and operation called.
    pub callees: BTreeMap<(String, String), Events>,
}

/// How a measure, or all of them, came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// Significantly, and by enough to matter.
    Worse,
    /// Differs without being worse: what is called has changed.
    Different,
    /// What would matter is excluded.
    NotWorse,
    /// Neither.
    TooLittleData,
}

impl Verdict {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Different => "different",
            Self::NotWorse => "not worse",
            Self::TooLittleData => "too little data",
        }
    }
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The worst first.
    pub measures: Vec<Measure>,
    /// Over all.
    pub verdict: Verdict,
}

impl Sample {
    /// With a transaction: its calls of the operation, those that failed, and the mean duration, nanoseconds.
    pub fn add(&mut self, calls: u64, errors: u64, mean: u64) {
        self.errors.add(calls, errors.min(calls));
        *self.durations.entry(bucket(mean)).or_default() += 1;
    }

    fn transactions(&self) -> u64 {
        self.durations.values().sum()
    }
}

impl Side {
    /// Calls of all operations.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.operations.values().map(|sample| sample.errors.calls).sum()
    }

    /// Transactions that called the operation that most of them call.
    pub(crate) fn transactions(&self) -> u64 {
        self.operations.values().map(Sample::transactions).max().unwrap_or(0)
    }

    /// Adds what another holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (operation, sample) in &other.operations {
            let own = self.operations.entry(operation.clone()).or_default();
            own.errors.merge(&sample.errors);
            for (held, more) in [(&mut own.durations, &sample.durations), (&mut own.own, &sample.own)] {
                for (bucket, count) in more {
                    *held.entry(*bucket).or_default() += count;
                }
            }
        }
    }
}

/// The bucket of a duration.
pub(crate) fn bucket(nanoseconds: u64) -> i32 {
    (PER_OCTAVE * (nanoseconds.max(1) as f64).log2()).floor() as i32
}

/// The quantile `q` of a histogram, nanoseconds; values lie evenly in their bucket.
#[must_use]
pub fn quantile(durations: &BTreeMap<i32, u64>, q: f64) -> f64 {
    let total: u64 = durations.values().sum();
    let (wanted, mut passed) = (q * total as f64, 0.0);
    for (bucket, count) in durations {
        let count = *count as f64;
        if passed + count >= wanted && count > 0.0 {
            return ((f64::from(*bucket) + (wanted - passed) / count) / PER_OCTAVE).exp2();
        }
        passed += count;
    }
    0.0
}

/// Compares a candidate with a baseline.
#[must_use]
pub fn compare(baseline: &Side, candidate: &Side) -> Comparison {
    let mut measures: Vec<Measure> = Vec::new();
    for (operation, new) in &candidate.operations {
        let Some(old) = baseline.operations.get(operation) else { continue };
        if old.transactions().min(new.transactions()) < MIN_TRANSACTIONS {
            continue;
        }
        measures.extend(measures::of(operation, (baseline, old), (candidate, new)));
    }
    for of_calls in [false, true] {
        let of = measures.iter_mut().filter(|measure| (measure.what == What::Calls) == of_calls);
        let mut of: Vec<&mut Measure> = of.collect();
        let mut p_values: Vec<f64> = of.iter().map(|measure| measure.p_value).collect();
        holm(&mut p_values);
        for (measure, p_value) in of.iter_mut().zip(p_values) {
            measure.p_value = p_value;
            measure.verdict = measures::judge(measure);
        }
    }
    measures.sort_by(|a, b| {
        a.verdict.cmp(&b.verdict).then(a.p_value.total_cmp(&b.p_value)).then(a.what.cmp(&b.what))
    });
    let verdict = overall(&measures, baseline, candidate);
    Comparison { measures, verdict }
}

fn overall(measures: &[Measure], baseline: &Side, candidate: &Side) -> Verdict {
    if measures.iter().any(|measure| measure.verdict == Verdict::Worse) {
        return Verdict::Worse;
    }
    // Operations that could not be compared count by their calls: a tenth may be unknown.
    let compared: u64 = candidate
        .operations
        .iter()
        .filter(|(operation, _)| {
            measures.iter().any(|measure| {
                measure.what == What::Errors
                    && measure.operation == **operation
                    && measure.verdict == Verdict::NotWorse
            }) && !measures.iter().any(|measure| {
                matches!(measure.what, What::Latency | What::Own)
                    && measure.operation == **operation
                    && measure.verdict == Verdict::TooLittleData
            })
        })
        .map(|(_, sample)| sample.errors.calls)
        .sum();
    let enough = candidate.calls() > 0 && baseline.calls() > 0 && compared * 10 >= candidate.calls() * 9;
    if enough { Verdict::NotWorse } else { Verdict::TooLittleData }
}
