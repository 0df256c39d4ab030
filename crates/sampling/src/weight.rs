//! How probable it was that the policies together keep a transaction with given facts.
//!
//! Given the facts, the verdict depends on draws only, one uniform value for each salt. Salts that stand in plain `probabilistic` policies and nowhere
//! else are independent of all others: together they keep with probability one less the product of what each leaves. The other salts (in `and`,
//! `not`, `drop`) are cut at their thresholds into intervals in which no verdict changes, and each combination of intervals, a cell, is asked.

use crate::{decide::Policy, draw::probability, facts::Transaction, fault::PolicyFault, rule::Rule};

/// Cells that one set of policies may have. Each costs as much as a decision, and only what is kept pays for it.
pub const MAX_CELLS: usize = 4096;

/// Salts that 4096 cells leave room for: each has at least two intervals.
const MAX_MIXED: usize = MAX_CELLS.ilog2() as usize;

/// An interval of draws: its lower end, which stands for all of it, and its probability.
type Interval = (u64, f64);

/// The draws of a set of policies.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    /// For each salt in nested policies its intervals; empty for a plain one.
    cells: Vec<Vec<Interval>>,
    /// Probability that any plain policy keeps.
    any_plain: f64,
}

impl Weights {
    /// Finds the cells; a fault where there are too many.
    pub(crate) fn new(policies: &[Policy], salts: usize) -> Result<Self, PolicyFault> {
        let mut thresholds = vec![Vec::new(); salts];
        let mut mixed = vec![false; salts];
        for policy in policies {
            let plain = policy.plain_salt().is_some();
            for rule in policy.rules() {
                rule.draws(&mut |salt, below| {
                    thresholds[salt].push(below);
                    mixed[salt] |= !plain;
                });
            }
        }
        let mut any_plain = 0.0;
        let mut cells = vec![Vec::new(); salts];
        let mut count = 1usize;
        for salt in 0..salts {
            let below = &mut thresholds[salt];
            below.sort_unstable();
            below.dedup();
            if mixed[salt] {
                count = count.saturating_mul(below.len() + 1);
                cells[salt] = intervals(below);
            } else if let Some(&widest) = below.last() {
                let share = probability(0, Some(widest));
                any_plain += share * (1.0 - any_plain);
            }
        }
        bounded(count)?;
        Ok(Self { cells, any_plain })
    }

    /// The probability that a transaction with these facts is kept.
    pub(crate) fn inclusion(&self, policies: &[Policy], facts: &Transaction<'_>) -> f64 {
        let mut mixed = [0usize; MAX_MIXED];
        let mut salts = 0;
        for (salt, _) in self.cells.iter().enumerate().filter(|(_, intervals)| !intervals.is_empty()) {
            mixed[salts] = salt;
            salts += 1;
        }
        let mixed = &mixed[..salts];
        let mut place = [0usize; MAX_MIXED];
        let mut included = 0.0;
        // Sums of shares are rounded; what is surely kept must weigh exactly 1.
        let mut surely = true;
        loop {
            let interval = |index: usize| self.cells[mixed[index]][place[index]];
            let probability: f64 = (0..salts).map(|index| interval(index).1).product();
            let draw = |salt: usize| {
                // A plain draw is never asked here, so any value will do.
                mixed.iter().position(|&other| other == salt).map_or(u64::MAX, |index| interval(index).0)
            };
            let kept = self.kept_in_cell(policies, facts, &draw);
            surely &= kept >= 1.0;
            included += probability * kept;
            // The next cell, as an odometer counts.
            let Some(next) = (0..salts).find(|&index| place[index] + 1 < self.cells[mixed[index]].len())
            else {
                return if surely { 1.0 } else { included };
            };
            place[next] += 1;
            place[..next].fill(0);
        }
    }

    fn kept_in_cell(
        &self,
        policies: &[Policy],
        facts: &Transaction<'_>,
        draw: &impl Fn(usize) -> u64,
    ) -> f64 {
        let mut plain_draws = false;
        let mut kept = false;
        for policy in policies {
            if policy.plain_salt().is_some_and(|salt| self.cells[salt].is_empty()) {
                plain_draws = true;
            } else if policy.vote(facts, draw).is_some() {
                if policy.drops {
                    return 0.0;
                }
                kept = true;
            }
        }
        match (kept, plain_draws) {
            (true, _) => 1.0,
            (false, true) => self.any_plain,
            (false, false) => 0.0,
        }
    }
}

fn bounded(cells: usize) -> Result<(), PolicyFault> {
    if cells <= MAX_CELLS {
        return Ok(());
    }
    Err(PolicyFault {
        policy: "all".into(),
        key: "probabilistic.hash_salt".into(),
        value: format!("{cells} combinations"),
        hint: format!(
            "draws inside `and`, `not`, `drop`, `composite` and `rules` may combine in {MAX_CELLS} ways at most: use fewer salts and limits"
        ),
    })
}

/// Bounds the cells of policies that take state: of their parts, one is asked of a transaction.
pub(crate) fn check(policies: &[Policy], salts: usize) -> Result<(), PolicyFault> {
    let mut thresholds = vec![0usize; salts];
    let mut binary = 0u32;
    let is_plain = |policy: &&Policy| policy.plain_salt().is_some() || policy.is_plain_state();
    for policy in policies.iter().filter(|policy| !is_plain(policy)) {
        let mut most = 0;
        for branch in &policy.branches {
            branch.condition.draws(&mut |salt, _| thresholds[salt] += 1);
            binary += of_state(&branch.condition);
            let mut of_branch = of_state(&branch.keep);
            branch.keep.draws(&mut |_, _| of_branch += 1);
            most = most.max(of_branch);
        }
        binary += most;
    }
    let cells = thresholds.iter().fold(1usize, |cells, count| cells.saturating_mul(count + 1));
    bounded(cells.saturating_mul(1usize.checked_shl(binary).unwrap_or(usize::MAX)))
}

/// Draws of samplers and limits in a rule.
fn of_state(rule: &Rule) -> u32 {
    let mut count = 0;
    rule.visit(&mut |rule| count += u32::from(matches!(rule, Rule::Adaptive { .. } | Rule::Limit { .. })));
    count
}

fn intervals(thresholds: &[u64]) -> Vec<Interval> {
    let ends = thresholds.iter().copied().map(Some).chain([None]);
    let starts = [0].into_iter().chain(thresholds.iter().copied());
    starts.zip(ends).map(|(low, high)| (low, probability(low, high))).collect()
}
