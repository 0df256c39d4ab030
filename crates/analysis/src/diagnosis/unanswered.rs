//! Calls that are not answered: whoever should have answered is suspected, not whoever asked.
//!
//! A callee that is gone, or that nobody reaches, tells nothing itself. Its callers break off where it should have come, or show a call of their own in its
//! place: a client without the server that usually is one with it.

use std::collections::{BTreeMap, BTreeSet};

use super::Diagnosis;
use super::finding::{Finding, Sign};
use super::mix::{Child, Mix, Sort};
use super::names::EMPTY;
use super::series::{Measure, SeriesKey};

/// Slots in which one that is usually seen is not, and how often it usually is in them at least.
const GONE_SLOTS: u64 = 2;
const GONE_USUAL: f32 = 5.0;
/// Slots in which what a failed operation left out is looked for.
const LOOK_SLOTS: u64 = 6;

/// Who did not answer, by finding.
#[derive(Debug, Default)]
pub(crate) struct Unanswered {
    of: BTreeMap<usize, Missed>,
    /// Who misses it, and in how many findings.
    callers: BTreeMap<u32, (BTreeSet<u32>, u32)>,
    gone: BTreeSet<u32>,
}

/// What should have come next.
#[derive(Clone, Copy, Debug)]
struct Missed {
    service: u32,
    /// A call of the caller's own stands in its place, or a message that nobody took.
    in_place: bool,
    /// The caller did not go on after it, or failed.
    breaks_off: bool,
}

impl Unanswered {
    /// Who did not answer where this finding is, and whether that is beyond doubt: a call stands in its place, it is gone, or several callers miss it, more
    /// than `others` of whom something else may be said.
    pub(crate) fn who(&self, finding: usize, others: u32) -> Option<(u32, bool)> {
        let missed = self.of.get(&finding)?;
        let (callers, count) =
            self.callers.get(&missed.service).map_or((0, 0), |(who, count)| (who.len(), *count));
        let is_gone = self.gone.contains(&missed.service) && missed.breaks_off;
        Some((missed.service, missed.in_place || is_gone || callers > 1 && count > others))
    }
}

impl Diagnosis {
    /// Looks for them among what is out of the normal.
    pub(crate) fn unanswered(&self, findings: &[Finding], slot: u64) -> Unanswered {
        let mut found = Unanswered::default();
        for (index, finding) in findings.iter().enumerate() {
            let missed = match finding.sign {
                Sign::Shape => self.missed_by_shape(finding),
                Sign::Error => self.missed_by_failed(finding, slot),
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
        found.gone = found.callers.keys().copied().filter(|service| self.is_gone(*service, slot)).collect();
        found
    }

    /// Whether a service that is seen all the time is not seen at all.
    fn is_gone(&self, service: u32, slot: u64) -> bool {
        let of_it = self.mixes.iter().filter(|(_, key, _)| key.service == service && key.sort == Sort::Error);
        let (mut now, mut usual) = (0, 0.0);
        for (_, _, mix) in of_it {
            let population = mix.population(slot, GONE_SLOTS);
            now += population.0;
            usual += population.1;
        }
        now == 0 && usual >= GONE_USUAL
    }

    /// What an operation that breaks off does not call any more.
    fn missed_by_shape(&self, finding: &Finding) -> Option<Missed> {
        let (service, operation) = *finding.lacks.first()?;
        let in_place = finding.gained.iter().any(|child| child.0 == finding.service);
        // What waits for it in a queue was sent: whoever should take it from there does not.
        let (group, caller) = (finding.group, EMPTY);
        let queue = SeriesKey { group, measure: Measure::Queue, caller, service, operation };
        let in_place = in_place || self.series.find(&queue).is_some();
        Some(Missed { service, in_place, breaks_off: finding.lacks.len() > 1 })
    }

    /// What an operation that fails does not call any more; or, where it is a call that stands in another's place, whose.
    fn missed_by_failed(&self, finding: &Finding, slot: u64) -> Option<Missed> {
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
                if let Some(missed) = first_missing(mix, category).filter(|_| in_place || is_own) {
                    *votes.entry((in_place, missed)).or_default() += count;
                }
            }
        }
        let best = votes.into_iter().max_by_key(|((in_place, service), count)| (*in_place, *count, *service));
        best.map(|((in_place, service), _)| Missed { service, in_place, breaks_off: true })
    }
}

fn first_missing(mix: &Mix, category: usize) -> Option<u32> {
    mix.missing(category).first().map(|child| child.0)
}
