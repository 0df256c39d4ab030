//! What is left of a policy once the facts of a transaction are known: draws and limits.

use serde::{Deserialize, Serialize};

/// A rule without facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Residual {
    Constant(bool),
    /// The draw of a salt is below a threshold.
    Draw {
        salt: u32,
        below: u64,
    },
    /// Within a limit; known at the end of the window.
    Limit(u32),
    And(Vec<Residual>),
    Not(Box<Residual>),
}

impl Residual {
    pub(crate) fn and(mut list: Vec<Self>) -> Self {
        list.retain(|part| *part != Self::Constant(true));
        if list.contains(&Self::Constant(false)) {
            return Self::Constant(false);
        }
        match list.len() {
            0 => Self::Constant(true),
            1 => list.remove(0),
            _ => Self::And(list),
        }
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Constant(value) => Self::Constant(!value),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    pub(crate) fn draw(salt: usize, below: Result<u64, bool>) -> Self {
        match below {
            Ok(below) => Self::Draw { salt: salt as u32, below },
            Err(constant) => Self::Constant(constant),
        }
    }

    /// The answer, as far as it does not hang on a limit.
    pub(crate) fn value(&self, draw: &impl Fn(usize) -> u64) -> Option<bool> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Draw { salt, below } => Some(draw(*salt as usize) < *below),
            Self::Limit(_) => None,
            Self::And(parts) => both(parts.iter().map(|part| part.value(draw))),
            Self::Not(part) => part.value(draw).map(|value| !value),
        }
    }

    /// With limits known as draws.
    pub(crate) fn resolve(self, limit: &impl Fn(u32) -> Self) -> Self {
        match self {
            Self::Limit(index) => limit(index),
            Self::And(parts) => Self::and(parts.into_iter().map(|part| part.resolve(limit)).collect()),
            Self::Not(part) => part.resolve(limit).not(),
            other => other,
        }
    }

    pub(crate) fn has_limits(&self) -> bool {
        let mut any = false;
        self.limits(&mut |_| any = true);
        any
    }

    /// Calls `visit` with every limit in it.
    pub(crate) fn limits(&self, visit: &mut impl FnMut(u32)) {
        match self {
            Self::Limit(limit) => visit(*limit),
            Self::And(parts) => parts.iter().for_each(|part| part.limits(visit)),
            Self::Not(part) => part.limits(visit),
            Self::Constant(_) | Self::Draw { .. } => {}
        }
    }

    pub(crate) fn draws(&self, visit: &mut impl FnMut(u32, u64)) {
        match self {
            Self::Draw { salt, below } => visit(*salt, *below),
            Self::And(parts) => parts.iter().for_each(|part| part.draws(visit)),
            Self::Not(part) => part.draws(visit),
            Self::Constant(_) | Self::Limit(_) => {}
        }
    }
}

/// All of them, where some are not known.
pub(crate) fn both(values: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for value in values {
        match value {
            Some(false) => return Some(false),
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

/// A branch of a policy: the first whose condition holds says whether to keep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResidualBranch {
    /// Which of the policy's branches it is.
    pub(crate) index: u32,
    pub(crate) condition: Residual,
    pub(crate) keep: Residual,
    /// Why it would keep; written for one that waits.
    pub(crate) about: String,
}

/// What a policy may still say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ballot {
    /// Which policy it is.
    pub(crate) policy: u32,
    pub(crate) drops: bool,
    pub(crate) branches: Vec<ResidualBranch>,
}

impl Ballot {
    /// The branch that votes, by its place; `Err` where it hangs on a limit.
    pub(crate) fn vote(&self, draw: &impl Fn(usize) -> u64) -> Result<Option<usize>, Waits> {
        for (place, branch) in self.branches.iter().enumerate() {
            match branch.condition.value(draw) {
                Some(false) => {}
                None if branch.keep == Residual::Constant(false) && place + 1 == self.branches.len() => {
                    return Ok(None);
                }
                None => return Err(Waits),
                Some(true) => {
                    return match branch.keep.value(draw) {
                        Some(keep) => Ok(keep.then_some(place)),
                        None => Err(Waits),
                    };
                }
            }
        }
        Ok(None)
    }

    /// It votes, whatever is drawn.
    pub(crate) fn is_certain(&self) -> bool {
        self.branches.first().is_some_and(|branch| {
            branch.condition == Residual::Constant(true) && branch.keep == Residual::Constant(true)
        })
    }

    pub(crate) fn has_limits(&self) -> bool {
        self.branches.iter().any(|branch| branch.condition.has_limits() || branch.keep.has_limits())
    }

    pub(crate) fn resolve(&mut self, limit: &impl Fn(u32) -> Residual) {
        for branch in &mut self.branches {
            let nothing = Residual::Constant(false);
            branch.condition = std::mem::replace(&mut branch.condition, nothing.clone()).resolve(limit);
            branch.keep = std::mem::replace(&mut branch.keep, nothing).resolve(limit);
        }
    }

    /// The draw that it is, if it keeps by one draw and nothing else.
    pub(crate) fn plain_draw(&self) -> Option<(u32, u64)> {
        let [branch] = &self.branches[..] else { return None };
        match (&branch.condition, &branch.keep) {
            _ if self.drops => None,
            (Residual::Constant(true), Residual::Draw { salt, below })
            | (Residual::Draw { salt, below }, Residual::Constant(true)) => Some((*salt, *below)),
            _ => None,
        }
    }
}

/// The end of the window has to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waits;
