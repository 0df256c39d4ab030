//! What an hour of the week brings in shares: errors and shapes that come each night are normal then, and at no other time.
//!
//! Only what an incident brought is remembered, by the hour of the week. Once it came at the same hour of the day three times it is what that hour
//! brings; while an hour of the week is hardly known it borrows from the same hour of other days, and that from what is usual over all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_HABITS, SLOTS_AN_HOUR};
use super::season::{DAY, EDGE, HOURS, RECURS};

/// Occurrences that are worth as much as what an hour borrows.
const BORROWED: f32 = 60.0;
/// What did not come for so many days is forgotten, where room is needed.
const MAX_AGE_DAYS: u16 = 35;

/// One hour of the week.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: u8,
    /// Days on which it belonged to an incident, and the last of them.
    bad_days: u8,
    bad_day: u16,
    /// The day that was counted last: what was before weighs half.
    day: u16,
    hits: f32,
    of: f32,
}

/// By mix and category. At most [`MAX_HABITS`] hours of 20 bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Habits {
    of: BTreeMap<(u32, u64), Vec<Hour>>,
    hours: usize,
}

/// What a slot had of a category.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) slot: u64,
    pub(crate) hits: u32,
    pub(crate) of: u32,
    /// It belongs to an incident.
    pub(crate) bad: bool,
}

impl Habits {
    /// The share of a category that is usual in a slot, where over all it is `base`: never less.
    pub(crate) fn usual(&self, mix: u32, category: u64, slot: u64, base: f32) -> f32 {
        let Some(hours) = self.of.get(&(mix, category)) else { return base };
        let (hour, part) = (slot / SLOTS_AN_HOUR, slot % SLOTS_AN_HOUR);
        let other = match part {
            _ if part < EDGE => hour + HOURS - 1,
            _ if part + EDGE >= SLOTS_AN_HOUR => hour + 1,
            _ => hour,
        };
        let of = |hour: u64| share(hours, hour % HOURS, base);
        of(hour).max(of(other)).max(base)
    }

    /// Learns what a slot brought: a new hour only where it belongs to an incident, or where other days have that hour.
    pub(crate) fn learn(&mut self, mix: u32, category: u64, part: Part) {
        let number = (part.slot / SLOTS_AN_HOUR % HOURS) as u8;
        let day = (part.slot / SLOTS_AN_HOUR / DAY) as u16;
        let known = self.of.get(&(mix, category));
        let is_like = |hour: &Hour| u64::from(hour.number) % DAY == u64::from(number) % DAY;
        if !part.bad && known.is_none_or(|hours| !hours.iter().any(is_like)) {
            return;
        }
        let is_new = known.is_none_or(|hours| !hours.iter().any(|hour| hour.number == number));
        if is_new && !self.has_room(day) {
            return;
        }
        self.hours += usize::from(is_new);
        let hours = self.of.entry((mix, category)).or_default();
        let at = hours.binary_search_by_key(&number, |hour| hour.number).unwrap_or_else(|at| {
            hours.insert(at, Hour { number, bad_days: 0, bad_day: 0, day, hits: 0.0, of: 0.0 });
            at
        });
        let hour = &mut hours[at];
        if hour.day != day {
            (hour.hits, hour.of, hour.day) = (hour.hits / 2.0, hour.of / 2.0, day);
        }
        if part.bad && (hour.bad_days == 0 || hour.bad_day != day) {
            (hour.bad_days, hour.bad_day) = (hour.bad_days.saturating_add(1), day);
        }
        hour.hits += part.hits as f32;
        hour.of += part.of as f32;
    }

    /// A mix gave its place to another.
    pub(crate) fn forget(&mut self, mix: u32) {
        self.of.retain(|key, _| key.0 != mix);
        self.hours = self.of.values().map(Vec::len).sum();
    }

    /// Whether one more hour can be held; what is old makes room.
    fn has_room(&mut self, day: u16) -> bool {
        if self.hours >= MAX_HABITS {
            self.of.retain(|_, hours| {
                hours.retain(|hour| day.saturating_sub(hour.day) <= MAX_AGE_DAYS);
                !hours.is_empty()
            });
            self.hours = self.of.values().map(Vec::len).sum();
        }
        self.hours < MAX_HABITS
    }
}

fn share(hours: &[Hour], hour: u64, base: f32) -> f32 {
    let like = || hours.iter().filter(|entry| u64::from(entry.number) % DAY == hour % DAY);
    if like().map(|entry| u32::from(entry.bad_days)).sum::<u32>() < RECURS {
        return base;
    }
    let (mut own, mut others) = ((0.0, 0.0), (0.0, 0.0));
    for entry in like() {
        let into = if u64::from(entry.number) == hour { &mut own } else { &mut others };
        *into = (into.0 + entry.hits, into.1 + entry.of);
    }
    let borrowed = (others.0 + BORROWED * base) / (others.1 + BORROWED);
    (own.0 + BORROWED * borrowed) / (own.1 + BORROWED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIX: u32 = 7;

    fn slot(day: u64, hour: u64) -> u64 {
        (day * DAY + hour) * SLOTS_AN_HOUR + SLOTS_AN_HOUR / 2
    }

    /// An hour of a night with one error in twenty.
    fn night(habits: &mut Habits, day: u64, hits: u32, bad: bool) {
        for part in 0..60 {
            habits.learn(MIX, 1, Part { slot: slot(day, 2) + part, hits, of: 20, bad });
        }
    }

    #[test]
    fn what_came_three_nights_is_what_that_hour_brings_until_it_comes_no_more() {
        let mut habits = Habits::default();
        let usual = |habits: &Habits, day, hour| habits.usual(MIX, 1, slot(day, hour), 0.001);
        for day in 0..3 {
            assert!(usual(&habits, day, 2) < 0.002, "night {day}");
            night(&mut habits, day, 1, true);
        }
        assert!(usual(&habits, 3, 2) > 0.04, "another day borrows: {}", usual(&habits, 3, 2));
        assert!(usual(&habits, 7, 2) > 0.04, "the same day of the next week");
        assert!(usual(&habits, 3, 14) < 0.002 && usual(&habits, 3, 4) < 0.002, "at no other time");
        for day in 3..17 {
            night(&mut habits, day, 0, false);
        }
        assert!(usual(&habits, 17, 2) < 0.01, "mended: {}", usual(&habits, 17, 2));
    }

    #[test]
    fn memory_is_bounded_and_what_is_old_makes_room() {
        let mut habits = Habits::default();
        let part = |day| Part { slot: slot(day, 2), hits: 1, of: 20, bad: true };
        (0..MAX_HABITS as u64 + 10).for_each(|category| habits.learn(MIX, category, part(0)));
        assert_eq!(habits.hours, MAX_HABITS);
        habits.learn(MIX, u64::MAX, part(u64::from(MAX_AGE_DAYS)));
        assert_eq!(habits.hours, MAX_HABITS, "nothing is old enough");
        habits.learn(MIX, u64::MAX, part(u64::from(MAX_AGE_DAYS) + 1));
        assert_eq!(habits.hours, 1);
        habits.forget(MIX);
        assert!(habits.of.is_empty() && habits.hours == 0);
    }
}
