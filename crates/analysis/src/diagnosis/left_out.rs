//! Calls that an operation does not make any more, whatever else it calls: where what it calls differs from one time to the next, no set of them is rare, but
//! that one of them never comes is.

use std::collections::BTreeMap;

use super::Diagnosis;
use super::finding::{Finding, NOTICE, odd_finding};
use super::limits::WINDOWS;
use super::mix::{Child, Mix, MixKey, Odd, Sort, surprise};
use super::names::EMPTY;
use super::settings::Method;
use super::unusual::Clue;

/// A call that less than this share of those that should be there is left is left out.
const LEFT: f32 = 0.1;
/// Counts of what operations call wander more than chance allows: scores are divided by it.
const WANDER: f32 = 1.4;
/// Learnt observations that an operation needs over all types, and each type by itself.
const KNOWN: f32 = 30.0;
const KNOWN_BY_TYPE: f32 = 5.0;

/// One call of one operation, over all types, in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Calls {
    of: u32,
    without: u32,
    /// Those that would be without it as usual.
    usual: f32,
    known: f32,
    /// The mix that most of those without are of, and how many.
    most: (u32, u32),
}

impl Calls {
    fn score(&self) -> f32 {
        let usual = self.usual / self.of.max(1) as f32;
        let (with, usually_with) = (self.of - self.without, self.of as f32 - self.usual);
        if self.known < KNOWN || with as f32 > LEFT * usually_with {
            return 0.0;
        }
        surprise(self.without, self.of, usual) / WANDER
    }
}

impl Diagnosis {
    /// Operations that leave out a call.
    pub(crate) fn find_left_out(&self, slot: u64, found: &mut Vec<Finding>) {
        if !self.settings.has(Method::Shapes) {
            return;
        }
        let mut worst: BTreeMap<(u32, u32), (f32, Calls, u64)> = BTreeMap::new();
        for length in WINDOWS {
            let mut calls: BTreeMap<(Child, Child), Calls> = BTreeMap::new();
            for (number, key, mix) in self.mixes.iter().filter(|row| is_of_operation(row.1)) {
                mix.count_calls(slot, length, &mut |child, of, without, usual| {
                    let entry = calls.entry(((key.service, key.operation), child)).or_default();
                    entry.of += of;
                    entry.without += without;
                    entry.usual += of as f32 * usual;
                    entry.known += mix.known();
                    if without > entry.most.1 {
                        entry.most = (number, without);
                    }
                });
            }
            for ((operation, _), call) in calls {
                let score = call.score();
                if score >= NOTICE && worst.get(&operation).is_none_or(|known| score > known.0) {
                    worst.insert(operation, (score, call, length));
                }
            }
        }
        for (score, call, length) in worst.into_values() {
            self.tell_left_out(score, &call, (slot, length), found);
        }
    }

    /// The same as a finding: of the set that is called most where it is left out.
    fn tell_left_out(&self, score: f32, call: &Calls, (slot, length): (u64, u64), found: &mut Vec<Finding>) {
        let number = call.most.0;
        let (Some(key), Some(mix)) = (self.mixes.key(number), self.mixes.get(number)) else { return };
        let Some(category) = mix.most_called(slot, length) else { return };
        let clue = Clue::Category(number, mix.categories[category].hash);
        let known = found.iter().position(|finding| finding.clue == clue);
        let usual = call.usual / call.of.max(1) as f32;
        let odd = Odd { category, score, hits: call.without, of: call.of, usual, is_new: false };
        let share = f64::from(call.without) / f64::from(call.of.max(1));
        match known {
            Some(at) if found[at].score >= score => {}
            Some(at) => (found[at].score, found[at].hit_score) = (score, found[at].hit_score.max(score)),
            None => found.extend(odd_finding(number, (key, mix), &odd, share, slot)),
        }
    }
}

fn is_of_operation(key: &MixKey) -> bool {
    key.sort == Sort::Shape && key.service != EMPTY
}

impl Mix {
    /// Observations that it is made of, the old ones for less.
    fn known(&self) -> f32 {
        self.total
    }

    /// For each call that it usually makes: how many operations there were in a window, how many of them were without it, and the share that usually is.
    fn count_calls(&self, slot: u64, length: u64, see: &mut impl FnMut(Child, u32, u32, f32)) {
        if self.total < KNOWN_BY_TYPE {
            return;
        }
        let now: Vec<u32> = self.categories.iter().map(|category| category.own_count(slot, length)).collect();
        let of: u32 = now.iter().sum();
        if of == 0 {
            return;
        }
        let mut children: Vec<Child> = self.usual_children().collect();
        children.sort_unstable();
        children.dedup();
        for child in children {
            let has = |at: &usize| self.categories[*at].children.contains(&child);
            let with: f32 = (0..now.len()).filter(has).map(|at| self.categories[at].weight).sum();
            let without: u32 = (0..now.len()).filter(|at| !has(at)).map(|at| now[at]).sum();
            see(child, of, without, ((self.total - with + 0.5) / (self.total + 1.0)).clamp(0.0, 1.0));
        }
    }

    /// The category that came most in a window.
    fn most_called(&self, slot: u64, length: u64) -> Option<usize> {
        let count = |at: &usize| self.categories[*at].own_count(slot, length);
        (0..self.categories.len()).max_by_key(count)
    }
}
