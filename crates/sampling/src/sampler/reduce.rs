//! Policies and the facts of a transaction to ballots: what is left are draws and limits.

use super::Sampler;
use crate::{
    decide::Policies,
    draw::{Draws, below},
    facts::Transaction,
    key::key,
    residual::{Ballot, Residual, ResidualBranch, both},
    rule::Rule,
};

/// Samplers and limits that a transaction came to.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) adaptives: Vec<usize>,
    pub(super) floors: Vec<usize>,
    pub(super) limits: Vec<usize>,
}

/// What is left of all policies.
#[derive(Debug)]
pub(super) struct Reduced<'p> {
    pub(super) ballots: Vec<Ballot>,
    pub(super) reached: Reached,
    /// The policy that drops it, whatever limits say.
    pub(super) dropped: Option<&'p str>,
}

/// Whether a transaction is asked about for the first time, or again because more of it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    First,
    /// Floors, which are for the first few, vote nothing.
    Again,
}

/// One reduction.
struct Reducer<'a> {
    sampler: &'a Sampler,
    policies: &'a Policies,
    transaction: &'a Transaction<'a>,
    draws: Draws<'a>,
    reached: Reached,
    asked: Asked,
}

/// A rule without facts, and its answer as far as draws give it.
type Answered = (Residual, Option<bool>);

impl Sampler {
    /// Drop policies are asked first: what is dropped counts nowhere else. Where the first match decides, the others are asked up to it.
    pub(super) fn reduce<'p>(
        &self,
        policies: &'p Policies,
        transaction: &Transaction<'_>,
        asked: Asked,
    ) -> Reduced<'p> {
        let mut reducer = Reducer::new(self, policies, transaction, asked);
        let mut ballots = Vec::new();
        // Whether one before keeps it.
        let mut kept = Some(false);
        for index in policies.in_order() {
            let policy = &policies.policies[index];
            let counts = !(kept == Some(true) && policies.stops_at_first);
            let (ballot, answer) = reducer.policy(index, counts);
            if policy.drops && answer == Some(true) && kept == Some(false) {
                return Reduced { ballots, reached: reducer.reached, dropped: Some(&policy.name) };
            }
            if !policy.drops && kept != Some(true) && answer != Some(false) {
                kept = answer;
            }
            let is_last = policies.stops_at_first && ballot.as_ref().is_some_and(Ballot::is_certain);
            ballots.extend(ballot);
            if is_last {
                break;
            }
        }
        Reduced { ballots, reached: reducer.reached, dropped: None }
    }

    /// All ballots, those of what is dropped too.
    pub(super) fn reduce_all(&self, policies: &Policies, transaction: &Transaction<'_>) -> Vec<Ballot> {
        let mut reducer = Reducer::new(self, policies, transaction, Asked::First);
        (0..policies.policies.len()).filter_map(|index| reducer.policy(index, false).0).collect()
    }
}

/// Writes down why ballots would keep, for one that waits: its facts are not kept.
pub(super) fn tell(policies: &Policies, transaction: &Transaction<'_>, ballots: &mut [Ballot]) {
    for ballot in ballots {
        let Some(policy) = policies.policies.get(ballot.policy as usize) else { continue };
        for left in ballot.branches.iter_mut().filter(|left| left.keep != Residual::Constant(false)) {
            if let Some(branch) = policy.branches.get(left.index as usize) {
                left.about = policies.about(branch, transaction);
            }
        }
    }
}

impl<'a> Reducer<'a> {
    fn new(
        sampler: &'a Sampler,
        policies: &'a Policies,
        transaction: &'a Transaction<'a>,
        asked: Asked,
    ) -> Self {
        let draws = super::draws(policies, transaction);
        Self { sampler, policies, transaction, draws, reached: Reached::default(), asked }
    }

    /// `None` for a policy that says nothing, whatever is drawn.
    fn policy(&mut self, index: usize, counts: bool) -> (Option<Ballot>, Option<bool>) {
        let policies = self.policies;
        let policy = &policies.policies[index];
        let mut branches = Vec::new();
        // The answer of the branches so far: that of the first whose condition holds.
        let mut answer = Some(false);
        let mut open = true;
        for (place, branch) in policy.branches.iter().enumerate() {
            let (condition, holds) = self.rule(&branch.condition, counts && open);
            if condition == Residual::Constant(false) {
                continue;
            }
            let (keep, keeps) = self.rule(&branch.keep, counts && open && holds != Some(false));
            if open {
                answer = match holds {
                    Some(false) => answer,
                    Some(true) if answer == Some(false) => keeps,
                    _ => None,
                };
            }
            open &= holds != Some(true);
            let is_last = condition == Residual::Constant(true);
            branches.push(ResidualBranch { index: place as u32, condition, keep, about: String::new() });
            if is_last {
                break;
            }
        }
        if branches.iter().all(|branch| branch.keep == Residual::Constant(false)) {
            return (None, Some(false));
        }
        (Some(Ballot { policy: index as u32, drops: policy.drops, branches }), answer)
    }

    fn rule(&mut self, rule: &Rule, counts: bool) -> Answered {
        match rule {
            Rule::Draw { salt, below, .. } => self.draw(*salt, Ok(*below)),
            Rule::Adaptive { sampler } => self.adaptive(*sampler, counts),
            Rule::Floor { floor } => self.floor(*floor, counts),
            Rule::Limit { limit } => {
                if counts && !self.reached.limits.contains(limit) {
                    self.reached.limits.push(*limit);
                }
                (Residual::Limit(*limit as u32), None)
            }
            Rule::And(rules) => {
                let mut parts = Vec::with_capacity(rules.len());
                let mut answers = Vec::with_capacity(rules.len());
                for rule in rules {
                    let known = both(answers.iter().copied());
                    let (part, answer) = self.rule(rule, counts && known != Some(false));
                    if part == Residual::Constant(false) {
                        return (part, Some(false));
                    }
                    parts.push(part);
                    answers.push(answer);
                }
                (Residual::and(parts), both(answers.into_iter()))
            }
            Rule::Not(rule) => {
                let (part, answer) = self.rule(rule, counts);
                (part.not(), answer.map(|answer| !answer))
            }
            other => {
                let answer = other.fact(self.transaction).unwrap_or(false);
                (Residual::Constant(answer), Some(answer))
            }
        }
    }

    fn draw(&self, salt: usize, below: Result<u64, bool>) -> Answered {
        let answer = match below {
            Ok(below) => self.draws.of(salt) < below,
            Err(constant) => constant,
        };
        (Residual::draw(salt, below), Some(answer))
    }

    fn adaptive(&mut self, index: usize, counts: bool) -> Answered {
        let (Some(adaptive), Some(learnt)) =
            (self.policies.adaptives.get(index), self.sampler.adaptives.get(index))
        else {
            return (Residual::Constant(false), Some(false));
        };
        if counts {
            self.reached.adaptives.push(index);
        }
        let rate = learnt.rate(adaptive, &key(&adaptive.fields, self.transaction));
        self.draw(adaptive.salt, below(1.0 / rate as f64))
    }

    fn floor(&mut self, index: usize, counts: bool) -> Answered {
        let (Some(floor), Some(seen)) = (self.policies.floors.get(index), self.sampler.floors.get(index))
        else {
            return (Residual::Constant(false), Some(false));
        };
        if self.asked == Asked::Again {
            return (Residual::Constant(false), Some(false));
        }
        if counts {
            self.reached.floors.push(index);
        }
        let keeps = seen.keeps(floor, &key(&floor.fields, self.transaction));
        (Residual::Constant(keeps), Some(keeps))
    }
}
