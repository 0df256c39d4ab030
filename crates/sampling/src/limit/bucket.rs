//! A bucket that fills over time, and who contends for what it holds in a window.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Limit, SECOND, ranking::Ranking};

/// A window counts as no shorter than this, seconds.
const SHORTEST: f64 = 1e-3;

/// So much more than a sum is enough for it, however it is rounded.
const ROUNDING: f64 = 1.0 + 1e-9;

/// Shares of one window, and keys that are remembered. Of what has none of its own all have one together.
const MAX_SHARES: usize = 10_000;

/// Keys of one window that were not seen before and have a share of their own all the same. So a flood of new keys makes the parts of those that are known no
/// smaller than by so many.
const NEW_SHARES: usize = 8;

/// A key is known for so long after it was last seen, nanoseconds of log time.
const KNOWN_FOR: u64 = 60 * SECOND;

/// Names the share of those that have none of their own.
const OTHERS: &str = "\0others";

/// The bucket of a limit, and who contends for it in this window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: Box<str>,
    tokens: f64,
    /// When it was filled last.
    filled: Option<u64>,
    contenders: Vec<Contender>,
    /// Shares of this window by key.
    shares: BTreeMap<String, u32>,
    /// How many of them are of keys that were not known.
    new: usize,
    /// Keys of windows before, and when they were seen last.
    known: BTreeMap<String, u64>,
}

/// One that contends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Contender {
    pub(super) cost: f64,
    pub(super) draw: u64,
    share: u32,
}

/// Which contender of which limit a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Contest {
    pub(crate) limit: u32,
    share: u32,
    /// `None` for one that did not come so far, by its own draw.
    number: Option<u32>,
}

impl Bucket {
    pub(crate) fn new(limit: &Limit) -> Self {
        Self {
            name: limit.name.clone(),
            tokens: limit.burst,
            filled: None,
            contenders: Vec::new(),
            shares: BTreeMap::new(),
            new: 0,
            known: BTreeMap::new(),
        }
    }

    /// Adds a contender of a share, or just one that might have been.
    pub(crate) fn contend(
        &mut self,
        limit: u32,
        key: String,
        contender: Option<(f64, u64)>,
        now: u64,
    ) -> Contest {
        self.filled.get_or_insert(now);
        let share = self.share_of(key);
        let number = contender.map(|(cost, draw)| {
            self.contenders.push(Contender { cost, draw, share });
            (self.contenders.len() - 1) as u32
        });
        Contest { limit, share, number }
    }

    /// The share of a key in this window. It hangs on who came, never on what is drawn.
    fn share_of(&mut self, key: String) -> u32 {
        if let Some(share) = self.shares.get(&key) {
            return *share;
        }
        let next = self.shares.len() as u32;
        let is_known = self.known.contains_key(&key);
        let has_own = self.shares.len() < MAX_SHARES - 1 && (is_known || self.new < NEW_SHARES);
        if !has_own {
            return *self.shares.entry(OTHERS.to_owned()).or_insert(next);
        }
        self.new += usize::from(!is_known);
        *self.shares.entry(key).or_insert(next)
    }

    /// The keys of the window that ends are known from now on.
    fn remember(&mut self, now: u64) {
        let shares = std::mem::take(&mut self.shares);
        self.new = 0;
        self.known.retain(|_, seen| now.saturating_sub(*seen) <= KNOWN_FOR);
        for key in shares.into_keys().filter(|key| key != OTHERS) {
            if self.known.len() < MAX_SHARES || self.known.contains_key(&key) {
                self.known.insert(key, now);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.contenders.is_empty()
    }

    /// Ends the window: ranks its contenders and takes from the bucket what those that pass cost.
    pub(crate) fn settle(&mut self, limit: &Limit, now: u64) -> Outcome {
        let since = now.saturating_sub(self.filled.unwrap_or(now));
        // A window that is ended early, for it is full, still lets something pass: without a probability there is no weight.
        let seconds = (since as f64 / SECOND as f64).max(SHORTEST);
        self.tokens = (self.tokens + limit.rate * seconds).min(limit.burst);
        self.filled = Some(now);
        let contenders = std::mem::take(&mut self.contenders);
        let shares = self.shares.len().max(1);
        self.remember(now);
        let outcome = Outcome::new(limit, &contenders, shares, self.tokens);
        self.tokens -= outcome.spent();
        outcome
    }
}

/// How a window ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// One for each share.
    rankings: Vec<Ranking>,
    /// What each share asks for, and gets.
    shares: Vec<(f64, f64)>,
    /// Number of each contender within its share.
    numbers: Vec<u32>,
    available: f64,
}

impl Outcome {
    fn new(limit: &Limit, contenders: &[Contender], shares: usize, available: f64) -> Self {
        let mut groups: Vec<Vec<Contender>> = vec![Vec::new(); shares];
        let mut numbers = Vec::with_capacity(contenders.len());
        for contender in contenders {
            let group = &mut groups[contender.share as usize];
            numbers.push(group.len() as u32);
            group.push(*contender);
        }
        let asked: Vec<f64> = groups.iter().map(|group| group.iter().map(|one| one.cost).sum()).collect();
        let given = share(&asked, available);
        let rankings =
            groups.iter().zip(&given).map(|(group, given)| Ranking::new(limit, group, *given)).collect();
        Self { rankings, shares: asked.into_iter().zip(given).collect(), numbers, available }
    }

    fn spent(&self) -> f64 {
        self.rankings.iter().map(Ranking::spent).sum()
    }

    /// The probability of passing, with all others given.
    pub(crate) fn probability(&self, limit: &Limit, cost: f64, contest: Contest) -> f64 {
        let Some(ranking) = self.rankings.get(contest.share as usize) else { return 0.0 };
        let number = contest.number.and_then(|number| self.numbers.get(number as usize)).copied();
        if number.is_some() || self.rankings.len() == 1 {
            return ranking.probability(limit, cost, number);
        }
        // Had it come, its share would have asked for more.
        let mut asked: Vec<f64> = self.shares.iter().map(|(asked, _)| *asked).collect();
        asked[contest.share as usize] += cost;
        let given = share(&asked, self.available);
        ranking.probability_of(limit, cost, None, given[contest.share as usize])
    }
}

/// Gives each what it asks for, up to an equal part; what some do not need goes to the others. One alone may have all of it.
fn share(asked: &[f64], available: f64) -> Vec<f64> {
    if asked.len() == 1 {
        return vec![available];
    }
    let mut order: Vec<usize> = (0..asked.len()).collect();
    order.sort_by(|a, b| asked[*a].total_cmp(&asked[*b]).then(a.cmp(b)));
    let mut given = vec![0.0; asked.len()];
    let mut left = available;
    for (place, index) in order.iter().enumerate() {
        let part = left / (order.len() - place) as f64;
        // Sums in another order may be rounded another way; what is asked for has to be enough.
        given[*index] = (asked[*index] * ROUNDING).min(part);
        left -= given[*index];
    }
    given
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn small_shares_get_what_they_ask_for_and_large_ones_the_same() {
        let rounded = |asked: &[f64], available| -> Vec<f64> {
            share(asked, available).iter().map(|given| (given * 1e6).round() / 1e6).collect()
        };
        assert_eq!(rounded(&[5.0], 100.0), [100.0]);
        assert_eq!(rounded(&[10.0, 500.0, 30.0, 400.0], 100.0), [10.0, 30.0, 30.0, 30.0]);
        assert_eq!(rounded(&[10.0, 20.0], 100.0), [10.0, 20.0]);
        assert_eq!(rounded(&[0.0, 50.0], 10.0), [0.0, 10.0]);
    }
}
