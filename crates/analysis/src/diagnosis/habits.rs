//! What an hour of the week brings in shares: errors and shapes that come each night are normal then, and at no other time.
//!
//! Only what an incident brought is remembered, by the hour of the week. Once it came at the same hour of the day on three days it is what that hour
//! brings, from the next day on; while an hour of the week is hardly known it borrows from the same hour of other days, and that from what is usual over
//! all. What today brings says nothing about today: an incident must not end itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_HABITS, SLOTS_AN_HOUR};
use super::season::{DAY, EDGE, HOURS, RECURS};

/// Occurrences that are worth as much as what an hour borrows, and that say whether it came today.
const BORROWED: f32 = 60.0;
/// What did not come at an hour of the day for so many days is no habit: it begins anew. Two weeks, so that what comes each week is one.
const MAX_AGE_DAYS: u16 = 14;

/// One hour of the week.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: u8,
    /// Days on which it came, as an incident or as it is wont to, and the last of them.
    came_days: u8,
    came_day: u16,
    /// The day that was counted last.
    day: u16,
    /// Of the days before that one: what was before weighs half.
    hits: f32,
    of: f32,
    /// Of that day.
    hits_today: f32,
    of_today: f32,
}

impl Hour {
    fn new(number: u8, day: u16) -> Self {
        Self { number, came_days: 0, came_day: 0, day, hits: 0.0, of: 0.0, hits_today: 0.0, of_today: 0.0 }
    }

    fn is_like(&self, number: u8) -> bool {
        u64::from(self.number) % DAY == u64::from(number) % DAY
    }

    /// On how many days before this one it came.
    fn days_before(&self, day: u16) -> u32 {
        u32::from(self.came_days) - u32::from(self.came_days > 0 && self.came_day == day)
    }

    /// What was known before this day.
    fn before(&self, day: u16) -> (f32, f32) {
        match self.day == day {
            true => (self.hits, self.of),
            false => (self.hits / 2.0 + self.hits_today, self.of / 2.0 + self.of_today),
        }
    }

    fn count(&mut self, day: u16, part: &Part) {
        if self.day != day {
            (self.hits, self.of) = self.before(day);
            (self.hits_today, self.of_today, self.day) = (0.0, 0.0, day);
        }
        self.hits_today += part.hits as f32;
        self.of_today += part.of as f32;
        let is_wont =
            part.usual > 2.0 * part.base && self.hits_today >= part.usual / 2.0 * self.of_today.max(BORROWED);
        if (part.bad || is_wont) && (self.came_days == 0 || self.came_day != day) {
            (self.came_days, self.came_day) = (self.came_days.saturating_add(1), day);
        }
    }
}

/// By mix and category. At most [`MAX_HABITS`] hours of 24 bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Habits {
    of: BTreeMap<(u32, u64), Vec<Hour>>,
    hours: usize,
    /// The day on which room was made last.
    swept: Option<u16>,
    /// Hours that found no room since somebody asked.
    #[serde(skip)]
    refused: u64,
}

/// What a slot had of a category.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) slot: u64,
    pub(crate) hits: u32,
    pub(crate) of: u32,
    /// It belongs to an incident.
    pub(crate) bad: bool,
    /// The share that is usual over all, and in this slot.
    pub(crate) base: f32,
    pub(crate) usual: f32,
}

impl Habits {
    /// The share of a category that is usual in a slot by what was known before that day, where over all it is `base`: never less.
    pub(crate) fn usual(&self, mix: u32, category: u64, slot: u64, base: f32) -> f32 {
        let Some(hours) = self.of.get(&(mix, category)) else { return base };
        let (hour, part) = (slot / SLOTS_AN_HOUR, slot % SLOTS_AN_HOUR);
        let other = match part {
            _ if part < EDGE => hour.saturating_sub(1),
            _ if part + EDGE >= SLOTS_AN_HOUR => hour + 1,
            _ => hour,
        };
        let of = |hour: u64| share(hours, (hour % HOURS) as u8, (hour / DAY) as u16, base);
        of(hour).max(of(other)).max(base)
    }

    /// Learns what a slot brought: a new hour only where it belongs to an incident, or where other days have that hour.
    pub(crate) fn learn(&mut self, mix: u32, category: u64, part: Part) {
        let number = (part.slot / SLOTS_AN_HOUR % HOURS) as u8;
        let day = (part.slot / SLOTS_AN_HOUR / DAY) as u16;
        if let Some(hours) = self.of.get_mut(&(mix, category))
            && hours.iter().any(|hour| hour.is_like(number))
            && !is_habit(hours, number, day)
        {
            let before = hours.len();
            hours.retain(|hour| !hour.is_like(number));
            self.hours -= before - hours.len();
            if hours.is_empty() {
                self.of.remove(&(mix, category));
            }
        }
        let known = self.of.get(&(mix, category));
        if !part.bad && known.is_none_or(|hours| !hours.iter().any(|hour| hour.is_like(number))) {
            return;
        }
        let is_new = known.is_none_or(|hours| !hours.iter().any(|hour| hour.number == number));
        if is_new && !self.has_room(day) {
            self.refused += 1;
            return;
        }
        self.hours += usize::from(is_new);
        let hours = self.of.entry((mix, category)).or_default();
        let at = hours.binary_search_by_key(&number, |hour| hour.number).unwrap_or_else(|at| {
            hours.insert(at, Hour::new(number, day));
            at
        });
        hours[at].count(day, &part);
    }

    /// A mix gave its place to another.
    pub(crate) fn forget(&mut self, mix: u32) {
        self.of.retain(|key, _| key.0 != mix);
        self.hours = self.of.values().map(Vec::len).sum();
    }

    /// How many hours of the week found no room since the last call.
    pub(crate) fn take_refused(&mut self) -> u64 {
        std::mem::take(&mut self.refused)
    }

    /// Whether one more hour can be held; what is no habit any more makes room, looked for once a day.
    fn has_room(&mut self, day: u16) -> bool {
        if self.hours >= MAX_HABITS && self.swept != Some(day) {
            self.swept = Some(day);
            self.of.retain(|_, hours| {
                let all = hours.clone();
                hours.retain(|hour| is_habit(&all, hour.number, day));
                !hours.is_empty()
            });
            self.hours = self.of.values().map(Vec::len).sum();
        }
        self.hours < MAX_HABITS
    }
}

/// Whether something came lately at this hour of the day, on whatever day.
fn is_habit(hours: &[Hour], number: u8, day: u16) -> bool {
    let mut like = hours.iter().filter(|entry| entry.is_like(number) && entry.came_days > 0);
    like.any(|entry| day.saturating_sub(entry.came_day) <= MAX_AGE_DAYS)
}

fn share(hours: &[Hour], number: u8, day: u16, base: f32) -> f32 {
    let like = || hours.iter().filter(|entry| entry.is_like(number));
    if like().map(|entry| entry.days_before(day)).sum::<u32>() < RECURS || !is_habit(hours, number, day) {
        return base;
    }
    let (mut own, mut others) = ((0.0, 0.0), (0.0, 0.0));
    for entry in like() {
        let into = if entry.number == number { &mut own } else { &mut others };
        let (hits, of) = entry.before(day);
        *into = (into.0 + hits, into.1 + of);
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

    /// What mixes learn: errors of `hits` in twenty.
    fn part(habits: &Habits, slot: u64, hits: u32, bad: bool) -> Part {
        let base = 0.001;
        Part { slot, hits, of: 20, bad, base, usual: habits.usual(MIX, 1, slot, base) }
    }

    fn night(habits: &mut Habits, day: u64, hits: u32, bad: bool) {
        for at in 0..60 {
            let part = part(habits, slot(day, 2) + at, hits, bad);
            habits.learn(MIX, 1, part);
        }
    }

    fn usual(habits: &Habits, day: u64, hour: u64) -> f32 {
        habits.usual(MIX, 1, slot(day, hour), 0.001)
    }

    #[test]
    fn what_came_three_nights_is_what_that_hour_brings_until_it_comes_no_more() {
        let mut habits = Habits::default();
        for day in 0..3 {
            assert!(usual(&habits, day, 2) < 0.002, "night {day}");
            night(&mut habits, day, 1, true);
            assert!(usual(&habits, day, 2) < 0.002, "night {day} is no reason for itself");
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
    fn what_keeps_coming_stays_a_habit_though_it_is_no_incident_any_more() {
        let mut habits = Habits::default();
        for day in 0..60 {
            assert_eq!(usual(&habits, day, 2) > 0.04, day >= 3, "night {day}: {}", usual(&habits, day, 2));
            night(&mut habits, day, 1, day < 3);
        }
    }

    #[test]
    fn three_incidents_months_apart_are_no_habit() {
        let mut habits = Habits::default();
        for day in [0, 60, 121] {
            night(&mut habits, day, 1, true);
        }
        assert!(usual(&habits, 122, 2) < 0.002, "{}", usual(&habits, 122, 2));
        // And three that came one after another are none after two weeks in which nobody knows what came.
        (122..124).for_each(|day| night(&mut habits, day, 1, true));
        assert!(usual(&habits, 124, 2) > 0.04);
        assert!(usual(&habits, 140, 2) < 0.002);
        night(&mut habits, 140, 1, true);
        assert!(usual(&habits, 141, 2) < 0.002, "it begins anew");
    }

    #[test]
    fn memory_is_bounded_and_what_came_no_more_makes_room_though_the_healthy_go_on() {
        let mut habits = Habits::default();
        let part = |day, bad| Part {
            slot: slot(day, 2),
            hits: u32::from(bad),
            of: 20,
            bad,
            base: 0.001,
            usual: 0.001,
        };
        (0..MAX_HABITS as u64 + 10).for_each(|category| habits.learn(MIX, category, part(0, true)));
        assert_eq!((habits.hours, habits.take_refused()), (MAX_HABITS, 10));
        let last = u64::from(MAX_AGE_DAYS);
        (0..100).for_each(|category| habits.learn(MIX, category, part(7, false)));
        habits.learn(MIX, u64::MAX, part(last, true));
        assert_eq!((habits.hours, habits.take_refused()), (MAX_HABITS, 1), "nothing is old enough");
        habits.learn(MIX, u64::MAX, part(last + 1, true));
        assert_eq!((habits.hours, habits.take_refused()), (1, 0));
        habits.forget(MIX);
        assert!(habits.of.is_empty() && habits.hours == 0);
    }
}
