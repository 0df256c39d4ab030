//! Decisions that hang on what came before: limits, samplers that adapt, floors.
//!
//! A transaction is offered; it is decided at once, or at the end of the window of one second of log time in which it was offered, with a probability
//! that is known then. The state is what a snapshot holds of it; the same transactions at the same times give the same decisions.

mod before;
mod reduce;
mod window;

pub use self::window::MAX_PENDING;

use serde::{Deserialize, Serialize};

use self::{
    before::Before,
    reduce::{Asked, Reached, Reduced, tell},
    window::{Pending, Windows},
};
use crate::{
    adaptive::Learnt,
    decide::{Decision, Policies, Verdict, Vote},
    draw::Draws,
    facts::Transaction,
    floor::Seen,
    inclusion::{LEAST, inclusion},
    residual::{Ballot, Waits},
    usual::Durations,
};

/// What the reason of a transaction begins with that overload shed.
pub const OVERLOAD: &str = "overload";

/// Names a transaction that waits for the end of its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// What became of an offer.
#[derive(Clone, Debug, PartialEq)]
pub enum Offer<'p> {
    /// It is decided.
    Decided(Decision<'p>),
    /// [`Sampler::window_end`] will say, under this ticket.
    Pending(Ticket),
}

/// One that waited, decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled<'p> {
    /// Under which it was offered.
    pub ticket: Ticket,
    /// What became of it.
    pub decision: Decision<'p>,
}

/// The state of a set of policies.
///
/// ```
/// use throughline_sampling::{MatcherTable, Offer, Options, Policies, Sampler, Transaction, TransactionFacts};
///
/// let settings = serde_json::json!([
///     {"name": "large", "type": "cel", "cel": {"condition": "amount > 100000"}},
///     {"name": "rest", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 100}},
/// ]);
/// let settings: Vec<_> = serde_json::from_value(settings)?;
/// // The table says what to ask of spans, the policies which attributes to have at hand.
/// let mut table = MatcherTable::default();
/// let policies = Policies::compile_with(&settings, &Options::default(), &mut table).unwrap();
/// let (matchers, questions) = table.into_parts();
/// assert!(matchers.is_empty() && questions.is_empty());
/// assert_eq!(policies.attributes(), [Box::from("payment.amount")]);
///
/// let mut sampler = Sampler::new(&policies);
/// let facts = TransactionFacts { id: "transfer-1", spans: 25, ..TransactionFacts::default() };
/// let small = Transaction { attributes: &[Some("12.50")], ..facts.into() };
/// // At each log time, first what is due, then what closes.
/// assert!(sampler.window_end(&policies, 5_000_000_000).is_empty());
/// let Offer::Pending(ticket) = sampler.offer(&policies, &small, 5_000_000_000) else { panic!() };
/// assert_eq!(sampler.due(), Some(6_000_000_000));
/// let settled = sampler.window_end(&policies, 6_000_000_000);
/// assert_eq!((settled[0].ticket, settled[0].decision.policy), (ticket, Some("rest")));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampler {
    windows: Windows,
    adaptives: Vec<Learnt>,
    floors: Vec<Seen>,
    /// The share that overload leaves.
    shed: Option<f64>,
    usual: Durations,
}

impl Sampler {
    /// A state in which nothing has come.
    #[must_use]
    pub fn new(policies: &Policies) -> Self {
        Self {
            windows: Windows::new(&policies.limits),
            adaptives: policies.adaptives.iter().map(Learnt::new).collect(),
            floors: policies.floors.iter().map(Seen::new).collect(),
            shed: None,
            usual: Durations::default(),
        }
    }

    /// The state under other policies: what has a policy of the same name goes on, the rest begins anew. Whoever waits has to be settled before, under
    /// the policies that it was offered to ([`Self::flush`]).
    #[must_use]
    pub fn adopt(self, policies: &Policies) -> Self {
        let mut new = Self { shed: self.shed, usual: self.usual, ..Self::new(policies) };
        new.windows.take_over(self.windows);
        for learnt in self.adaptives {
            if let Some(place) = new.adaptives.iter_mut().find(|place| place.name == learnt.name) {
                *place = learnt;
            }
        }
        for seen in self.floors {
            if let Some(place) = new.floors.iter_mut().find(|place| place.name == seen.name) {
                *place = seen;
            }
        }
        new
    }

    /// Under overload, leaves this share of what is offered, above 0 and below 1, to the policies; the rest is not kept, by a hash of its id. Anything
    /// else leaves all. Weights say so, and so does the reason of what is not kept.
    pub fn shed(&mut self, share: f64) {
        self.shed = (share > 0.0 && share < 1.0).then_some(share);
    }

    /// Log time went on: what is usual is told anew.
    pub fn advance_usual(&mut self, now: u64) {
        self.usual.advance(now);
    }

    /// A transaction that went well took so long, nanoseconds.
    pub fn count_usual(&mut self, kind: &str, duration_ns: u64) {
        self.usual.count(kind, duration_ns);
    }

    /// How long transactions of a type usually took as of a log time, nanoseconds: the median of those that went well, within a twentieth. `None` where
    /// fewer than [`crate::LEAST_FOR_USUAL`] were seen.
    #[must_use]
    pub fn usual(&self, kind: &str, at: u64) -> Option<u64> {
        self.usual.of(kind, at)
    }

    /// Types whose times are counted.
    #[must_use]
    pub fn usual_types(&self) -> usize {
        self.usual.len()
    }

    /// Offers a transaction at a log time in nanoseconds. Where [`Self::due`] has come, [`Self::window_end`] has to be called before.
    pub fn offer<'p>(
        &mut self,
        policies: &'p Policies,
        transaction: &Transaction<'_>,
        now: u64,
    ) -> Offer<'p> {
        if is_plain(policies, transaction) && self.shed.is_none() {
            return Offer::Decided(policies.decide_stateless(transaction));
        }
        self.advance(policies, now);
        let before = match Before::of(transaction, self.shed) {
            Ok(before) => before,
            Err(one_in) => {
                let reason = format!("{OVERLOAD}: one in {one_in:.0} is left to policies");
                return Offer::Decided(Decision::not_kept(&reason));
            }
        };
        let draws = draws(policies, transaction);
        let Reduced { mut ballots, reached, dropped } = self.reduce(policies, transaction, Asked::First);
        self.count(policies, transaction, &reached, now);
        if let Some(policy) = dropped {
            return Offer::Decided(Decision::dropped(policy));
        }
        let draw = |salt: usize| draws.of(salt);
        if let Some(decision) = decided(policies, &ballots, &draw, transaction, before) {
            self.windows.contend(policies, (&reached.limits, &[]), transaction, &draw, now);
            return Offer::Decided(decision);
        }
        tell(policies, transaction, &mut ballots);
        let asked = asked(&ballots);
        let contests = self.windows.contend(policies, (&reached.limits, &asked), transaction, &draw, now);
        Offer::Pending(self.windows.wait(Pending::new(transaction, before, ballots, contests), now))
    }

    /// The decision of a transaction that was decided before, and of which more came: policies are asked by what is known now, and nothing is counted.
    /// Limits and floors, which count, vote nothing: what they said stands.
    #[must_use]
    pub fn amend<'p>(&self, policies: &'p Policies, transaction: &Transaction<'_>) -> Decision<'p> {
        if is_plain(policies, transaction) {
            return policies.decide_stateless(transaction);
        }
        let Ok(before) = Before::of(transaction, None) else { return Decision::not_kept("") };
        let draws = draws(policies, transaction);
        let Reduced { mut ballots, dropped, .. } = self.reduce(policies, transaction, Asked::Again);
        if let Some(policy) = dropped {
            return Decision::dropped(policy);
        }
        ballots.retain(|ballot| !ballot.has_limits());
        decided(policies, &ballots, &|salt| draws.of(salt), transaction, before)
            .unwrap_or_else(|| Decision::not_kept(""))
    }

    /// The log time at which the window ends; `None` where nothing waits for it.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        self.windows.due()
    }

    /// Ends the window, if it is due: decides all that were offered in it, in the order of their tickets.
    pub fn window_end<'p>(&mut self, policies: &'p Policies, now: u64) -> Vec<Settled<'p>> {
        if self.due().is_none_or(|due| now < due) { Vec::new() } else { self.flush(policies, now) }
    }

    /// Ends the window, due or not: before other policies, or at the end of the log.
    pub fn flush<'p>(&mut self, policies: &'p Policies, now: u64) -> Vec<Settled<'p>> {
        let settled = self.windows.settle(policies, now);
        settled.into_iter().map(|(ticket, pending)| settle(policies, ticket, &pending)).collect()
    }

    /// How many wait.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.windows.pending()
    }

    /// What every policy votes on a transaction that were offered now; nothing is counted. A policy that hangs on a limit waits.
    #[must_use]
    pub fn explain<'p>(&self, policies: &'p Policies, transaction: &Transaction<'_>) -> Vec<Vote<'p>> {
        let draws = draws(policies, transaction);
        let all = self.reduce_all(policies, transaction);
        let vote = |index: usize| {
            let policy = &policies.policies[index];
            let ballot = all.iter().find(|ballot| ballot.policy as usize == index);
            let verdict = match ballot.map_or(Ok(None), |ballot| ballot.vote(&|salt| draws.of(salt))) {
                Ok(Some(_)) if policy.drops => Verdict::Drop,
                Ok(Some(_)) => Verdict::Keep,
                Ok(None) => Verdict::Nothing,
                Err(Waits) => Verdict::Waits,
            };
            Vote { policy: &policy.name, verdict, about: policies.about_all(policy, transaction) }
        };
        (0..policies.policies.len()).map(vote).collect()
    }

    fn advance(&mut self, policies: &Policies, now: u64) {
        for (learnt, adaptive) in self.adaptives.iter_mut().zip(&policies.adaptives) {
            learnt.advance(adaptive, now);
        }
        for (seen, floor) in self.floors.iter_mut().zip(&policies.floors) {
            seen.advance(floor, now);
        }
    }

    fn count(&mut self, policies: &Policies, transaction: &Transaction<'_>, reached: &Reached, now: u64) {
        for &index in &reached.adaptives {
            if let (Some(learnt), Some(adaptive)) =
                (self.adaptives.get_mut(index), policies.adaptives.get(index))
            {
                let key = crate::key::key(&adaptive.fields, transaction);
                learnt.count(adaptive, &key, transaction.facts.spans.max(1), now);
            }
        }
        for &index in &reached.floors {
            if let (Some(seen), Some(floor)) = (self.floors.get_mut(index), policies.floors.get(index)) {
                seen.count(floor, crate::key::key(&floor.fields, transaction));
            }
        }
    }
}

/// Whether the facts alone decide.
fn is_plain(policies: &Policies, transaction: &Transaction<'_>) -> bool {
    !policies.is_stateful() && transaction.randomness.is_none() && transaction.sampled_before.is_none()
}

/// Limits that have a say in ballots.
fn asked(ballots: &[Ballot]) -> Vec<usize> {
    let mut limits = Vec::new();
    for branch in ballots.iter().flat_map(|ballot| &ballot.branches) {
        for rule in [&branch.condition, &branch.keep] {
            rule.limits(&mut |limit| limits.push(limit as usize));
        }
    }
    limits.sort_unstable();
    limits.dedup();
    limits
}

fn draws<'a>(policies: &'a Policies, transaction: &Transaction<'a>) -> Draws<'a> {
    Draws { salts: &policies.salts, id: transaction.facts.id, randomness: transaction.randomness }
}

/// The decision, where no limit has a say in it, nor in its weight, nor in who kept it.
fn decided<'p>(
    policies: &'p Policies,
    ballots: &[Ballot],
    draw: &impl Fn(usize) -> u64,
    transaction: &Transaction<'_>,
    before: Before,
) -> Option<Decision<'p>> {
    let mut first = None;
    let mut waits = false;
    for ballot in ballots {
        match ballot.vote(draw) {
            Err(Waits) if first.is_none() || ballot.drops => return None,
            Err(Waits) => waits = true,
            Ok(Some(_)) if ballot.drops && first.is_none() => {
                return Some(Decision::dropped(&policies.policies.get(ballot.policy as usize)?.name));
            }
            Ok(Some(place)) if !ballot.drops => first = first.or(Some((ballot, place))),
            Ok(_) => {}
        }
    }
    let Some((ballot, place)) = first else { return Some(Decision::not_kept("")) };
    let certain = ballots.iter().all(|ballot| !ballot.drops) && ballots.iter().any(Ballot::is_certain);
    if !certain && (waits || ballots.iter().any(Ballot::has_limits)) {
        return None;
    }
    let mut decision = kept(policies, ballots, (ballot, place), before);
    let policy = policies.policies.get(ballot.policy as usize);
    let branch = ballot.branches.get(place).and_then(|left| policy?.branches.get(left.index as usize));
    decision.reason = branch.map(|branch| policies.about(branch, transaction)).unwrap_or_default();
    decision.votes = keeps(policies, ballots, draw);
    Some(decision)
}

fn settle<'p>(policies: &'p Policies, ticket: Ticket, pending: &Pending) -> Settled<'p> {
    let draws = Draws { salts: &policies.salts, id: &pending.id, randomness: pending.randomness };
    let draw = |salt: usize| draws.of(salt);
    let ballots = &pending.ballots;
    let first = ballots.iter().find_map(|ballot| Some((ballot, ballot.vote(&draw).ok()??)));
    let decision = match first {
        None => Decision::not_kept(""),
        Some((ballot, _)) if ballot.drops => {
            let policy = policies.policies.get(ballot.policy as usize);
            policy.map_or_else(|| Decision::not_kept(""), |policy| Decision::dropped(&policy.name))
        }
        Some(first) => {
            let votes = keeps(policies, ballots, &draw);
            Decision { votes, ..kept(policies, ballots, first, pending.before) }
        }
    };
    Settled { ticket, decision }
}

fn kept<'p>(
    policies: &'p Policies,
    ballots: &[Ballot],
    (ballot, place): (&Ballot, usize),
    before: Before,
) -> Decision<'p> {
    let branch = ballot.branches.get(place);
    let name = branch
        .and_then(|branch| policies.policies.get(ballot.policy as usize)?.branches.get(branch.index as usize))
        .map(|branch| &*branch.name);
    let probability = inclusion(ballots, before.shared, before.reach) * before.share;
    Decision {
        keep: true,
        policy: name,
        reason: branch.map(|branch| branch.about.clone()).unwrap_or_default(),
        weight: 1.0 / probability.max(LEAST),
        votes: Vec::new(),
    }
}

/// The policies that vote keep, and those that a limit has still to answer; the first alone, where nobody is asked after it.
fn keeps<'p>(
    policies: &'p Policies,
    ballots: &[Ballot],
    draw: &impl Fn(usize) -> u64,
) -> Vec<(&'p str, Verdict)> {
    let voted = ballots.iter().filter(|ballot| !ballot.drops).filter_map(|ballot| {
        let verdict = match ballot.vote(draw) {
            Ok(Some(_)) => Verdict::Keep,
            Err(Waits) => Verdict::Waits,
            Ok(None) => return None,
        };
        Some((&*policies.policies.get(ballot.policy as usize)?.name, verdict))
    });
    let most = if policies.stops_at_first { 1 } else { ballots.len() };
    voted.take(most).collect()
}
