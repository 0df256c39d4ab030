//! Calls that are not answered: whoever should have answered is suspected, not whoever asked.
//!
//! A callee that is gone, or that nobody reaches, tells nothing itself. Its callers break off where it should have come, or show a call of their own in its
//! place: a client without the server that usually is one with it.

use std::collections::{BTreeMap, BTreeSet};

use super::Diagnosis;
use super::finding::{Finding, Sign};
use super::mix::{Child, MixKey, Sort};
use super::names::EMPTY;
use super::series::{Measure, SeriesKey};
use super::settings::Method;

/// Slots in which one that is usually seen is not, and how often it usually is in them at least: of fewer calls it takes longer to say.
const GONE_SLOTS: [u64; 2] = [2, 6];
const GONE_USUAL: f32 = 5.0;
/// A way to a callee and back takes longer than this where it is seen at all, nanoseconds.
const SHOWS_NS: f64 = 20_000.0;
/// Calls of others that would have been missed too, were it the callee's fault, from which on it is the caller's.
const REACHED: f64 = 5.0;
/// Slots in which what a failed operation left out is looked for.
const LOOK_SLOTS: u64 = 6;

/// Who did not answer, by finding.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    of: BTreeMap<usize, Missed>,
    /// Who misses it, and in how many findings.
    callers: BTreeMap<u32, (BTreeSet<u32>, u32)>,
    gone: BTreeSet<u32>,
    /// Findings of one caller that alone does not reach who answers others, or reaches none of several.
    unreached: BTreeSet<usize>,
}

/// What should have come next.
#[derive(Clone, Copy, Debug)]
struct Missed {
    service: u32,
    /// A call of the caller's own stands in its place, or a message that nobody took.
    in_place: bool,
    /// The caller did not go on after it, or failed.
    breaks_off: bool,
    /// Calls from here to there are seen on the caller's side too: where none stands in its place, none was made.
    would_show: bool,
}

impl Unanswered {
    /// Who did not answer where this finding is, and whether that is beyond doubt: a call stands in its place, it is gone, or several callers miss it, more
    /// than `others` of whom something else may be said.
    pub(crate) fn who(&self, finding: usize, others: u32) -> Option<(u32, bool)> {
        let missed = self.of.get(&finding)?;
        let (callers, count) =
            self.callers.get(&missed.service).map_or((0, 0), |(who, count)| (who.len(), *count));
        let is_gone = self.gone.contains(&missed.service) && missed.breaks_off && !missed.would_show;
        let in_place = missed.in_place && !self.unreached.contains(&finding);
        Some((missed.service, in_place || is_gone || callers > 1 && count > others))
    }
}

impl Diagnosis {
    /// Looks for them among what is out of the normal.
    pub(crate) fn unanswered(&self, findings: &[Finding], slot: u64) -> Unanswered {
        let mut found = Unanswered::default();
        if !self.settings.has(Method::Unanswered) {
            return found;
        }
        if findings.iter().any(|finding| matches!(finding.sign, Sign::Shape | Sign::Error)) {
            found.gone = self.gone(slot);
        }
        for (index, finding) in findings.iter().enumerate() {
            let missed = match finding.sign {
                Sign::Shape => self.missed_by_shape(finding, &found.gone),
                Sign::Error => self.missed_by_failed(finding, slot, &found.gone),
                Sign::Time(_) | Sign::Missing => None,
            };
            let Some(missed) = missed.filter(|m| m.service != EMPTY && m.service != finding.service) else {
                continue;
            };
            found.of.insert(index, missed);
            let (callers, count) = found.callers.entry(missed.service).or_default();
            callers.insert(finding.service);
            *count += 1;
        }
        found.unreached = self.unreached(findings, &found, slot);
        found
    }

    /// Services that are seen all the time and now are not seen at all.
    fn gone(&self, slot: u64) -> BTreeSet<u32> {
        let mut seen: BTreeMap<u32, [(u32, f32); GONE_SLOTS.len()]> = BTreeMap::new();
        for (_, key, mix) in self.mixes.iter().filter(|(_, key, _)| key.sort == Sort::Error) {
            for (sum, slots) in seen.entry(key.service).or_default().iter_mut().zip(GONE_SLOTS) {
                let (now, usual) = mix.population(slot, slots);
                *sum = (sum.0 + now, sum.1 + usual);
            }
        }
        let is_gone = |windows: &[(u32, f32)]| windows.iter().any(|w| w.0 == 0 && w.1 >= GONE_USUAL);
        seen.into_iter().filter(|(_, windows)| is_gone(windows)).map(|(service, _)| service).collect()
    }

    /// Findings that say more of the caller than of whom it calls: nobody else misses that one, and others reach it, or the caller misses several such.
    fn unreached(&self, findings: &[Finding], found: &Unanswered, slot: u64) -> BTreeSet<usize> {
        let alone = |missed: &Missed| {
            missed.in_place
                && !found.gone.contains(&missed.service)
                && found.callers.get(&missed.service).is_some_and(|(callers, _)| callers.len() == 1)
        };
        let of_one = || found.of.iter().filter(|(_, missed)| alone(missed));
        let mut missed_by: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for (index, missed) in of_one() {
            missed_by.entry(findings[*index].service).or_default().insert(missed.service);
        }
        let misses_several = |caller: u32| missed_by.get(&caller).is_some_and(|missed| missed.len() > 1);
        let is_callers = |(index, missed): &(&usize, &Missed)| {
            let finding = &findings[**index];
            let reached = f64::from(self.reached_by_others(missed.service, finding.service, slot));
            misses_several(finding.service) || reached * finding.now >= REACHED
        };
        of_one().filter(is_callers).map(|(index, _)| *index).collect()
    }

    /// How often a service was reached by others than this caller.
    fn reached_by_others(&self, service: u32, caller: u32, slot: u64) -> u32 {
        let ways = self.series.iter().filter(|(_, key, _)| {
            key.measure == Measure::Network
                && key.service == service
                && ![service, caller, EMPTY].contains(&key.caller)
        });
        ways.map(|(_, _, series)| series.population(slot, LOOK_SLOTS)).sum()
    }

    /// What an operation that breaks off does not call any more.
    fn missed_by_shape(&self, finding: &Finding, gone: &BTreeSet<u32>) -> Option<Missed> {
        let (service, operation) = first_missing(&finding.lacks, gone)?;
        let in_place = finding.gained.iter().any(|child| child.0 == finding.service);
        // What waits for it in a queue was sent: whoever should take it from there does not.
        let (group, caller) = (finding.group, EMPTY);
        let queue = SeriesKey { group, measure: Measure::Queue, caller, service, operation };
        let in_place = in_place || self.series.find(&queue).is_some();
        let would_show = self.shows_calls(finding.service, service);
        Some(Missed { service, in_place, breaks_off: finding.lacks.len() > 1, would_show })
    }

    /// What an operation that fails does not call any more; or, where it is a call that stands in another's place, whose.
    fn missed_by_failed(&self, finding: &Finding, slot: u64, gone: &BTreeSet<u32>) -> Option<Missed> {
        let own: Child = (finding.service, finding.operation);
        let mut votes: BTreeMap<(bool, u32), u32> = BTreeMap::new();
        let shapes = self.mixes.iter().filter(|(_, key, _)| {
            key.group == finding.group && key.sort == Sort::Shape && key.service == finding.service
        });
        for (_, key, mix) in shapes {
            let is_own = key.operation == finding.operation;
            for (category, count) in mix.odd_ones(slot, LOOK_SLOTS) {
                let gained = mix.new_children(category);
                let in_place = match is_own {
                    true => gained.iter().any(|child| child.0 == own.0),
                    false => gained.contains(&own),
                };
                let missing = first_missing(&mix.missing(category), gone);
                if let Some((missed, _)) = missing.filter(|_| in_place || is_own) {
                    *votes.entry((in_place, missed)).or_default() += count;
                }
            }
        }
        let best = votes.into_iter().max_by_key(|((in_place, service), count)| (*in_place, *count, *service));
        let best = best.map(|((in_place, service), _)| (in_place, service));
        let (in_place, service) = best.or_else(|| Some((false, self.gone_below(finding, gone)?)))?;
        let would_show = self.shows_calls(finding.service, service);
        Some(Missed { service, in_place, breaks_off: true, would_show })
    }

    /// Of what an operation usually calls, the first that is gone: where it calls now this and now that, nothing seems to be missing.
    fn gone_below(&self, finding: &Finding, gone: &BTreeSet<u32>) -> Option<u32> {
        let Finding { group, service, operation, .. } = *finding;
        let shape = self.mixes.find(&MixKey { group, sort: Sort::Shape, service, operation })?;
        let mut below = self.mixes.get(shape)?.usual_children();
        below.find(|child| gone.contains(&child.0)).map(|child| child.0)
    }

    /// Whether the caller's side of such calls is usually seen: then they take time on the way.
    fn shows_calls(&self, caller: u32, service: u32) -> bool {
        let mut ways = self.series.iter().filter(|(_, key, _)| {
            key.measure == Measure::Network && key.caller == caller && key.service == service
        });
        ways.any(|(_, _, series)| series.baseline.median_ns() > SHOWS_NS)
    }
}

/// Of what is missing, in the order of calls: the first of those that are gone altogether, else the first.
fn first_missing(lacks: &[Child], gone: &BTreeSet<u32>) -> Option<Child> {
    lacks.iter().find(|child| gone.contains(&child.0)).or(lacks.first()).copied()
}
