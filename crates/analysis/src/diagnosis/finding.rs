//! What is out of the normal right now.

use super::Diagnosis;
use super::mix::{Child, Mix, MixKey, Odd, Sort};
use super::names::EMPTY;
use super::series::{Deviant, Measure, Series, SeriesKey, Trait, TraitCount};
use super::settings::Method;
use super::unusual::Clue;

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) enum Sign {
    Time(Measure),
    Shape,
    Error,
    Missing,
}

/// One thing that is out of the normal.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) clue: Clue,
    pub(crate) sign: Sign,
    pub(crate) group: u32,
    pub(crate) caller: u32,
    pub(crate) service: u32,
    pub(crate) operation: u32,
    pub(crate) department: u32,
    /// Standard deviations.
    pub(crate) score: f32,
    /// The same of the number of hits alone.
    pub(crate) hit_score: f32,
    pub(crate) hits: u32,
    pub(crate) of: u32,
    /// In which of the last slots there are hits, as bits.
    pub(crate) slots: u16,
    /// Usual time in nanoseconds, or usual share.
    pub(crate) usual: f64,
    /// The same now.
    pub(crate) now: f64,
    pub(crate) confined: Option<(Trait, u32)>,
    /// It never was before, and now is more often than not.
    pub(crate) is_new: bool,
    /// Children that a shape lacks.
    pub(crate) lacks: Vec<Child>,
    /// Children that are new in a shape.
    pub(crate) gained: Vec<Child>,
    /// The child after which a shape breaks off.
    pub(crate) breaks_after: Option<Child>,
}

/// From this score on a time is worth a look, if only to see which ways are slow.
pub(crate) const NOTICE: f32 = 3.0;
/// Share of the usual duration of a transaction from which on a longer time matters.
const MIN_SHARE: f64 = 0.02;

impl Diagnosis {
    /// Everything that is out of the normal in the windows up to `slot`.
    pub(crate) fn find(&self, slot: u64) -> Vec<Finding> {
        let mut found = Vec::new();
        if self.settings.has(Method::Times) {
            self.find_times(slot, &mut found);
        }
        self.find_odd(slot, &mut found);
        if self.pools() {
            self.find_left_out(slot, &mut found);
        }
        found
    }

    fn find_times(&self, slot: u64, found: &mut Vec<Finding>) {
        let with_strange = self.settings.has(Method::Strange);
        let with_confined = self.settings.has(Method::Confined);
        for (number, key, series) in self.series.iter() {
            let Some(deviant) = series.judge(slot, with_strange) else { continue };
            if deviant.score < NOTICE || !self.matters(key, series, deviant.per_transaction()) {
                continue;
            }
            let confined = confined(&series.traits, slot).filter(|_| with_confined);
            found.push(time_finding((number, key, series), &deviant, confined));
        }
        if self.pools() {
            self.pool_times(slot, found);
        }
    }

    /// Whether services are judged over all that they do: in recordings, where each operation is met a few times a minute. Where traffic goes on, each has its own.
    fn pools(&self) -> bool {
        self.is_again && self.settings.has(Method::Pooled)
    }

    /// Whether so much longer a time matters to anybody.
    pub(crate) fn matters(&self, key: &SeriesKey, series: &Series, per_transaction: f64) -> bool {
        let thresholds = self.settings.thresholds;
        let duration = self.groups.get(key.group).map_or(0.0, |group| group.durations.median_ns());
        let usual = series.usual_ns;
        per_transaction > (thresholds.min_excess as f64).max(duration * MIN_SHARE)
            && usual + per_transaction > usual * thresholds.min_ratio()
    }

    fn find_odd(&self, slot: u64, found: &mut Vec<Finding>) {
        let with_habits = self.settings.has(Method::Habits);
        for (number, key, mix) in self.mixes.iter() {
            let method = match key.sort {
                Sort::Shape => Method::Shapes,
                Sort::Error => Method::Errors,
                Sort::Missing => Method::Missing,
            };
            if !self.settings.has(method) {
                continue;
            }
            let usual_now = |category: u64, base: f32| {
                let of = (number, category);
                if with_habits { key.sort.usual_at(&self.habits, of, slot, base) } else { base }
            };
            for odd in mix.judge(slot, key.sort, usual_now) {
                let share = f64::from(odd.hits) / f64::from(odd.of.max(1));
                if odd.score >= NOTICE && share > f64::from(odd.usual) * 2.0 {
                    found.extend(odd_finding(number, (key, mix), &odd, share, slot));
                }
            }
        }
    }
}

/// A time that is too long, as a finding.
pub(crate) fn time_finding(
    (number, key, series): (u32, &SeriesKey, &Series),
    deviant: &Deviant,
    confined: Option<(Trait, u32)>,
) -> Finding {
    let usual = series.usual_ns;
    Finding {
        clue: Clue::Time(number),
        sign: Sign::Time(key.measure),
        group: key.group,
        caller: key.caller,
        service: key.service,
        operation: key.operation,
        department: series.department,
        score: deviant.score,
        hit_score: deviant.hit_score,
        hits: deviant.hits,
        of: deviant.transactions,
        slots: deviant.slots,
        usual,
        now: usual + deviant.per_transaction(),
        confined,
        is_new: false,
        lacks: Vec::new(),
        gained: Vec::new(),
        breaks_after: None,
    }
}

/// A category that happens too often, as a finding; `None` where it does not say who is at fault.
pub(crate) fn odd_finding(
    number: u32,
    (key, mix): (&MixKey, &Mix),
    odd: &Odd,
    share: f64,
    slot: u64,
) -> Option<Finding> {
    let category = &mix.categories[odd.category];
    let mut finding = Finding {
        clue: Clue::Category(number, category.hash),
        sign: Sign::Error,
        group: key.group,
        caller: EMPTY,
        service: key.service,
        operation: key.operation,
        department: mix.department,
        score: odd.score,
        hit_score: odd.score,
        hits: odd.hits,
        of: odd.of,
        slots: category.slots(slot),
        usual: f64::from(odd.usual),
        now: share,
        confined: None,
        is_new: odd.is_new && share >= 0.5,
        lacks: Vec::new(),
        gained: Vec::new(),
        breaks_after: None,
    };
    match key.sort {
        Sort::Error => {}
        Sort::Missing => {
            finding.sign = Sign::Missing;
            finding.operation = category.children.first().map_or(EMPTY, |child| child.1);
        }
        Sort::Shape => {
            finding.sign = Sign::Shape;
            finding.lacks = mix.missing(odd.category);
            finding.gained = mix.new_children(odd.category);
            finding.breaks_after = category.last_child;
        }
    }
    // What a whole transaction lacks is a trace of its own: whoever should have made it is at fault.
    if key.sort == Sort::Shape && key.service == EMPTY {
        let (service, operation) = *finding.lacks.first()?;
        (finding.sign, finding.service, finding.operation) = (Sign::Missing, service, operation);
    }
    Some(finding)
}

/// So far from normal, against the one that deviates most, another deviates too.
const AS_FAR: f32 = 0.5;
/// Standard errors from which a deviation is no chance.
const APART: f32 = 3.0;

/// The one version, configuration, instance or host that deviates while others do not.
pub(crate) fn confined(traits: &[TraitCount], slot: u64) -> Option<(Trait, u32)> {
    [Trait::Version, Trait::Configuration, Trait::Instance, Trait::Host]
        .into_iter()
        .find_map(|what| worst(traits, what, slot))
}

/// The one that deviates most, where it deviates far more than the rest of them do in all, and no other does by itself.
fn worst(traits: &[TraitCount], what: Trait, slot: u64) -> Option<(Trait, u32)> {
    let mean = |entry: &TraitCount| entry.deviation / entry.weight.max(0.1);
    let recent = || traits.iter().filter(|entry| entry.what == what && entry.last + 6 > slot);
    let worst = recent().filter(|entry| entry.weight >= 1.0).max_by(|a, b| mean(a).total_cmp(&mean(b)))?;
    let (mut weight, mut deviation) = (0.0_f32, 0.0_f32);
    for entry in recent().filter(|entry| entry.value != worst.value) {
        if mean(entry) >= AS_FAR * mean(worst) && mean(entry) * entry.weight.sqrt() >= APART {
            return None;
        }
        weight += entry.weight;
        deviation += entry.deviation;
    }
    let (own, rest) = (mean(worst), deviation / weight.max(0.1));
    let apart = (own - rest) * (worst.weight * weight / (worst.weight + weight)).sqrt();
    (weight >= 1.0 && own >= 1.5 && rest < 0.35 * own && apart >= APART).then_some((what, worst.value))
}

#[cfg(test)]
mod tests {
    use super::super::{baseline::Baseline, season::Season};
    use super::*;

    /// Six instances with ten calls each, so many of them slow.
    fn confined_of(slow: u32) -> Option<(Trait, u32)> {
        let mut series = Series::new(Baseline::default(), Season::default(), 0);
        for instance in 0..6 {
            // The slowest is a little slower than the others that are slow.
            let deviation = if instance < slow { 4.0 - instance as f32 * 0.5 } else { 0.1 };
            for _ in 0..10 {
                assert!(series.add_trait((7, 7), Trait::Instance, instance, deviation), "there is room");
            }
        }
        confined(&series.traits, 7)
    }

    #[test]
    fn only_one_is_one() {
        assert_eq!(confined_of(1), Some((Trait::Instance, 0)));
        assert_eq!([0, 2, 3, 6].map(confined_of), [None; 4]);
    }
}
