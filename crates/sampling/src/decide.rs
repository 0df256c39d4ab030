//! Decisions.

use crate::{
    compile::Compiler, draw::Salt, facts::TransactionFacts, fault::PolicyFault, matchers::MatcherTable,
    rule::Rule, settings::PolicySettings, weight::Weights,
};

/// One policy, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) name: Box<str>,
    /// It drops what it matches.
    pub(crate) drops: bool,
    pub(crate) rule: Rule,
}

impl Policy {
    /// Whether it is one draw and nothing else.
    pub(crate) fn is_plain(&self) -> bool {
        !self.drops && matches!(self.rule, Rule::Draw { .. })
    }
}

/// What became of a transaction, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'p> {
    /// Whether it is kept.
    pub keep: bool,
    /// The first policy in order that voted keep; `None` where it is not kept.
    pub policy: Option<&'p str>,
    /// Why it is kept, in a few words; the name of the policy that dropped it; empty where nothing kept it.
    pub reason: String,
    /// How many transactions it stands for: one over the probability of its being kept; 0 where it is not kept.
    pub weight: f64,
}

/// What one policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Keep it.
    Keep,
    /// Drop it, whatever others say.
    Drop,
    /// Nothing.
    Nothing,
}

/// The vote of one policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote<'p> {
    /// Its name.
    pub policy: &'p str,
    /// What it says.
    pub verdict: Verdict,
    /// What it asked and found.
    pub about: String,
}

/// A set of policies, compiled.
#[derive(Debug, Default)]
pub struct Policies {
    policies: Vec<Policy>,
    salts: Vec<Salt>,
    weights: Weights,
}

impl Policies {
    /// Compiles settings; what policies ask of attributes goes into `matchers`.
    ///
    /// # Errors
    /// All faults of all policies.
    pub fn compile(
        settings: &[PolicySettings],
        matchers: &mut MatcherTable,
    ) -> Result<Self, Vec<PolicyFault>> {
        let (policies, salts) = Compiler::new(matchers).compile(settings)?;
        let weights = Weights::new(&policies, salts.len()).map_err(|fault| vec![fault])?;
        Ok(Self { policies, salts, weights })
    }

    /// Names of the policies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| &*policy.name)
    }

    /// Decides over a transaction. Allocates only for the reason, where there is one.
    #[must_use]
    pub fn decide(&self, facts: &TransactionFacts<'_>) -> Decision<'_> {
        let draw = |salt: usize| self.salts[salt].draw(facts.id);
        let mut kept_by = None;
        for policy in &self.policies {
            if (kept_by.is_some() && !policy.drops) || !policy.rule.holds(facts, &draw) {
                continue;
            }
            if policy.drops {
                return Decision { keep: false, policy: None, reason: policy.name.to_string(), weight: 0.0 };
            }
            kept_by = Some(policy);
        }
        let Some(policy) = kept_by else {
            return Decision { keep: false, policy: None, reason: String::new(), weight: 0.0 };
        };
        Decision {
            keep: true,
            policy: Some(&policy.name),
            reason: about(&policy.rule, facts),
            weight: 1.0 / self.weights.inclusion(&self.policies, facts),
        }
    }

    /// The vote of every policy.
    #[must_use]
    pub fn explain(&self, facts: &TransactionFacts<'_>) -> Vec<Vote<'_>> {
        let draw = |salt: usize| self.salts[salt].draw(facts.id);
        let vote = |policy: &'_ Policy| match (policy.rule.holds(facts, &draw), policy.drops) {
            (true, true) => Verdict::Drop,
            (true, false) => Verdict::Keep,
            (false, _) => Verdict::Nothing,
        };
        let list = self.policies.iter();
        list.map(|policy| Vote {
            policy: &policy.name,
            verdict: vote(policy),
            about: about(&policy.rule, facts),
        })
        .collect()
    }
}

fn about(rule: &Rule, facts: &TransactionFacts<'_>) -> String {
    let mut text = String::new();
    // Writing to a string never fails.
    let _ = rule.describe(facts, &mut text);
    text
}
