//! What is measured of two sides, and when a difference matters.

use std::collections::BTreeMap;

use super::{
    ALPHA, Sample, Side, Verdict, quantile,
    statistics::{Events, rank_sum, rate_ratio, two_shares},
};

/// A difference of error shares below this does not matter.
const ERRORS_MATTER: f64 = 0.005;

/// Where the data exclude so many more failures, or half as many again as there were, errors are not worse.
const ERRORS_EXCLUDED: f64 = 0.02;

/// The chance that a call of the candidate is slower than one of the baseline: 0.5 is none, and what is below this does not matter.
const SLOWER_MATTERS: f64 = 0.56;

/// Where the data exclude that chance, times are not worse.
const SLOWER_EXCLUDED: f64 = 0.65;

/// And the median must be so much higher.
const MEDIAN_MATTERS: f64 = 1.1;

/// Own time matters that makes calls longer by so much of their median.
const OWN_MATTERS: f64 = 0.02;

/// Medians whose intervals of so many standard errors do not touch differ beyond 95 % (where both are as wide: 1.96 / √2).
const Z_OF_EACH: f64 = 1.39;

/// Calls of another service for each call: a ratio between this and its inverse does not matter.
const CALLS_MATTER: f64 = 1.25;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Share of calls that fail.
    Errors,
    /// Duration of calls.
    Latency,
    /// Their own time, in which nothing ran that they call.
    Own,
    /// Calls of another for each call.
    Calls,
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
    /// Two-sided, corrected (Holm) over all measures of errors and times, or of calls.
    pub p_value: f64,
    /// Difference of shares; chance to be slower; ratio.
    pub effect: f64,
    /// How it came out.
    pub verdict: Verdict,
    /// What the candidate must have more, to matter.
    least: f64,
    /// Whether the data exclude a difference that matters.
    excludes: bool,
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
            What::Own => format!(
                "`{operation}` takes {:.1} ms of its own in the median, against {:.1} ms",
                candidate / 1e6,
                baseline / 1e6
            ),
            What::Calls => {
                format!("`{operation}` calls `{callee}` {candidate:.2} times, against {baseline:.2} times")
            }
        }
    }
}

pub(super) fn judge(measure: &Measure) -> Verdict {
    let is_sure = measure.p_value < ALPHA;
    let is_worse = match measure.what {
        What::Errors => measure.effect > ERRORS_MATTER,
        What::Latency | What::Own => {
            measure.effect > SLOWER_MATTERS
                && measure.candidate > measure.baseline * MEDIAN_MATTERS
                && measure.candidate - measure.baseline > measure.least
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

/// All measures of an operation.
pub(super) fn of<'a>(
    operation: &'a str,
    (baseline, old): (&'a Side, &'a Sample),
    (candidate, new): (&'a Side, &'a Sample),
) -> impl Iterator<Item = Measure> + 'a {
    let called = callees(operation, (baseline, old), (candidate, new));
    std::iter::once(errors(operation, old, new)).chain(times(operation, old, new)).chain(called)
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
        least: 0.0,
        excludes: test.upper < ERRORS_EXCLUDED.max(share(old) / 2.0),
    }
}

fn share(sample: &Sample) -> f64 {
    sample.errors.events as f64 / sample.errors.calls.max(1) as f64
}

/// Durations of calls; and their own time, where it is something else.
fn times(operation: &str, old: &Sample, new: &Sample) -> impl Iterator<Item = Measure> {
    let whole = time(What::Latency, operation, (&old.durations, &new.durations), 0.0);
    let is_else = (&old.own, &new.own) != (&old.durations, &new.durations);
    let least = OWN_MATTERS * quantile(&old.durations, 0.5);
    let own = is_else.then(|| time(What::Own, operation, (&old.own, &new.own), least)).flatten();
    whole.into_iter().chain(own)
}

fn time(
    what: What,
    operation: &str,
    (old, new): (&BTreeMap<i32, u64>, &BTreeMap<i32, u64>),
    least: f64,
) -> Option<Measure> {
    let test = rank_sum(old, new)?;
    let (before, after) = (median(old), median(new));
    // Slower without being slower by enough is not worse either.
    let most = (before[0] * MEDIAN_MATTERS).max(before[0] + least);
    Some(Measure {
        what,
        operation: operation.to_owned(),
        callee: String::new(),
        baseline: before[1],
        candidate: after[1],
        p_value: test.p_value,
        effect: test.effect,
        verdict: Verdict::TooLittleData,
        least,
        excludes: test.upper < SLOWER_EXCLUDED || after[2] <= most,
    })
}

/// The median, between the ends of its interval.
fn median(durations: &BTreeMap<i32, u64>) -> [f64; 3] {
    let total = durations.values().sum::<u64>().max(1) as f64;
    let width = Z_OF_EACH * 0.5 / total.sqrt();
    [0.5 - width, 0.5, 0.5 + width].map(|q| quantile(durations, q.clamp(0.0, 1.0)))
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
            least: 0.0,
            excludes: true,
        }
    })
}
