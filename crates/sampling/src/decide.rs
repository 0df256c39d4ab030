//! Decisions.

use crate::{
    adaptive::Adaptive,
    compile::{Compiled, Compiler},
    draw::{Draws, Salt},
    facts::{Transaction, TransactionFacts},
    fault::PolicyFault,
    floor::Floor,
    limit::Limit,
    matchers::MatcherTable,
    options::Options,
    rule::{Names, Rule},
    settings::PolicySettings,
    trace_state::Threshold,
    weight::{self, Weights},
};

/// A part of a policy: where the condition holds, and no earlier part's did, it says whether to keep.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// What `KeptBy` will say.
    pub(crate) name: Box<str>,
    pub(crate) condition: Rule,
    pub(crate) keep: Rule,
}

impl Branch {
    /// The only part of a policy.
    pub(crate) fn of(name: &str, condition: Rule) -> Self {
        Self { name: name.into(), condition, keep: Rule::Constant(true) }
    }
}

/// One policy, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) name: Box<str>,
    /// It drops what it matches.
    pub(crate) drops: bool,
    pub(crate) branches: Vec<Branch>,
}

impl Policy {
    /// The salt that it draws with, if it is one draw and nothing else.
    pub(crate) fn plain_salt(&self) -> Option<usize> {
        match &self.branches[..] {
            [Branch { condition: Rule::Draw { salt, .. }, keep: Rule::Constant(true), .. }]
                if !self.drops =>
            {
                Some(*salt)
            }
            _ => None,
        }
    }

    /// Whether it is one sampler or limit and nothing else.
    pub(crate) fn is_plain_state(&self) -> bool {
        let [branch] = &self.branches[..] else { return false };
        let of_state =
            matches!(branch.condition, Rule::Adaptive { .. } | Rule::Floor { .. } | Rule::Limit { .. });
        !self.drops && of_state && matches!(branch.keep, Rule::Constant(true))
    }

    /// The part that votes. Policies that take state are not asked here.
    pub(crate) fn vote(&self, facts: &Transaction<'_>, draw: &impl Fn(usize) -> u64) -> Option<&Branch> {
        let branch = self.branches.iter().find(|branch| branch.condition.holds(facts, draw))?;
        branch.keep.holds(facts, draw).then_some(branch)
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.branches.iter().flat_map(|branch| [&branch.condition, &branch.keep])
    }
}

/// What became of a transaction, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision<'p> {
    /// Whether it is kept.
    pub keep: bool,
    /// The first policy in order that voted keep; `None` where it is not kept. Of a policy in parts, such as `composite`, `policy/part`.
    pub policy: Option<&'p str>,
    /// Why it is kept, in a few words; the name of the policy that dropped it; empty where nothing kept it.
    pub reason: String,
    /// How many transactions it stands for: one over the probability of its being kept; 0 where it is not kept.
    pub weight: f64,
    /// The policies that voted keep, or the one that dropped it, and what they voted; empty where nothing was voted.
    pub votes: Vec<(&'p str, Verdict)>,
}

impl Decision<'_> {
    /// What `th` in the trace state of what is kept says of it; `None` where it is not kept.
    #[must_use]
    pub fn threshold(&self) -> Option<Threshold> {
        Threshold::from_probability(1.0 / self.weight).filter(|_| self.keep)
    }

    pub(crate) fn not_kept(reason: &str) -> Self {
        Self { keep: false, policy: None, reason: reason.to_owned(), weight: 0.0, votes: Vec::new() }
    }
}

impl<'p> Decision<'p> {
    pub(crate) fn dropped(policy: &'p str) -> Self {
        Self { votes: vec![(policy, Verdict::Drop)], ..Self::not_kept(policy) }
    }
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
    /// Keep or nothing, by a limit that is known at the end of the window.
    Waits,
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
    pub(crate) policies: Vec<Policy>,
    pub(crate) salts: Vec<Salt>,
    pub(crate) limits: Vec<Limit>,
    pub(crate) adaptives: Vec<Adaptive>,
    pub(crate) floors: Vec<Floor>,
    attributes: Vec<Box<str>>,
    weights: Weights,
    pub(crate) stops_at_first: bool,
}

impl Policies {
    /// Compiles settings for a caller that knows [`TransactionFacts`] and nothing else; what policies ask of attributes goes into `matchers`.
    ///
    /// # Errors
    /// All faults of all policies, those among them that need state, a window or more facts.
    pub fn compile(
        settings: &[PolicySettings],
        matchers: &mut MatcherTable,
    ) -> Result<Self, Vec<PolicyFault>> {
        let (policies, asks_more) = Self::build(settings, &Options::default(), matchers)?;
        if asks_more || policies.is_stateful() || matchers.asks_spans() {
            let hint = "these policies need a state, a window or facts that are not at hand here";
            let fault = PolicyFault {
                policy: "all".into(),
                key: "type".into(),
                value: String::new(),
                hint: hint.into(),
            };
            return Err(vec![fault]);
        }
        Ok(policies)
    }

    /// Compiles settings; what policies ask of spans goes into `matchers`, and [`Self::attributes`] are read of the transaction. With policies that are
    /// stateful ([`Self::is_stateful`]), decisions are [`crate::Sampler`]'s.
    ///
    /// # Errors
    /// All faults of all policies.
    pub fn compile_with(
        settings: &[PolicySettings],
        options: &Options,
        matchers: &mut MatcherTable,
    ) -> Result<Self, Vec<PolicyFault>> {
        Self::build(settings, options, matchers).map(|(policies, _)| policies)
    }

    fn build(
        settings: &[PolicySettings],
        options: &Options,
        matchers: &mut MatcherTable,
    ) -> Result<(Self, bool), Vec<PolicyFault>> {
        let compiled = Compiler::new(matchers, options).compile(settings)?;
        let Compiled { policies, salts, limits, adaptives, floors, attributes, asks_more } = compiled;
        let stateful = !(limits.is_empty() && adaptives.is_empty() && floors.is_empty());
        let weights = if stateful {
            weight::check(&policies, salts.len()).map(|()| Weights::default())
        } else {
            Weights::new(&policies, salts.len())
        };
        let weights = weights.map_err(|fault| vec![fault])?;
        let stops_at_first = options.sample_on_first_match;
        let policies =
            Self { policies, salts, limits, adaptives, floors, attributes, weights, stops_at_first };
        Ok((policies, asks_more))
    }

    /// Names of the policies, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().map(|policy| &*policy.name)
    }

    /// Attributes of the transaction that policies read, in the order in which [`Transaction::attributes`] has their texts.
    #[must_use]
    pub fn attributes(&self) -> &[Box<str>] {
        &self.attributes
    }

    /// Whether a decision hangs on what was decided before: then it is [`crate::Sampler`]'s.
    #[must_use]
    pub fn is_stateful(&self) -> bool {
        !(self.limits.is_empty() && self.adaptives.is_empty() && self.floors.is_empty())
    }

    /// Places of the policies in the order in which the first that votes decides: those that drop before all others.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = usize> {
        let places = 0..self.policies.len();
        let drops = |place: &usize| self.policies[*place].drops;
        places.clone().filter(drops).chain(places.filter(move |place| !drops(place)))
    }

    pub(crate) fn describers(&self) -> Names<'_> {
        Names { adaptives: &self.adaptives, floors: &self.floors, limits: &self.limits }
    }

    /// Decides over a transaction. Allocates only for the reason, where there is one.
    #[must_use]
    pub fn decide(&self, facts: &TransactionFacts<'_>) -> Decision<'_> {
        self.decide_stateless(&Transaction::from(*facts))
    }

    /// Decides over a transaction by policies that take no state; its `randomness` is not used.
    #[must_use]
    pub(crate) fn decide_stateless(&self, facts: &Transaction<'_>) -> Decision<'_> {
        let draws = Draws { salts: &self.salts, id: facts.facts.id, randomness: None };
        let draw = |salt: usize| draws.of(salt);
        let mut asked = self.in_order().map(|place| &self.policies[place]);
        let voted = asked.find_map(|policy| Some((policy, policy.vote(facts, &draw)?)));
        let Some((first, branch)) = voted else { return Decision::not_kept("") };
        if first.drops {
            return Decision::dropped(&first.name);
        }
        let others = self.policies.iter().skip_while(|policy| !std::ptr::eq(*policy, first)).skip(1);
        let others = others
            .filter(|policy| !self.stops_at_first && !policy.drops && policy.vote(facts, &draw).is_some());
        let votes = std::iter::once(first).chain(others).map(|policy| (&*policy.name, Verdict::Keep));
        Decision {
            keep: true,
            policy: Some(&branch.name),
            reason: self.about(branch, facts),
            weight: 1.0 / self.weights.inclusion(&self.policies, facts),
            votes: votes.collect(),
        }
    }

    /// The vote of every policy.
    #[must_use]
    pub fn explain(&self, facts: &TransactionFacts<'_>) -> Vec<Vote<'_>> {
        let facts = Transaction::from(*facts);
        let draws = Draws { salts: &self.salts, id: facts.facts.id, randomness: None };
        let vote = |policy: &'_ Policy| match (policy.vote(&facts, &|salt| draws.of(salt)), policy.drops) {
            (Some(_), true) => Verdict::Drop,
            (Some(_), false) => Verdict::Keep,
            (None, _) => Verdict::Nothing,
        };
        let about = |policy: &Policy| self.about_all(policy, &facts);
        let list = self.policies.iter();
        list.map(|policy| Vote { policy: &policy.name, verdict: vote(policy), about: about(policy) })
            .collect()
    }

    /// What a part of a policy asked and found.
    pub(crate) fn about(&self, branch: &Branch, facts: &Transaction<'_>) -> String {
        let mut text = String::new();
        let names = self.describers();
        // Writing to a string never fails.
        let _ = match (&branch.condition, &branch.keep) {
            (condition, Rule::Constant(true)) => condition.describe(facts, &names, &mut text),
            (Rule::Constant(true), keep) => keep.describe(facts, &names, &mut text),
            (condition, keep) => condition.describe(facts, &names, &mut text).and_then(|()| {
                text.push_str(", ");
                keep.describe(facts, &names, &mut text)
            }),
        };
        text
    }

    /// What all parts of a policy asked and found.
    pub(crate) fn about_all(&self, policy: &Policy, facts: &Transaction<'_>) -> String {
        let parts: Vec<_> = policy.branches.iter().map(|branch| self.about(branch, facts)).collect();
        parts.join("; ")
    }
}
