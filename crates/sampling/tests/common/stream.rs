//! A stream of transactions through a sampler.

use serde_json::Value;
use throughline_sampling::{Decision, Offer, Policies, Sampler, Transaction};

use super::{compile_all, transaction};

/// Nanoseconds of a second.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// One transaction of a stream, and when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Come {
    pub(crate) id: String,
    pub(crate) at: u64,
    pub(crate) spans: u64,
    pub(crate) matches: u64,
    pub(crate) kind: &'static str,
}

impl Come {
    /// As policies see it.
    pub(crate) fn seen(&self) -> Transaction<'_> {
        let mut seen = transaction(&self.id);
        seen.facts.spans = self.spans;
        seen.facts.matches = self.matches;
        seen.bytes = self.spans * 400;
        seen.kind = self.kind;
        seen
    }
}

/// What became of one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fate {
    pub(crate) keep: bool,
    pub(crate) policy: Option<String>,
    pub(crate) weight: f64,
}

impl From<Decision<'_>> for Fate {
    fn from(decision: Decision<'_>) -> Self {
        Self { keep: decision.keep, policy: decision.policy.map(str::to_owned), weight: decision.weight }
    }
}

/// Runs a stream through policies; `each` may do something to the sampler after each offer.
pub(crate) fn run_with(
    policies: &Policies,
    stream: &[Come],
    each: &mut dyn FnMut(&mut Sampler),
) -> Vec<Fate> {
    let mut sampler = Sampler::new(policies);
    let mut fates: Vec<Option<Fate>> = vec![None; stream.len()];
    let mut waiting = std::collections::BTreeMap::new();
    for (index, come) in stream.iter().enumerate() {
        for settled in sampler.window_end(policies, come.at) {
            let index: usize = waiting.remove(&settled.ticket).unwrap();
            fates[index] = Some(settled.decision.into());
        }
        match sampler.offer(policies, &come.seen(), come.at) {
            Offer::Decided(decision) => fates[index] = Some(decision.into()),
            Offer::Pending(ticket) => assert_eq!(waiting.insert(ticket, index), None),
        }
        each(&mut sampler);
    }
    let end = stream.last().map_or(0, |come| come.at / SECOND + 1) * SECOND;
    for settled in sampler.window_end(policies, end) {
        fates[waiting.remove(&settled.ticket).unwrap()] = Some(settled.decision.into());
    }
    assert_eq!((sampler.pending(), waiting.len()), (0, 0));
    fates.into_iter().map(Option::unwrap).collect()
}

/// Runs a stream through policies.
pub(crate) fn run(policies: &Policies, stream: &[Come]) -> Vec<Fate> {
    run_with(policies, stream, &mut |_| {})
}

/// A stream of a seed: `a_second` transactions for so many seconds, most of 25 spans, some large.
pub(crate) fn stream(seed: u64, seconds: u64, a_second: u64) -> Vec<Come> {
    let kinds = ["transfer", "transfer", "transfer", "transfer", "transfer", "login", "login", "statement"];
    let come = |index: u64| {
        let mixed = (index + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        Come {
            id: format!("{seed}/{index}"),
            at: index * SECOND / a_second,
            spans: match mixed % 40 {
                0 => 400,
                other => 10 + other,
            },
            matches: mixed / 64 % 4,
            kind: kinds[(mixed / 1024 % 8) as usize],
        }
    };
    (0..seconds * a_second).map(come).collect()
}

/// What sums of weights say, over seeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    /// The mean of the sums over what is kept.
    pub(crate) mean: f64,
    /// The standard error of that mean.
    pub(crate) error: f64,
    /// What was there to be estimated.
    pub(crate) truth: f64,
    /// The part that was kept.
    pub(crate) kept: f64,
    /// How many were kept by a draw, in all.
    pub(crate) drawn: usize,
}

impl Estimate {
    /// Whether enough were drawn for the standard error to say anything, or nothing was left to be drawn.
    pub(crate) fn is_sound(&self) -> bool {
        self.drawn >= 60 || self.kept >= 1.0
    }

    /// Whether the mean is within so many standard errors.
    pub(crate) fn is_within(&self, errors: f64) -> bool {
        (self.mean - self.truth).abs() <= errors * self.error + 1e-6
    }
}

/// Estimates how many there were of those that `of` picks.
pub(crate) fn estimate(
    policies: &Value,
    seeds: u64,
    make: &dyn Fn(u64) -> Vec<Come>,
    of: &dyn Fn(&Come) -> bool,
) -> Estimate {
    let (policies, ..) = compile_all(policies.clone());
    let mut sums = Vec::new();
    let mut by_weights = 0.0;
    let (mut kept, mut all, mut truth, mut drawn) = (0usize, 0usize, 0usize, 0usize);
    for seed in 0..seeds {
        let stream = make(seed);
        let fates = run(&policies, &stream);
        let picked: Vec<_> = stream.iter().zip(&fates).filter(|(come, _)| of(come)).collect();
        assert!(
            picked
                .iter()
                .all(|(_, fate)| fate.keep == (fate.weight > 0.0) && fate.keep == fate.policy.is_some())
        );
        assert!(picked.iter().all(|(_, fate)| !fate.keep || fate.weight >= 1.0 - 1e-9));
        by_weights += picked.iter().map(|(_, fate)| fate.weight * (fate.weight - 1.0)).sum::<f64>().max(0.0);
        sums.push(picked.iter().map(|(_, fate)| fate.weight).sum::<f64>());
        drawn += picked.iter().filter(|(_, fate)| fate.weight > 1.0 + 1e-9).count();
        kept += picked.iter().filter(|(_, fate)| fate.keep).count();
        (all, truth) = (all + picked.len(), picked.len());
    }
    let count = sums.len() as f64;
    let mean = sums.iter().sum::<f64>() / count;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / (count - 1.0);
    // Where hardly any is not kept, the sums alone say too little of how far they vary.
    let variance = variance.max(by_weights / count);
    Estimate {
        mean,
        error: (variance / count).sqrt(),
        truth: truth as f64,
        kept: kept as f64 / all as f64,
        drawn,
    }
}
