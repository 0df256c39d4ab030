//! The window: who contends for which limit, and who waits for its end.

use serde::{Deserialize, Serialize};

use super::{Ticket, before::Before};
use crate::{
    decide::Policies,
    draw::below,
    facts::Transaction,
    key::key,
    limit::{Bucket, Contest, Limit, SECOND, Size},
    residual::{Ballot, Residual},
    trace_state::Randomness,
};

/// Transactions that may wait for the end of a window: with more, it ends at once. They take some 300 bytes each, and nobody closes so many a second.
pub const MAX_PENDING: usize = 1_000_000;

/// One that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) id: Box<str>,
    pub(super) randomness: Option<Randomness>,
    pub(super) before: Before,
    pub(super) ballots: Vec<Ballot>,
    size: Size,
    /// Limits that have a say.
    contests: Vec<Contest>,
}

impl Pending {
    pub(super) fn new(
        transaction: &Transaction<'_>,
        before: Before,
        ballots: Vec<Ballot>,
        contests: Vec<Contest>,
    ) -> Self {
        Self {
            id: transaction.facts.id.into(),
            randomness: transaction.randomness,
            before,
            ballots,
            size: Size::of(transaction),
            contests,
        }
    }
}

/// All limits' buckets, and the window that is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Windows {
    buckets: Vec<Bucket>,
    pending: Vec<Pending>,
    /// Ticket of the first that waits.
    first: u64,
    /// When the open window ends.
    end: Option<u64>,
}

impl Windows {
    pub(super) fn new(limits: &[Limit]) -> Self {
        Self { buckets: limits.iter().map(Bucket::new).collect(), ..Self::default() }
    }

    /// Buckets of limits that have the same name, and the tickets that were given.
    pub(super) fn take_over(&mut self, other: Self) {
        self.first = other.first + other.pending.len() as u64;
        for bucket in other.buckets {
            if let Some(place) = self.buckets.iter_mut().find(|place| place.name == bucket.name) {
                *place = bucket;
            }
        }
    }

    pub(super) fn due(&self) -> Option<u64> {
        if self.pending.len() >= MAX_PENDING { Some(0) } else { self.end }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Contends for limits; `asked` are those that would have a say, had its own draws been others.
    pub(super) fn contend(
        &mut self,
        policies: &Policies,
        (reached, asked): (&[usize], &[usize]),
        transaction: &Transaction<'_>,
        draw: &impl Fn(usize) -> u64,
        now: u64,
    ) -> Vec<Contest> {
        let size = Size::of(transaction);
        let mut contests = Vec::with_capacity(reached.len());
        let only_asked = asked.iter().filter(|index| !reached.contains(index)).map(|index| (*index, false));
        for (index, contends) in reached.iter().map(|index| (*index, true)).chain(only_asked) {
            if let (Some(limit), Some(bucket)) = (policies.limits.get(index), self.buckets.get_mut(index)) {
                let contender = contends.then(|| (limit.cost(&size), draw(limit.salt)));
                let key = key(&limit.fair_by, transaction);
                contests.push(bucket.contend(index as u32, key, contender, now));
                self.open(now);
            }
        }
        contests
    }

    pub(super) fn wait(&mut self, pending: Pending, now: u64) -> Ticket {
        self.open(now);
        self.pending.push(pending);
        Ticket(self.first + self.pending.len() as u64 - 1)
    }

    fn open(&mut self, now: u64) {
        self.end.get_or_insert((now / SECOND + 1).saturating_mul(SECOND));
    }

    /// Ends the window; limits in the ballots of those that waited become draws.
    pub(super) fn settle(&mut self, policies: &Policies, now: u64) -> Vec<(Ticket, Pending)> {
        self.end = None;
        let mut outcomes = Vec::with_capacity(self.buckets.len());
        for (bucket, limit) in self.buckets.iter_mut().zip(&policies.limits) {
            let needed = !bucket.is_empty() || !self.pending.is_empty();
            outcomes.push(needed.then(|| bucket.settle(limit, now)));
        }
        let first = self.first;
        self.first += self.pending.len() as u64;
        let mut settled = Vec::with_capacity(self.pending.len());
        for (number, mut pending) in (first..).zip(std::mem::take(&mut self.pending)) {
            let (size, contests) = (pending.size, std::mem::take(&mut pending.contests));
            let resolved = |index: u32| {
                let limit = policies.limits.get(index as usize);
                let outcome = outcomes.get(index as usize).and_then(Option::as_ref);
                let contest = contests.iter().find(|contest| contest.limit == index);
                let (Some(limit), Some(outcome), Some(contest)) = (limit, outcome, contest) else {
                    return Residual::Constant(false);
                };
                let probability = outcome.probability(limit, limit.cost(&size), *contest);
                Residual::draw(limit.salt, below(probability))
            };
            for ballot in &mut pending.ballots {
                ballot.resolve(&resolved);
            }
            settled.push((Ticket(number), pending));
        }
        settled
    }
}
