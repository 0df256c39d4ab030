//! How long transactions of each type usually take: the median of those that went well, so far.
//!
//! A count for each of some logarithmic buckets, so that it takes little room and is the same whatever order they came in. What is known is told anew once a
//! second of log time and stands as of that second: who asks later about an earlier moment hears what held then.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Fewer transactions of a type say nothing of what is usual.
pub const LEAST_FOR_USUAL: u64 = 30;

/// Types whose times are known. Types may be named by operations, and these may be as many as there are ids in a path: beyond it those that were seen least go.
pub const MAX_USUAL_TYPES: usize = 1_000;

/// After so long of log time, nanoseconds, all counts so far count half: an hour in which all is slow does not become what is usual, a week of it does.
const HALF_LIFE: u64 = 24 * 3600 * SECOND;

const SECOND: u64 = 1_000_000_000;

/// Answers of before that are remembered. They change seldom once many have been seen, and nobody decides long after a transaction began to close.
const REMEMBERED: usize = 4;

/// Buckets of an octave, as bits: a bucket is 6 % wide.
const STEP_BITS: u32 = 4;

/// What is usual, by type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Durations {
    types: BTreeMap<Box<str>, Times>,
    second: u64,
    period: u64,
}

/// Durations of one type.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Times {
    counts: BTreeMap<u16, u64>,
    total: u64,
    last_second: u64,
    /// Something was counted since the answer was told.
    changed: bool,
    /// The median, and the second from which on it held; 0 where it was not known. The last ones.
    told: Vec<(u64, u64)>,
}

impl Durations {
    /// Log time went on.
    pub(crate) fn advance(&mut self, now: u64) {
        let second = now / SECOND;
        if second <= self.second {
            return;
        }
        let period = now / HALF_LIFE;
        let halvings = if self.second == 0 { 0 } else { period - self.period };
        (self.second, self.period) = (second, period);
        if halvings > 0 {
            self.types.values_mut().for_each(|times| times.halve(halvings));
            self.types.retain(|_, times| times.total > 0);
        }
        self.types.values_mut().filter(|times| times.changed).for_each(|times| times.tell(second));
    }

    /// One more of a type that went well.
    pub(crate) fn count(&mut self, kind: &str, duration_ns: u64) {
        if !self.types.contains_key(kind) && !self.has_room() {
            return;
        }
        let times = match self.types.get_mut(kind) {
            Some(times) => times,
            None => self.types.entry(kind.into()).or_default(),
        };
        *times.counts.entry(bucket(duration_ns)).or_default() += 1;
        times.total += 1;
        times.changed = true;
        times.last_second = self.second;
    }

    /// Room for one type more: where there is none, of those of which nothing is known yet, the one that was seen least goes, and of equals the oldest.
    fn has_room(&mut self) -> bool {
        if self.types.len() < MAX_USUAL_TYPES {
            return true;
        }
        let unknown = self.types.iter().filter(|(_, times)| times.total < LEAST_FOR_USUAL);
        let least = unknown.min_by_key(|(_, times)| (times.total, times.last_second));
        match least.map(|(kind, _)| kind.clone()) {
            Some(kind) => self.types.remove(&kind).is_some(),
            None => false,
        }
    }

    /// What was usual of a type at a log time, nanoseconds; `None` where it was not known.
    pub(crate) fn of(&self, kind: &str, at: u64) -> Option<u64> {
        let told = &self.types.get(kind)?.told;
        let second = at / SECOND;
        let then = told.iter().rev().find(|(since, _)| *since <= second);
        // Of what was longer ago than is remembered the oldest is the best guess.
        let then = then.or_else(|| told.first().filter(|_| told.len() == REMEMBERED));
        then.map(|(_, usual)| *usual).filter(|usual| *usual > 0)
    }

    /// Types of which something is known or will be.
    pub(crate) fn len(&self) -> usize {
        self.types.len()
    }
}

impl Times {
    fn halve(&mut self, times: u64) {
        self.counts.values_mut().for_each(|count| *count = count.checked_shr(times as u32).unwrap_or(0));
        self.counts.retain(|_, count| *count > 0);
        self.total = self.counts.values().sum();
        self.changed = true;
    }

    fn tell(&mut self, second: u64) {
        self.changed = false;
        let usual = if self.total < LEAST_FOR_USUAL { 0 } else { self.median() };
        if self.told.last().map_or(0, |(_, last)| *last) == usual {
            return;
        }
        if self.told.len() == REMEMBERED {
            self.told.remove(0);
        }
        self.told.push((second, usual));
    }

    fn median(&self) -> u64 {
        let mut left = self.total.div_ceil(2);
        for (bucket, count) in &self.counts {
            match left.checked_sub(*count).filter(|left| *left > 0) {
                Some(more) => left = more,
                None => return middle(*bucket),
            }
        }
        0
    }
}

/// The bucket of a duration: exact below 16 ns, then 16 to an octave. Integers only, so that it is the same on every machine.
fn bucket(duration_ns: u64) -> u16 {
    let octave = (u64::BITS - duration_ns.leading_zeros()).saturating_sub(STEP_BITS + 1);
    let step = duration_ns >> octave;
    ((u64::from(octave) << STEP_BITS) + step) as u16
}

/// The duration in the middle of a bucket.
fn middle(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    let octave = (bucket >> STEP_BITS).saturating_sub(1);
    let step = bucket - (octave << STEP_BITS);
    (step << octave) + ((1u64 << octave) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn known(durations: &mut Durations, kind: &str, times: impl IntoIterator<Item = u64>) {
        times.into_iter().for_each(|time| durations.count(kind, time));
    }

    #[test]
    fn a_duration_comes_back_within_a_twentieth() {
        let mut last = 0;
        for time in
            (0..50).flat_map(|octave| (0..50).map(move |step| (1u64 << octave) + step * (1 << octave) / 50))
        {
            let (bucket, back) = (bucket(time), middle(bucket(time)));
            assert!(back.abs_diff(time) * 20 <= time, "{time} came back as {back}");
            assert!(bucket >= last, "{time} is not below what was before it");
            last = bucket;
        }
        assert_eq!(middle(bucket(0)), 0);
        assert!(middle(bucket(u64::MAX)) > u64::MAX / 20 * 19);
    }

    #[test]
    fn the_median_is_known_once_enough_were_seen_and_from_the_next_second_on() {
        let mut durations = Durations::default();
        durations.advance(5 * SECOND);
        known(&mut durations, "a", (1..LEAST_FOR_USUAL).map(|step| step * MS));
        durations.advance(6 * SECOND);
        assert_eq!(durations.of("a", 6 * SECOND), None, "too few");
        known(&mut durations, "a", [30 * MS]);
        assert_eq!(durations.of("a", 6 * SECOND), None, "not told yet");
        durations.advance(7 * SECOND);
        let usual = durations.of("a", 7 * SECOND).unwrap();
        assert!(usual.abs_diff(15 * MS) < MS, "{usual}");
        assert_eq!(durations.of("a", 6 * SECOND), None, "a moment before hears what held then");
        assert_eq!(durations.of("b", 7 * SECOND), None);
    }

    #[test]
    fn the_order_does_not_matter_and_one_slow_hour_is_not_usual() {
        let (mut forth, mut back) = (Durations::default(), Durations::default());
        known(&mut forth, "a", (1..=100).map(|step| step * MS));
        known(&mut back, "a", (1..=100).rev().map(|step| step * MS));
        forth.advance(SECOND);
        back.advance(SECOND);
        assert_eq!(forth, back);
        let usual = forth.of("a", SECOND);
        known(&mut forth, "a", [60_000 * MS; 40]);
        forth.advance(3600 * SECOND);
        assert!(forth.of("a", 3600 * SECOND).unwrap() < 2 * usual.unwrap());
    }

    #[test]
    fn what_was_long_ago_counts_less_and_is_forgotten() {
        let mut durations = Durations::default();
        durations.advance(SECOND);
        known(&mut durations, "a", [10 * MS; 100]);
        durations.advance(HALF_LIFE);
        durations.advance(2 * HALF_LIFE);
        known(&mut durations, "a", [80 * MS; 50]);
        durations.advance(2 * HALF_LIFE + SECOND);
        let usual = durations.of("a", 2 * HALF_LIFE + SECOND).unwrap();
        assert!(usual > 70 * MS, "a quarter of the old ones is less than the new ones: {usual}");
        durations.advance(100 * HALF_LIFE);
        assert_eq!((durations.of("a", 100 * HALF_LIFE), durations.len()), (None, 0));
    }

    #[test]
    fn a_flood_of_types_takes_the_place_of_no_known_one_and_of_none_that_comes_often() {
        let mut durations = Durations::default();
        known(&mut durations, "known", [MS; 40]);
        for number in 0..3 * MAX_USUAL_TYPES as u64 {
            durations.advance(number / 100 * SECOND);
            durations.count(&format!("GET /accounts/{number}"), MS);
            if number % 50 == 0 {
                durations.count("often", 3 * MS);
            }
        }
        durations.advance(1000 * SECOND);
        assert_eq!(durations.len(), MAX_USUAL_TYPES);
        assert!(durations.of("known", 1000 * SECOND).is_some());
        assert!(durations.of("often", 1000 * SECOND).is_some());
    }
}
