//! Which sampler it is, and how goals become rates.

use std::collections::BTreeMap;

/// A sampler's goal and how it learns. Times are nanoseconds, throughput is spans a second.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// One in `goal_rate` on average, by the counts of the last period.
    Dynamic { goal_rate: f64, every: u64 },
    /// One in `goal_rate` on average, by moving averages.
    EmaDynamic { goal_rate: f64, ema: Ema },
    /// As many spans a second, by moving averages.
    EmaThroughput { goal: f64, initial_rate: u64, ema: Ema },
    /// As many spans a second, by the counts of a sliding window.
    Windowed { goal: f64, update: u64, lookback: u64 },
    /// As many spans a second, by the counts of the last period.
    Total { goal: f64, every: u64 },
}

/// How an exponential moving average is kept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ema {
    pub(crate) every: u64,
    /// Of the newest counts, above 0 and below 1.
    pub(crate) weight: f64,
    /// Averages below this are forgotten.
    pub(crate) age_out: f64,
    /// So many times the usual sum makes it learn at once; a negative one never does.
    pub(crate) burst_multiple: f64,
    /// Not before so many periods.
    pub(crate) burst_delay: u64,
}

impl Kind {
    pub(crate) fn every(&self) -> u64 {
        match self {
            Self::Dynamic { every, .. } | Self::Total { every, .. } => *every,
            Self::EmaDynamic { ema, .. } | Self::EmaThroughput { ema, .. } => ema.every,
            Self::Windowed { update, .. } => *update,
        }
    }

    pub(crate) fn ema(&self) -> Option<&Ema> {
        match self {
            Self::EmaDynamic { ema, .. } | Self::EmaThroughput { ema, .. } => Some(ema),
            Self::Dynamic { .. } | Self::Windowed { .. } | Self::Total { .. } => None,
        }
    }

    /// The rate of all before anything was learnt; `None` for 1.
    pub(crate) fn initial_rate(&self) -> Option<u64> {
        match self {
            Self::Dynamic { goal_rate, .. } | Self::EmaDynamic { goal_rate, .. } => Some(*goal_rate as u64),
            Self::EmaThroughput { initial_rate, .. } => Some(*initial_rate),
            Self::Windowed { .. } | Self::Total { .. } => None,
        }
    }
}

/// Shares a goal of so many spans among keys by the logarithm of their counts; what a key does not need goes to those after it.
pub(super) fn rates_by_logarithm(goal: f64, counts: &BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    let logarithms: f64 = counts.values().map(|count| count.max(1.0).log10()).sum();
    let mut extra = 0.0;
    let mut remaining = counts.len() as f64;
    let mut rates = BTreeMap::new();
    for (key, count) in counts {
        let count = count.max(1.0);
        let own = if logarithms > 0.0 { (count.log10() * goal / logarithms).max(1.0) } else { count };
        let share = extra / remaining;
        let goal = own + share;
        extra -= share;
        remaining -= 1.0;
        let rate = if count <= goal { 1.0 } else { (count / goal).ceil() };
        extra += goal - count / rate;
        rates.insert(key.clone(), rate as u64);
    }
    rates
}
