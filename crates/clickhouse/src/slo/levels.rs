//! Counts by minute, and what they come to.

use std::collections::BTreeMap;

use super::{Minute, Objective, WINDOWS, Window};

/// Minutes of a day.
const DAY: u64 = 1440;

/// The latest minutes, asked for each time: transactions close and are amended an hour after they began and more.
const RECENT: u64 = 180;

/// A day is asked for again after so many minutes: what is amended later than [`RECENT`] counts by then.
const STALE: u64 = 60;

/// A type over a window.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The type's name.
    pub kind: String,
    /// The window.
    pub window: Window,
    /// Transactions that began in it.
    pub transactions: u64,
    /// Part of them that was good; 1 where there were none.
    pub attainment: f64,
    /// How many times faster than allowed the error budget is spent; infinite where nothing is allowed.
    pub burn_rate: f64,
}

/// Counts by minute.
#[derive(Debug, Default)]
pub struct Levels {
    objectives: Vec<Objective>,
    /// By type and minute: all, and the good ones.
    minutes: BTreeMap<(usize, u64), (u64, u64)>,
    /// Days that are known, and the minute when they were asked for.
    days: BTreeMap<u64, u64>,
}

impl Levels {
    /// Goes by these objectives from now on; nothing is known of them yet.
    pub fn set(&mut self, objectives: Vec<Objective>) {
        *self = Self { objectives, ..Self::default() };
    }

    /// The objectives.
    #[must_use]
    pub fn objectives(&self) -> &[Objective] {
        &self.objectives
    }

    /// What to ask for each time: from and to before, in minutes. `now` is the minute that has begun.
    #[must_use]
    pub fn recent(now: u64) -> (u64, u64) {
        ((now + 1).saturating_sub(RECENT), now + 1)
    }

    /// The day that is to be asked for next, if one is: those that are not known, the latest first; then the stalest.
    #[must_use]
    pub fn next_day(&self, now: u64) -> Option<(u64, u64)> {
        let unknown = days(now).rev().find(|day| !self.days.contains_key(day));
        let stalest = || self.days.iter().min_by_key(|(_, asked)| **asked);
        let stale = || stalest().filter(|(_, asked)| **asked + STALE <= now).map(|(day, _)| *day);
        unknown.or_else(stale).map(|day| (day * DAY, (day + 1) * DAY))
    }

    /// Takes the answer for the minutes from `since` to before `until`, instead of what was known of them.
    pub fn put(&mut self, (since, until): (u64, u64), answer: &[Minute], now: u64) {
        self.minutes.retain(|(_, minute), _| !(since..until).contains(minute));
        for minute in answer {
            if let Some(index) = self.objectives.iter().position(|of| of.kind == minute.kind) {
                self.minutes.insert((index, minute.minute), (minute.transactions, minute.good));
            }
        }
        if until - since == DAY {
            self.days.insert(since / DAY, now);
        }
        let first = days(now).start;
        self.days.retain(|day, _| *day >= first);
        self.minutes.retain(|(_, minute), _| *minute >= first * DAY);
    }

    /// Every type over every window of which all is known.
    #[must_use]
    pub fn levels(&self, now: u64) -> Vec<Level> {
        let mut levels = Vec::new();
        for window in WINDOWS {
            let first = (now + 1).saturating_sub(window.minutes);
            let is_known = |day: u64| self.days.contains_key(&day);
            if !(first / DAY..=now / DAY).all(is_known) {
                continue;
            }
            for (index, objective) in self.objectives.iter().enumerate() {
                let minutes = self.minutes.range((index, first)..(index + 1, 0));
                let (transactions, good) =
                    minutes.fold((0, 0), |(all, met), (_, (more, good))| (all + more, met + good));
                levels.push(Level::of(objective, window, transactions, good));
            }
        }
        levels
    }
}

impl Level {
    fn of(objective: &Objective, window: Window, transactions: u64, good: u64) -> Self {
        let attainment = if transactions == 0 { 1.0 } else { good as f64 / transactions as f64 };
        let burn_rate = match (good == transactions, objective.objective >= 1.0) {
            (true, _) => 0.0,
            (false, true) => f64::INFINITY,
            (false, false) => (1.0 - attainment) / (1.0 - objective.objective),
        };
        Self { kind: objective.kind.clone(), window, transactions, attainment, burn_rate }
    }

    /// What is left of the error budget over the window: 1 is all, below 0 is overspent.
    #[must_use]
    pub fn budget_left(&self) -> f64 {
        1.0 - self.burn_rate
    }
}

/// Days that the longest window touches.
fn days(now: u64) -> std::ops::Range<u64> {
    let longest = WINDOWS.iter().map(|window| window.minutes).max().unwrap_or(0);
    (now + 1).saturating_sub(longest) / DAY..now / DAY + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 20_000 * DAY + 700;

    fn levels() -> Levels {
        let objective = |kind: &str, objective| Objective { kind: kind.to_owned(), latency_ns: 1, objective };
        let mut levels = Levels::default();
        levels.set(vec![objective("transfer", 0.9), objective("refund", 1.0)]);
        levels
    }

    fn minute(kind: &str, minute: u64, transactions: u64, good: u64) -> Minute {
        Minute { kind: kind.to_owned(), minute, transactions, good }
    }

    /// Asks for days until none is left; each has one bad transfer in ten at its tenth hour.
    fn fill(levels: &mut Levels, now: u64) -> usize {
        let mut asked = 0;
        while let Some((since, until)) = levels.next_day(now) {
            levels.put((since, until), &[minute("transfer", since + 600, 10, 9)], now);
            asked += 1;
        }
        asked
    }

    fn of(levels: &Levels, now: u64, kind: &str, window: &str) -> Level {
        let all = levels.levels(now);
        all.into_iter().find(|level| level.kind == kind && level.window.name == window).unwrap()
    }

    #[test]
    fn windows_end_now_and_count_minutes() {
        let mut levels = levels();
        assert_eq!(fill(&mut levels, NOW), 31, "30 days touch 31");
        assert_eq!(fill(&mut levels, NOW), 0, "all is known");
        let three = of(&levels, NOW, "transfer", "3d");
        assert_eq!((three.transactions, three.attainment), (30, 0.9));
        assert!((three.burn_rate - 1.0).abs() < 1e-9 && three.budget_left().abs() < 1e-9, "{three:?}");
        let hour = of(&levels, NOW, "transfer", "1h");
        assert_eq!((hour.transactions, hour.attainment, hour.burn_rate), (0, 1.0, 0.0));
        let recent = Levels::recent(NOW);
        let bad =
            [minute("transfer", NOW - 5, 4, 2), minute("refund", NOW, 3, 2), minute("other", NOW, 9, 9)];
        levels.put(recent, &bad, NOW);
        let hour = of(&levels, NOW, "transfer", "1h");
        assert_eq!((hour.transactions, hour.attainment), (4, 0.5));
        assert!((hour.burn_rate - 5.0).abs() < 1e-9, "{hour:?}");
        assert_eq!(of(&levels, NOW, "refund", "6h").burn_rate, f64::INFINITY, "nothing may be bad");
        levels.put(recent, &[], NOW);
        assert_eq!(of(&levels, NOW, "transfer", "1h").transactions, 0, "an answer replaces what was known");
    }

    #[test]
    fn a_window_is_told_once_all_of_it_is_known() {
        let mut levels = levels();
        let day = levels.next_day(NOW).unwrap();
        assert_eq!(day.0, NOW / DAY * DAY, "today first");
        levels.put(day, &[], NOW);
        let names: Vec<_> = levels.levels(NOW).iter().map(|level| level.window.name).collect();
        assert_eq!(names, ["1h", "1h", "6h", "6h"]);
    }

    #[test]
    fn days_are_asked_for_again_and_forgotten() {
        let mut levels = levels();
        fill(&mut levels, NOW);
        assert_eq!(fill(&mut levels, NOW + STALE), 31);
        let later = NOW + 2 * DAY;
        fill(&mut levels, later);
        assert_eq!((levels.days.len(), levels.minutes.len()), (31, 31));
    }
}
