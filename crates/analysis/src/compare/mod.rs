//! Two sides of a service, a baseline and a candidate, compared: errors, latency by operation, and what is called how often.
//!
//! A pure function of counts and histograms. Each measure has a test and an effect size; all p-values are corrected together (Holm). A side is
//! *worse* where a measure differs with significance and by enough to matter; *not worse* where the data exclude that; else there is too little
//! data, and that is said.

mod deployments;
mod over;
mod statistics;
mod watch;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use deployments::{
    Changed, Deployment, Deployments, LOOKS, MAX_ENDED, MAX_SERVICES, MAX_VERSIONS, MAX_WATCHES,
};
pub use over::DeploymentsOver;
pub use statistics::{Events, Superiority, holm, rank_sum, rate_ratio, two_shares};

/// Chance of calling something worse that is not, over all measures of a comparison.
const ALPHA: f64 = 0.01;

/// A difference of error shares below this does not matter.
const ERRORS_MATTER: f64 = 0.005;

/// The chance that a call of the candidate is slower than one of the baseline: 0.5 is none, and what is below this does not matter.
const SLOWER_MATTERS: f64 = 0.56;

/// And the median must be so much higher.
const MEDIAN_MATTERS: f64 = 1.1;

/// Calls of another service for each call: a ratio between this and its inverse does not matter.
const CALLS_MATTER: f64 = 1.25;

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
}

/// One side: by operation, and what it calls, by name, how often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// By operation.
    pub operations: BTreeMap<String, Sample>,
    /// By operation and by service and operation called.
    pub callees: BTreeMap<(String, String), Events>,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Share of calls that fail.
    Errors,
    /// Duration of calls.
    Latency,
    /// Calls of another for each call.
    Calls,
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

/// One measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// What of it.
    pub what: What,
    /// The operation.
    pub operation: String,
    /// What is called, for [`What::Calls`]; else empty.
    pub callee: String,
    /// The baseline's: a share, median nanoseconds, or calls for each call.
    pub baseline: f64,
    /// The candidate's.
    pub candidate: f64,
    /// Two-sided, corrected over all measures.
    pub p_value: f64,
    /// Difference of shares; chance to be slower; ratio.
    pub effect: f64,
    /// How it came out.
    pub verdict: Verdict,
    /// Whether the data exclude a difference that matters.
    excludes: bool,
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
            for (bucket, count) in &sample.durations {
                *own.durations.entry(*bucket).or_default() += count;
            }
        }
    }
}

impl Measure {
    /// In words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { operation, callee, baseline, candidate, .. } = self;
        match self.what {
            What::Errors => format!(
                "`{operation}` fails in {:.2} % of calls, against {:.2} %",
                candidate * 100.0,
                baseline * 100.0
            ),
            What::Latency => format!(
                "`{operation}` takes {:.1} ms in the median, against {:.1} ms",
                candidate / 1e6,
                baseline / 1e6
            ),
            What::Calls => {
                format!("`{operation}` calls `{callee}` {candidate:.2} times, against {baseline:.2} times")
            }
        }
    }
}

/// The bucket of a duration.
pub(crate) fn bucket(nanoseconds: u64) -> i32 {
    (PER_OCTAVE * (nanoseconds.max(1) as f64).log2()).floor() as i32
}

/// The quantile `q` of a histogram, nanoseconds: the middle of its bucket.
#[must_use]
pub fn quantile(durations: &BTreeMap<i32, u64>, q: f64) -> f64 {
    let total: u64 = durations.values().sum();
    let wanted = (q * total as f64).ceil().max(1.0) as u64;
    let mut passed = 0;
    for (bucket, count) in durations {
        passed += count;
        if passed >= wanted {
            return ((f64::from(*bucket) + 0.5) / PER_OCTAVE).exp2();
        }
    }
    0.0
}

/// Compares a candidate with a baseline.
#[must_use]
pub fn compare(baseline: &Side, candidate: &Side) -> Comparison {
    let mut measures = Vec::new();
    for (operation, new) in &candidate.operations {
        let Some(old) = baseline.operations.get(operation) else { continue };
        if old.transactions().min(new.transactions()) < MIN_TRANSACTIONS {
            continue;
        }
        measures.push(errors(operation, old, new));
        measures.extend(latency(operation, old, new));
        measures.extend(callees(operation, (baseline, old), (candidate, new)));
    }
    let mut p_values: Vec<f64> = measures.iter().map(|measure| measure.p_value).collect();
    holm(&mut p_values);
    for (measure, p_value) in measures.iter_mut().zip(p_values) {
        measure.p_value = p_value;
        measure.verdict = judge(measure);
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
                measure.what == What::Latency
                    && measure.operation == **operation
                    && measure.verdict == Verdict::TooLittleData
            })
        })
        .map(|(_, sample)| sample.errors.calls)
        .sum();
    let enough = candidate.calls() > 0 && baseline.calls() > 0 && compared * 10 >= candidate.calls() * 9;
    if enough { Verdict::NotWorse } else { Verdict::TooLittleData }
}

fn judge(measure: &Measure) -> Verdict {
    let is_sure = measure.p_value < ALPHA;
    let is_worse = match measure.what {
        What::Errors => measure.effect > ERRORS_MATTER,
        What::Latency => {
            measure.effect > SLOWER_MATTERS && measure.candidate > measure.baseline * MEDIAN_MATTERS
        }
        What::Calls => false,
    };
    if is_sure && is_worse {
        Verdict::Worse
    } else if is_sure
        && measure.what == What::Calls
        && !(CALLS_MATTER.recip()..=CALLS_MATTER).contains(&measure.effect)
    {
        Verdict::Different
    } else if measure.excludes {
        Verdict::NotWorse
    } else {
        Verdict::TooLittleData
    }
}

fn errors(operation: &str, old: &Sample, new: &Sample) -> Measure {
    let test = two_shares(&old.errors, &new.errors);
    Measure {
        what: What::Errors,
        operation: operation.to_owned(),
        callee: String::new(),
        baseline: share(old),
        candidate: share(new),
        p_value: test.p_value,
        effect: test.effect,
        verdict: Verdict::TooLittleData,
        excludes: test.upper < ERRORS_MATTER.max(4.0 * share(old)).max(0.05),
    }
}

fn share(sample: &Sample) -> f64 {
    sample.errors.events as f64 / sample.errors.calls.max(1) as f64
}

fn latency(operation: &str, old: &Sample, new: &Sample) -> Option<Measure> {
    let test = rank_sum(&old.durations, &new.durations)?;
    let (before, after) = (quantile(&old.durations, 0.5), quantile(&new.durations, 0.5));
    Some(Measure {
        what: What::Latency,
        operation: operation.to_owned(),
        callee: String::new(),
        baseline: before,
        candidate: after,
        p_value: test.p_value,
        effect: test.effect,
        verdict: Verdict::TooLittleData,
        // Slower without being slower by enough is not worse either.
        excludes: test.upper < 0.65 || after <= before * MEDIAN_MATTERS,
    })
}

fn callees<'a>(
    operation: &'a str,
    (baseline, old): (&'a Side, &'a Sample),
    (candidate, new): (&'a Side, &'a Sample),
) -> impl Iterator<Item = Measure> + 'a {
    let of = move |side: &'a Side| {
        side.callees.keys().filter(move |(own, _)| own == operation).map(|(_, callee)| callee.as_str())
    };
    let mut names: Vec<&str> = of(baseline).chain(of(candidate)).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(move |callee| {
        // Calls of the operation that call nobody are in its own sums only.
        let events = |side: &Side, own: &Sample| {
            let called = side.callees.get(&(operation.to_owned(), callee.to_owned()));
            let Events { calls, calls_squared, .. } = own.errors;
            Events { calls, calls_squared, ..called.copied().unwrap_or_default() }
        };
        let (before, after) = (events(baseline, old), events(candidate, new));
        let test = rate_ratio(&before, &after);
        let rate = |of: &Events| of.events as f64 / of.calls.max(1) as f64;
        Measure {
            what: What::Calls,
            operation: operation.to_owned(),
            callee: callee.to_owned(),
            baseline: rate(&before),
            candidate: rate(&after),
            p_value: test.p_value,
            effect: test.effect,
            verdict: Verdict::TooLittleData,
            excludes: true,
        }
    })
}
