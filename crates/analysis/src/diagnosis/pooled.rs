//! What the operations of one service show together, over all types of transactions: where each of them is met now and then only, none of them says much by
//! itself, and what slows a service or one of its instances slows all that it does.

use std::collections::BTreeMap;

use super::Diagnosis;
use super::finding::{Finding, NOTICE, confined, time_finding};
use super::limits::WINDOWS;
use super::mix::surprise;
use super::names::EMPTY;
use super::series::{Deviant, Measure, Series, SeriesKey, Trait, TraitCount};
use super::unusual::Clue;

/// Operations, each of each type, that are more than one by itself.
const SEVERAL: u32 = 2;

/// Slots in which instances are compared: what is older hardly counts there.
const OF_LATE: u64 = 6;

/// What is seen together: who works, or the way from whom to whom.
type Key = (Measure, u32, u32);

/// Sums over several times.
#[derive(Clone, Copy, Debug, Default)]
struct Pool {
    times: u32,
    n: f32,
    /// Deviations beyond what is usual, their variance by chance, and what their means wander beyond that, each times `n`.
    sum: f32,
    variance: f32,
    wander: f32,
    hits: u32,
    usual_hits: f32,
    /// In which of the last slots there are hits, as bits.
    slots: u16,
    /// The time that deviates most.
    worst: Option<(f32, u32, Deviant)>,
}

impl Pool {
    fn add(&mut self, number: u32, series: &Series, seen: Deviant) {
        let n = seen.transactions as f32;
        let (variance, wander) = series.baseline.chance(n);
        self.times += 1;
        self.n += n;
        self.sum += n * (seen.deviation - series.baseline.mean_deviation());
        self.variance += variance;
        self.wander += n * wander;
        self.hits += seen.hits;
        self.slots |= seen.slots;
        self.usual_hits += n * series.baseline.tail();
        if self.worst.is_none_or(|worst| seen.score > worst.0) {
            self.worst = Some((seen.score, number, seen));
        }
    }

    /// Standard deviations: what makes the mean of one wander makes that of all.
    fn score(&self) -> f32 {
        self.sum / (self.variance + self.n * self.wander).max(f32::MIN_POSITIVE).sqrt()
    }

    fn hit_score(&self) -> f32 {
        surprise(self.hits, self.n as u32, self.usual_hits / self.n.max(1.0))
    }
}

/// What a service shows: all of it, and each of its instances.
#[derive(Debug, Default)]
struct Shown {
    /// The window that is furthest out.
    best: Pool,
    /// Of late, by instance: as far as that counts in [`TraitCount`].
    instances: BTreeMap<u32, Pool>,
}

impl Diagnosis {
    /// Where a service is out of the normal in all that it does, that is said of the time that is furthest out.
    pub(crate) fn pool_times(&self, slot: u64, found: &mut Vec<Finding>) {
        let mut shown: BTreeMap<Key, Shown> = BTreeMap::new();
        for length in WINDOWS {
            let mut pools: BTreeMap<Key, Pool> = BTreeMap::new();
            for (number, key, series) in self.series.iter().filter(|row| row.2.is_mature()) {
                let Some(seen) = series.window(slot, length, false) else { continue };
                pools.entry(pooled_by(key)).or_default().add(number, series, seen);
                if length == OF_LATE {
                    shown.entry(pooled_by(key)).or_default().add_instances(number, series, seen, slot);
                }
            }
            for (key, pool) in pools {
                let known = &mut shown.entry(key).or_default().best;
                if known.times == 0 || pool.score() > known.score() {
                    *known = pool;
                }
            }
        }
        for (key, service) in &shown {
            if service.best.times >= SEVERAL && service.best.score() >= NOTICE {
                self.lift(&service.best, service.best.score(), slot, found);
            }
            let of_one = service.instances.iter().filter(|_| service.instances.len() > 1);
            let worst = of_one.max_by(|a, b| a.1.score().total_cmp(&b.1.score()));
            if let Some((_, one)) = worst.filter(|(_, one)| key.0 == Measure::Own && one.score() >= NOTICE) {
                let Pool { hits, usual_hits, n, slots, .. } = service.best;
                self.lift(&Pool { hits, usual_hits, n, slots, ..*one }, one.score(), slot, found);
            }
        }
    }

    /// What is known of a pool, as a finding of its worst time.
    fn lift(&self, pool: &Pool, score: f32, slot: u64, found: &mut Vec<Finding>) {
        let Some((_, number, deviant)) = pool.worst else { return };
        let (Some(key), Some(series)) = (self.series.key(number), self.series.get(number)) else { return };
        if !self.matters(key, series, deviant.per_transaction()) {
            return;
        }
        let clue = Clue::Time(number);
        let at = found.iter().position(|finding| finding.clue == clue).unwrap_or_else(|| {
            found.push(time_finding((number, key, series), &deviant, confined(&series.traits, slot)));
            found.len() - 1
        });
        let finding = &mut found[at];
        finding.score = finding.score.max(score);
        finding.slots |= pool.slots;
        finding.hit_score = finding.hit_score.max(pool.hit_score());
        if finding.confined.is_none() && key.measure != Measure::Network {
            finding.confined = confined(&self.pooled_traits(key.service, slot), slot);
        }
    }

    /// Instances, versions and hosts of a service, over all of its own work.
    fn pooled_traits(&self, service: u32, slot: u64) -> Vec<TraitCount> {
        let mut pooled: Vec<TraitCount> = Vec::new();
        let of_it = |key: &SeriesKey| key.measure == Measure::Own && key.service == service;
        for (_, _, series) in self.series.iter().filter(|(_, key, series)| of_it(key) && series.is_mature()) {
            for entry in series.traits.iter().filter(|entry| entry.last + OF_LATE > slot) {
                let beyond = entry.deviation - entry.weight * series.baseline.mean_deviation();
                let same = |known: &&mut TraitCount| (known.what, known.value) == (entry.what, entry.value);
                match pooled.iter_mut().find(same) {
                    Some(known) => {
                        known.weight += entry.weight;
                        known.deviation += beyond;
                        known.last = known.last.max(entry.last);
                    }
                    None => pooled.push(TraitCount { deviation: beyond, ..entry.clone() }),
                }
            }
        }
        pooled
    }
}

impl Shown {
    fn add_instances(&mut self, number: u32, series: &Series, seen: Deviant, slot: u64) {
        let is_recent = |entry: &&TraitCount| entry.what == Trait::Instance && entry.last + OF_LATE > slot;
        for entry in series.traits.iter().filter(is_recent) {
            let pool = self.instances.entry(entry.value).or_default();
            let (variance, wander) = series.baseline.chance(entry.weight);
            let beyond = entry.deviation - entry.weight * series.baseline.mean_deviation();
            pool.times += 1;
            pool.n += entry.weight;
            pool.sum += beyond;
            pool.variance += variance;
            pool.wander += entry.weight * wander;
            if pool.worst.is_none_or(|worst| beyond > worst.0) {
                pool.worst = Some((beyond, number, seen));
            }
        }
    }
}

fn pooled_by(key: &SeriesKey) -> Key {
    match key.measure {
        Measure::Network => (key.measure, key.caller, key.service),
        measure => (measure, EMPTY, key.service),
    }
}
