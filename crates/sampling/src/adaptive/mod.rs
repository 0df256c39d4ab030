//! Samplers that adapt: the rate of a key follows how often it was seen. What a transaction's rate is depends on those before it only, so that its
//! probability of being kept is known when it comes.
//!
//! The arithmetic is that of Refinery's samplers (`dynsampler-go`): goals are shared among keys by the logarithm of their counts, or evenly.

mod algorithm;
mod window;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(crate) use self::algorithm::{Ema, Kind};
use self::{algorithm::rates_by_logarithm, window::Blocks};
use crate::{key::Field, limit::SECOND};

/// An adapting sampler, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Adaptive {
    /// Its policy; its state is found by it after the rules changed.
    pub(crate) name: Box<str>,
    /// Told in reasons.
    pub(crate) about: Box<str>,
    pub(crate) salt: usize,
    pub(crate) fields: Vec<Field>,
    /// Keys that are told apart; others have rate 1, as with Refinery.
    pub(crate) max_keys: usize,
    pub(crate) kind: Kind,
}

/// What an adapting sampler has learnt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Learnt {
    pub(crate) name: Box<str>,
    /// When it learns next, log time; `None` before the first transaction.
    next: Option<u64>,
    rates: BTreeMap<String, u64>,
    counts: BTreeMap<String, f64>,
    averages: BTreeMap<String, f64>,
    blocks: Blocks,
    burst_threshold: f64,
    burst_sum: f64,
    intervals: u64,
    has_rates: bool,
}

impl Learnt {
    pub(crate) fn new(adaptive: &Adaptive) -> Self {
        Self { name: adaptive.name.clone(), ..Self::default() }
    }

    /// Learns all that is due by now.
    pub(crate) fn advance(&mut self, adaptive: &Adaptive, now: u64) {
        let every = adaptive.kind.every();
        let mut next = *self.next.get_or_insert(now.saturating_add(every));
        while next <= now {
            self.learn(adaptive, next);
            self.intervals += 1;
            next = next.saturating_add(every);
            if self.counts.is_empty() && self.blocks.is_empty() {
                // Nothing was seen since, so nothing changes until now.
                let skipped = now.saturating_sub(next) / every;
                self.intervals += skipped;
                next = next.saturating_add(skipped.saturating_mul(every));
                if next <= now {
                    self.learn(adaptive, next);
                    self.intervals += 1;
                    next = next.saturating_add(every);
                }
            }
        }
        self.next = Some(next);
    }

    /// One in how many of a key is kept.
    pub(crate) fn rate(&self, adaptive: &Adaptive, key: &str) -> u64 {
        match adaptive.kind.initial_rate() {
            Some(rate) if !self.has_rates => rate,
            _ => self.rates.get(key).copied().unwrap_or(1).max(1),
        }
    }

    /// Counts a transaction of so many spans.
    pub(crate) fn count(&mut self, adaptive: &Adaptive, key: &str, spans: u64, now: u64) {
        let spans = spans as f64;
        if let Kind::Windowed { update, .. } = adaptive.kind {
            self.blocks.count(key, now / update, spans, adaptive.max_keys);
            return;
        }
        if let Some(count) = self.counts.get_mut(key) {
            *count += spans;
        } else if self.counts.len() < adaptive.max_keys {
            self.counts.insert(key.to_owned(), spans);
        } else {
            return;
        }
        self.burst_sum += spans;
        if let Some(ema) = adaptive.kind.ema()
            && self.burst_threshold > 0.0
            && self.burst_sum >= self.burst_threshold
            && self.intervals >= ema.burst_delay
        {
            self.learn(adaptive, now);
            self.next = Some(now.saturating_add(ema.every));
        }
    }

    fn learn(&mut self, adaptive: &Adaptive, now: u64) {
        match &adaptive.kind {
            Kind::Dynamic { goal_rate, .. } => {
                let counts = std::mem::take(&mut self.counts);
                self.has_rates |= !counts.is_empty();
                let goal = counts.values().sum::<f64>() / goal_rate;
                self.rates = rates_by_logarithm(goal, &counts);
            }
            Kind::Total { goal, every } => {
                let counts = std::mem::take(&mut self.counts);
                self.rates = even_rates(goal * seconds(*every), &counts);
            }
            Kind::Windowed { goal, update, lookback } => {
                let counts = self.blocks.sums(now / update, lookback / update);
                self.rates = even_rates(goal * seconds(*lookback), &counts);
            }
            Kind::EmaDynamic { goal_rate, ema } => {
                self.average(ema, |sum| sum / goal_rate);
            }
            Kind::EmaThroughput { goal, ema, .. } => {
                let goal = goal * seconds(ema.every);
                self.average(ema, |_| goal);
            }
        }
    }

    fn average(&mut self, ema: &Ema, goal: impl Fn(f64) -> f64) {
        if self.counts.is_empty() {
            return;
        }
        let mut counts = std::mem::take(&mut self.counts);
        self.burst_sum = 0.0;
        self.averages.retain(|key, average| {
            let seen = counts.remove(key).unwrap_or(0.0);
            *average = ema.weight * seen + (1.0 - ema.weight) * *average;
            *average >= ema.age_out
        });
        let new = counts.into_iter().map(|(key, seen)| (key, seen * ema.weight));
        self.averages.extend(new.filter(|(_, average)| *average >= ema.age_out));
        let sum: f64 = self.averages.values().map(|average| average.max(1.0)).sum();
        self.burst_threshold = sum * ema.burst_multiple;
        self.rates = rates_by_logarithm(goal(sum), &self.averages);
        self.has_rates = true;
    }
}

/// A goal shared evenly among keys.
fn even_rates(goal: f64, counts: &BTreeMap<String, f64>) -> BTreeMap<String, u64> {
    let each = goal / counts.len() as f64;
    let rates = counts.iter().map(|(key, count)| (key.clone(), (count / each).max(1.0) as u64));
    rates.collect()
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}
