//! The probability that ballots together keep, where shares and limits are of one moment. The sets of policies that take no state have a faster way
//! to the same ([`crate::weight`]).

use std::collections::BTreeMap;

use crate::{
    draw::{WHOLE, probability},
    residual::Ballot,
};

/// Where a draw falls: its lower end, which stands for all of the interval, and its probability.
type Interval = (u64, f64);

/// The probability of being kept, limits being known as draws. `shared` says that all salts are one draw, of which only what is below `reach` can be:
/// the rest was rejected before it came here.
pub(crate) fn inclusion(ballots: &[Ballot], shared: bool, reach: Option<u64>) -> f64 {
    if ballots.iter().all(|ballot| !ballot.drops) && ballots.iter().any(Ballot::is_certain) {
        return if shared { probability(0, reach) } else { 1.0 };
    }
    let mut uses: BTreeMap<u32, Uses> = BTreeMap::new();
    for ballot in ballots {
        let plain = ballot.plain_draw().is_some() && !shared;
        for branch in &ballot.branches {
            for rule in [&branch.condition, &branch.keep] {
                rule.draws(&mut |salt, below| {
                    let uses = uses.entry(if shared { 0 } else { salt }).or_default();
                    uses.thresholds.push(below);
                    uses.mixed |= !plain;
                });
            }
        }
    }
    let mut any_plain = 0.0;
    let mut mixed = Vec::new();
    for (salt, mut uses) in uses {
        if uses.mixed || shared {
            uses.thresholds.extend(reach.filter(|_| shared));
            mixed.push((salt, intervals(uses.thresholds, reach.filter(|_| shared))));
        } else if let Some(&widest) = uses.thresholds.iter().max() {
            any_plain += probability(0, Some(widest)) * (1.0 - any_plain);
        }
    }
    cells(ballots, &mixed, any_plain, shared)
}

#[derive(Default)]
struct Uses {
    thresholds: Vec<u64>,
    mixed: bool,
}

fn intervals(mut thresholds: Vec<u64>, reach: Option<u64>) -> Vec<Interval> {
    thresholds.push(0);
    thresholds.sort_unstable();
    thresholds.dedup();
    thresholds.retain(|start| reach.is_none_or(|reach| *start < reach));
    let ends = thresholds.iter().skip(1).copied().map(Some).chain([reach]);
    thresholds.iter().zip(ends).map(|(low, high)| (*low, probability(*low, high))).collect()
}

/// Sums over all combinations of intervals. Ballots that drop stand before the others.
fn cells(ballots: &[Ballot], mixed: &[(u32, Vec<Interval>)], any_plain: f64, shared: bool) -> f64 {
    let is_mixed = |ballot: &Ballot| match ballot.plain_draw() {
        Some((salt, _)) => shared || mixed.iter().any(|(other, _)| *other == salt),
        None => true,
    };
    let (asked, plain): (Vec<&Ballot>, Vec<&Ballot>) = ballots.iter().partition(|ballot| is_mixed(ballot));
    let mut place = vec![0usize; mixed.len()];
    let mut included = 0.0;
    // Sums of shares are rounded; what is surely kept must weigh exactly 1.
    let mut surely = true;
    loop {
        let interval = |index: usize| mixed[index].1[place[index]];
        let draw = |salt: usize| {
            let salt = if shared { 0 } else { salt as u32 };
            mixed.iter().position(|(other, _)| *other == salt).map_or(u64::MAX, |index| interval(index).0)
        };
        let first = asked.iter().find(|ballot| matches!(ballot.vote(&draw), Ok(Some(_))));
        let kept = match first {
            Some(ballot) if ballot.drops => 0.0,
            Some(_) => 1.0,
            None if plain.is_empty() => 0.0,
            None => any_plain,
        };
        surely &= kept >= 1.0;
        included += kept * (0..mixed.len()).map(|index| interval(index).1).product::<f64>();
        // The next cell, as an odometer counts.
        let Some(next) = (0..mixed.len()).find(|&index| place[index] + 1 < mixed[index].1.len()) else {
            return if surely && !shared { 1.0 } else { included };
        };
        place[next] += 1;
        place[..next].fill(0);
    }
}

/// The least probability that a weight is made of: that of one draw in all.
pub(crate) const LEAST: f64 = 1.0 / WHOLE;
