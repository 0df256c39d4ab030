//! Findings to services: each way between two services is blamed on the end that explains more.

use std::collections::BTreeMap;

use super::Diagnosis;
use super::finding::{Finding, Sign};
use super::names::EMPTY;
use super::series::Measure;
use super::settings::Method;

/// A finding, and whom it speaks against how strongly.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) service: u32,
    pub(crate) weight: f64,
    /// Index of the finding.
    pub(crate) finding: usize,
}

/// Scores count up to this: beyond it a finding is certain anyway.
const MAX_SCORE: f32 = 20.0;
/// What the end of a way that explains less is left with.
const OTHER_END: f64 = 0.2;

/// What the other one is left with, of caller and last callee, where a call breaks off.
const BROKEN_OFF: f64 = 0.5;

/// Ways from and to one service, and how many of them are slow.
#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    out: u32,
    slow_out: u32,
    into: u32,
    slow_into: u32,
    own: f64,
}

impl Diagnosis {
    /// Who is charged with what.
    pub(crate) fn blame(&self, findings: &[Finding], slot: u64) -> Vec<Charge> {
        let ways = self.ways(findings, slot);
        let mut families: BTreeMap<u32, u32> = BTreeMap::new();
        for (service, _) in findings.iter().filter_map(|finding| finding.breaks_after) {
            *families.entry(service).or_default() += 1;
        }
        families.remove(&EMPTY);
        let unanswered = self.unanswered(findings, slot);
        let mut charges = Vec::new();
        let mut charge = |service, weight, finding| {
            if service != EMPTY && weight > 0.0 {
                charges.push(Charge { service, weight, finding });
            }
        };
        for (index, finding) in findings.iter().enumerate() {
            let weight = f64::from(finding.score.min(MAX_SCORE)).powi(2);
            let child = finding.breaks_after.map_or(EMPTY, |child| child.0);
            let of_child = families.get(&child).copied().filter(|_| child != finding.service);
            let others = of_child.unwrap_or(0);
            let missed = unanswered.who(index, others);
            if let Some((missed, true)) = missed {
                charge(missed, weight, index);
                charge(finding.service, weight * BROKEN_OFF, index);
                continue;
            }
            match finding.sign {
                Sign::Time(Measure::Network) => {
                    let (caller, callee) = (finding.caller, finding.service);
                    let blamed_caller =
                        self.settings.has(Method::Ways) && explains_more(&ways, caller, callee);
                    let (first, other) = if blamed_caller { (caller, callee) } else { (callee, caller) };
                    charge(first, weight, index);
                    if other != first {
                        charge(other, weight * OTHER_END, index);
                    }
                }
                Sign::Missing if finding.service != EMPTY => charge(finding.service, weight, index),
                Sign::Missing => charge(self.owner_of(finding), weight, index),
                Sign::Shape => {
                    let (parent, child) =
                        (finding.service, if child == finding.service { EMPTY } else { child });
                    let child_is_first = self.settings.has(Method::Families)
                        && families.get(&child).is_some_and(|&count| count > 1);
                    let (first, other) = if child_is_first { (child, parent) } else { (parent, child) };
                    charge(first, weight, index);
                    charge(other, weight * BROKEN_OFF, index);
                }
                Sign::Time(_) | Sign::Error => charge(finding.service, weight, index),
            }
        }
        charges
    }

    /// The service whose operation is missing.
    fn owner_of(&self, finding: &Finding) -> u32 {
        let reason = self.names.name(finding.operation);
        let is_named = |operation: u32| {
            let name = self.names.name(operation);
            !name.is_empty() && (reason == name || reason.contains(&format!("\"{name}\"")))
        };
        let mut known =
            self.mixes.iter().filter(|(_, key, _)| key.group == finding.group && key.service != EMPTY);
        known.find(|(_, key, _)| is_named(key.operation)).map_or(EMPTY, |(_, key, _)| key.service)
    }

    fn ways(&self, findings: &[Finding], slot: u64) -> BTreeMap<u32, Ways> {
        let mut pairs: BTreeMap<(u32, u32), bool> = BTreeMap::new();
        for (_, key, series) in self.series.iter() {
            if key.measure == Measure::Network && series.is_mature() && series.last + 12 > slot {
                pairs.entry((key.caller, key.service)).or_default();
            }
        }
        let mut ways: BTreeMap<u32, Ways> = BTreeMap::new();
        for finding in findings {
            match finding.sign {
                Sign::Time(Measure::Network) => {
                    pairs.insert((finding.caller, finding.service), true);
                }
                Sign::Time(_) => {
                    ways.entry(finding.service).or_default().own += f64::from(finding.score);
                }
                _ => {}
            }
        }
        for (&(caller, callee), &slow) in &pairs {
            let from = ways.entry(caller).or_default();
            from.out += 1;
            from.slow_out += u32::from(slow);
            let to = ways.entry(callee).or_default();
            to.into += 1;
            to.slow_into += u32::from(slow);
        }
        ways
    }
}

/// Whether a slow way speaks against the caller rather than the callee: more of its ways are slow.
fn explains_more(ways: &BTreeMap<u32, Ways>, caller: u32, callee: u32) -> bool {
    let (from, to) =
        (ways.get(&caller).copied().unwrap_or_default(), ways.get(&callee).copied().unwrap_or_default());
    let by_caller = f64::from(from.slow_out).powi(2) / f64::from(from.out.max(1));
    let by_callee = f64::from(to.slow_into).powi(2) / f64::from(to.into.max(1));
    if (by_caller - by_callee).abs() > 0.01 {
        return by_caller > by_callee;
    }
    from.own > to.own
}
