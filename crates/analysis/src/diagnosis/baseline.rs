//! What is normal for one time: its distribution, and how much its mean wanders from slot to slot.

use serde::{Deserialize, Serialize};

use super::mix::surprise;
use super::scale::{BUCKETS, PER_OCTAVE, bucket, middle, nanoseconds, position};

/// From here on the past is halved, so that a baseline follows what drifts.
const MAX_WEIGHT: f32 = 20_000.0;
/// The least spread, in octaves: smaller differences matter to nobody.
const MIN_SPREAD: f32 = 0.25;
/// Deviations count at most so much: one outlier must not carry a window.
const MAX_DEVIATION: f32 = 8.0;
/// The same downwards.
const MIN_DEVIATION: f32 = -3.0;
/// How far off the median a time counts towards where the middle is, in octaves, down and up: a tail must not carry it.
const OFFSET: (f32, f32) = (-2.0, 3.0);
/// Variance of slot means that a baseline of one slot may have failed to see.
const UNSEEN: f32 = 1.0;
/// From this deviation on a transaction counts as hit by what is wrong there.
pub(crate) const HIT: f32 = 2.5;
/// A bucket and its neighbours with less than this share hold hardly anything.
const STRANGE: f32 = 0.01;
/// Strange observations that are worth a word.
const MIN_STRANGE: u32 = 3;
/// Their number wanders more than chance allows: scores are divided by it.
const STRANGE_WANDER: f32 = 2.0;
/// Variance of slot means beyond chance that a baseline starts with, and its weight in slots.
const PRIOR_WANDER: (f32, f32) = (0.08, 8.0);
/// Slots whose wander is remembered at most.
const MAX_WANDER_SLOTS: f32 = 500.0;

/// A distribution on the scale, and what is derived from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Baseline {
    /// Weight of each bucket.
    weights: Vec<f32>,
    total: f32,
    wander: f32,
    wander_slots: f32,
    median: f32,
    up: f32,
    down: f32,
    mean_deviation: f32,
    mean_offset: f32,
    variance: f32,
    /// Share of what counts as hit though nothing is wrong.
    tail: f32,
    mean_ns: f64,
    /// Buckets above the median in which hardly anything lies, as bits.
    strange: u128,
    strange_share: f32,
}

impl Default for Baseline {
    fn default() -> Self {
        let (wander, wander_slots) = PRIOR_WANDER;
        Self {
            weights: Vec::new(),
            total: 0.0,
            wander,
            wander_slots,
            median: 0.0,
            up: 1.0,
            down: 1.0,
            mean_deviation: 0.0,
            mean_offset: 0.0,
            variance: 1.0,
            tail: 0.0,
            mean_ns: 0.0,
            strange: 0,
            strange_share: 0.0,
        }
    }
}

impl Baseline {
    /// Observations that it is made of, the old ones for less.
    pub(crate) fn weight(&self) -> f32 {
        self.total
    }

    /// What deviates by so much deviates as usual.
    pub(crate) fn mean_deviation(&self) -> f32 {
        self.mean_deviation
    }

    /// Mean time, its largest 2 % cut, nanoseconds.
    pub(crate) fn mean_ns(&self) -> f64 {
        self.mean_ns
    }

    /// Mean time where all is shifted by so many octaves, nanoseconds.
    pub(crate) fn shifted_ns(&self, shift: f32) -> f64 {
        nanoseconds((position(self.mean_ns as u64) + shift).max(0.0))
    }

    /// How far a position is above the median, octaves; below where negative.
    pub(crate) fn above_median(&self, position: f32) -> f32 {
        position - self.median
    }

    /// How far a position is off the median, octaves; what is far off counts as less so.
    pub(crate) fn offset(&self, position: f32) -> f32 {
        (position - self.median).clamp(OFFSET.0, OFFSET.1)
    }

    /// What is so far off is as far off as usual.
    pub(crate) fn mean_offset(&self) -> f32 {
        self.mean_offset
    }

    /// Median time, nanoseconds.
    pub(crate) fn median_ns(&self) -> f64 {
        nanoseconds(self.median)
    }

    /// How far a position is from normal, in spreads of its own side.
    pub(crate) fn deviation(&self, position: f32) -> f32 {
        let from = position - self.median;
        let spread = if from > 0.0 { self.up } else { self.down };
        (from / spread).clamp(MIN_DEVIATION, MAX_DEVIATION)
    }

    /// How unusual it is that `n` observations deviate by `mean` on average: standard deviations.
    pub(crate) fn score(&self, n: f32, mean: f32) -> f32 {
        let chance = self.variance * (1.0 / n.max(1.0) + 1.0 / self.total.max(1.0));
        // A short history has not seen how times wander.
        let unseen = UNSEEN / (1.0 + self.wander_slots - PRIOR_WANDER.1);
        (mean - self.mean_deviation) / (chance + self.wander + unseen).sqrt()
    }

    /// Of `n` observations: variance of the sum of their deviations by chance, and what its mean wanders beyond.
    pub(crate) fn chance(&self, n: f32) -> (f32, f32) {
        let unseen = UNSEEN / (1.0 + self.wander_slots - PRIOR_WANDER.1);
        (self.variance * n * (1.0 + n / self.total.max(1.0)), self.wander + unseen)
    }

    /// Share of what counts as hit though nothing is wrong.
    pub(crate) fn tail(&self) -> f32 {
        (self.tail + 0.5 / self.total.max(1.0)).min(0.5)
    }

    /// Whether a position lies above the median where hardly anything lies: a wave of such is seen even where times spread wide.
    pub(crate) fn is_strange(&self, position: f32) -> bool {
        self.strange >> bucket(position) & 1 == 1
    }

    /// How unusual it is that so many of `n` observations are strange: standard deviations.
    pub(crate) fn strange_score(&self, n: u32, strange: u32) -> f32 {
        let usual = (self.strange_share + 0.5 / self.total.max(1.0)).min(0.5);
        if strange < MIN_STRANGE || strange as f32 / (n as f32) < 3.0 * usual {
            return 0.0;
        }
        surprise(strange, n, usual) / STRANGE_WANDER
    }

    /// How unusual it is that `hits` of `n` observations count as hit: standard deviations. Few outliers among few observations are chance, however far out.
    pub(crate) fn hit_score(&self, n: u32, hits: u32) -> f32 {
        surprise(hits, n, self.tail())
    }

    /// Learns a slot: how many observations lie in which bucket, and by how much they deviated on average.
    pub(crate) fn learn(&mut self, buckets: &[(u8, u16)], mean: f32) {
        let count: f32 = buckets.iter().map(|&(_, count)| f32::from(count)).sum();
        if count <= 0.0 {
            return;
        }
        if self.total >= 20.0 {
            let by_chance = self.variance / count;
            let from = (mean - self.mean_deviation).clamp(-1.0, 1.0);
            let beyond = (from * from - by_chance).max(0.0);
            let trust = count / (count + 4.0);
            self.wander_slots = (self.wander_slots + trust).min(MAX_WANDER_SLOTS);
            self.wander += (beyond - self.wander) * trust / self.wander_slots;
        }
        if self.total + count > MAX_WEIGHT {
            self.weights.iter_mut().for_each(|weight| *weight *= 0.5);
            self.total *= 0.5;
        }
        for &(at, count) in buckets {
            let at = usize::from(at).min(BUCKETS - 1);
            if self.weights.len() <= at {
                self.weights.resize(at + 1, 0.0);
            }
            self.weights[at] += f32::from(count);
        }
        self.total += count;
        self.derive();
    }

    /// What another baseline of the same work says, for a start: it weighs so little that own observations soon prevail.
    pub(crate) fn borrow(other: &Self, weight: f32) -> Self {
        let factor = (weight / other.total.max(1.0)).min(1.0);
        let mut borrowed = other.clone();
        borrowed.weights.iter_mut().for_each(|weight| *weight *= factor);
        borrowed.total *= factor;
        borrowed.derive();
        borrowed
    }

    fn derive(&mut self) {
        self.median = self.quantile(0.5);
        // Few observations know little of the tails.
        let doubt = 1.0 + 12.0 / self.total.max(1.0);
        let upper =
            ((self.quantile(0.75) - self.median) / 0.674).max((self.quantile(0.9) - self.median) / 1.282);
        let lower =
            ((self.median - self.quantile(0.25)) / 0.674).max((self.median - self.quantile(0.1)) / 1.282);
        self.up = upper.max(MIN_SPREAD) * doubt;
        self.down = lower.max(MIN_SPREAD) * doubt;
        let cut = bucket(self.quantile(0.98));
        let (mut sum, mut squares, mut offsets, mut time) = (0.0, 0.0, 0.0, 0.0);
        for (at, &weight) in self.weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
            let deviation = self.deviation(middle(at));
            sum += weight * deviation;
            squares += weight * deviation * deviation;
            offsets += weight * self.offset(middle(at));
            time += f64::from(weight) * nanoseconds(middle(at.min(cut)));
        }
        self.find_strange();
        let is_tail = |at: usize| self.deviation(middle(at)) > HIT || self.strange >> at & 1 == 1;
        let tail: f32 = (0..self.weights.len()).filter(|at| is_tail(*at)).map(|at| self.weights[at]).sum();
        self.tail = tail / self.total;
        self.mean_deviation = sum / self.total;
        self.mean_offset = offsets / self.total;
        self.variance = (squares / self.total - self.mean_deviation * self.mean_deviation).max(0.25);
        self.mean_ns = time / f64::from(self.total);
    }

    fn find_strange(&mut self) {
        let weight = |at: usize| self.weights.get(at).copied().unwrap_or(0.0);
        let (mut strange, mut share) = (0u128, 0.0);
        for at in bucket(self.median) + 2..BUCKETS {
            let around = weight(at - 1) + weight(at) + weight(at + 1);
            if around < STRANGE * self.total {
                strange |= 1 << at;
                share += weight(at);
            }
        }
        (self.strange, self.strange_share) = (strange, share / self.total);
    }

    /// The position below which this share lies.
    fn quantile(&self, share: f32) -> f32 {
        let wanted = self.total * share;
        let mut before = 0.0;
        for (at, &weight) in self.weights.iter().enumerate() {
            if before + weight >= wanted && weight > 0.0 {
                return (at as f32 + ((wanted - before) / weight).clamp(0.0, 1.0)) / PER_OCTAVE;
            }
            before += weight;
        }
        self.weights.len() as f32 / PER_OCTAVE
    }
}
