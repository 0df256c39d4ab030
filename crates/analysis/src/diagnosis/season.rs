//! What an hour of the week brings, and what the last half hour did: by how much a value lies off what is normal over all.
//!
//! While history is short, an hour of the week borrows: from the same hour of other days, and that from nothing known, which is no shift at all.

use serde::{Deserialize, Serialize};

use super::limits::SLOTS_AN_HOUR;

/// Hours of a week.
pub(crate) const HOURS: u64 = 168;
/// Hours of a day.
pub(crate) const DAY: u64 = 24;
/// Slots that are worth as much as what an hour borrows: a quarter of an hour.
const BORROWED: f32 = 90.0;
/// Slots that an hour remembers at most: four weeks. What is older fades.
const MAX_SLOTS: f32 = 4.0 * SLOTS_AN_HOUR as f32;
/// One slot moves the level by so much: it follows in some twenty minutes, so that a load that comes and goes is no incident, but what breaks is.
const LEVEL_STEP: f32 = 1.0 / 120.0;
/// Observations that a slot is fully trusted with, half: fewer move less.
const TRUST: f32 = 4.0;
/// One slot may be so far off, in octaves, and counts no more: it may be wrong.
const MAX_OFF: f32 = 1.0;

/// Around the change of an hour both are normal: what comes at the full hour comes a little earlier or later. Ten minutes on either side.
pub(crate) const EDGE: u64 = 60;
/// What an incident brought is normal once it came at the same hour of the day so many times.
pub(crate) const RECURS: u32 = 3;

/// One hour of the week.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: u8,
    /// Days on which it belonged to an incident, and the last of them.
    bad_days: u8,
    bad_day: u16,
    shift: f32,
    slots: f32,
    /// The same of slots that belonged to an incident.
    bad_shift: f32,
    bad_slots: f32,
}

/// Shifts by hour of the week, and the level of late. At most 168 hours of 20 bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Season {
    /// By number.
    hours: Vec<Hour>,
    level: f32,
}

impl Season {
    /// The least and the greatest shift that are normal in a slot.
    pub(crate) fn range(&self, slot: u64) -> (f32, f32) {
        let (hour, part) = (slot / SLOTS_AN_HOUR, slot % SLOTS_AN_HOUR);
        let own = self.of_hour(hour);
        let other = match part {
            _ if part < EDGE => self.of_hour(hour.saturating_sub(1)),
            _ if part + EDGE >= SLOTS_AN_HOUR => self.of_hour(hour + 1),
            _ => own,
        };
        (own.min(other) + self.level, own.max(other) + self.level)
    }

    /// The part of the shift that the hour of the week brings.
    pub(crate) fn of_hours(&self, slot: u64) -> f32 {
        self.of_hour(slot / SLOTS_AN_HOUR)
    }

    /// Of an hour since 1970. What comes on that very day for the first or the third time does not count yet: an incident must not end itself.
    fn of_hour(&self, hour: u64) -> f32 {
        let (day, hour) = ((hour / DAY) as u16, hour % HOURS);
        let days_before =
            |entry: &Hour| u32::from(entry.bad_days) - u32::from(entry.bad_days > 0 && entry.bad_day == day);
        let like = || self.hours.iter().filter(|entry| u64::from(entry.number) % DAY == hour % DAY);
        let recurs = like().map(days_before).sum::<u32>() >= RECURS;
        let sums = |entry: &Hour| {
            let bad = if recurs { (entry.bad_shift * entry.bad_slots, entry.bad_slots) } else { (0.0, 0.0) };
            (entry.shift * entry.slots + bad.0, entry.slots + bad.1)
        };
        let (mut own, mut others) = ((0.0, 0.0), (0.0, 0.0));
        for entry in like() {
            let (sum, slots) = sums(entry);
            let into = if u64::from(entry.number) == hour { &mut own } else { &mut others };
            *into = (into.0 + sum, into.1 + slots);
        }
        let borrowed = others.0 / (others.1 + BORROWED);
        (own.0 + borrowed * BORROWED) / (own.1 + BORROWED)
    }

    /// Learns that `n` observations of a slot were shifted by `shift` on average, against what is normal over all.
    pub(crate) fn learn(&mut self, slot: u64, shift: f32, n: f32) {
        let trust = n / (n + TRUST);
        let usual = self.of_hours(slot);
        let off = (shift - usual - self.level).clamp(-MAX_OFF, MAX_OFF);
        let seen = usual + self.level + off;
        self.level += off * trust * LEVEL_STEP;
        let hour = self.hour(slot);
        hour.slots = (hour.slots + trust).min(MAX_SLOTS);
        hour.shift += (seen - hour.shift) * trust / hour.slots.max(1.0);
    }

    /// The same of a slot that belongs to an incident: it counts only where that comes again and again at this hour.
    pub(crate) fn learn_bad(&mut self, slot: u64, shift: f32, n: f32) {
        let trust = n / (n + TRUST);
        let day = (slot / SLOTS_AN_HOUR / DAY) as u16;
        let hour = self.hour(slot);
        if hour.bad_days == 0 || hour.bad_day != day {
            (hour.bad_days, hour.bad_day) = (hour.bad_days.saturating_add(1), day);
        }
        hour.bad_slots = (hour.bad_slots + trust).min(MAX_SLOTS);
        hour.bad_shift += (shift - hour.bad_shift) * trust / hour.bad_slots.max(1.0);
    }

    fn hour(&mut self, slot: u64) -> &mut Hour {
        let number = (slot / SLOTS_AN_HOUR % HOURS) as u8;
        let at = self.hours.binary_search_by_key(&number, |hour| hour.number).unwrap_or_else(|at| {
            let new = Hour {
                number,
                bad_days: 0,
                bad_day: 0,
                shift: 0.0,
                slots: 0.0,
                bad_shift: 0.0,
                bad_slots: 0.0,
            };
            self.hours.insert(at, new);
            at
        });
        &mut self.hours[at]
    }

    /// Hours of the week that it knows something of.
    pub(crate) fn known_hours(&self) -> usize {
        self.hours.len()
    }

    /// The slow drift that is on top of the hour, octaves.
    pub(crate) fn level(&self) -> f32 {
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many days in which the night hours are an octave above the rest.
    fn learnt(days: u64) -> Season {
        let mut season = Season::default();
        for slot in 0..days * DAY * SLOTS_AN_HOUR {
            let night = slot / SLOTS_AN_HOUR % DAY < 4;
            season.learn(slot, if night { 1.0 } else { 0.0 }, 20.0);
        }
        season
    }

    #[test]
    fn an_hour_borrows_from_the_same_hour_of_other_days_and_then_knows_its_own() {
        let of = |season: &Season, hour: u64| season.of_hours(hour * SLOTS_AN_HOUR + SLOTS_AN_HOUR / 2);
        let two_days = learnt(2);
        assert!(
            of(&two_days, 3 * DAY + 2) > 0.5,
            "a night that was never seen: {}",
            of(&two_days, 3 * DAY + 2)
        );
        assert!(of(&two_days, 3 * DAY + 12).abs() < 0.2);
        let month = learnt(28);
        assert!(of(&month, 3 * DAY + 2) > 0.9 && of(&month, 3 * DAY + 12).abs() < 0.1);
        assert_eq!(month.known_hours(), 168);
    }

    #[test]
    fn what_an_incident_brought_is_normal_once_it_came_three_times() {
        let mut season = Season::default();
        let slot = |day: u64| (day * DAY + 2) * SLOTS_AN_HOUR;
        for day in 0..3 {
            assert!(season.of_hours(slot(day)).abs() < 0.01, "day {day}");
            (0..SLOTS_AN_HOUR).for_each(|at| season.learn_bad(slot(day) + at, 2.0, 20.0));
            assert!(season.of_hours(slot(day)).abs() < 0.01, "day {day} is no reason for itself");
        }
        assert!(season.of_hours(slot(3)) > 1.2, "{}", season.of_hours(slot(3)));
        assert!(season.of_hours(slot(3) + 5 * SLOTS_AN_HOUR).abs() < 0.01);
    }

    #[test]
    fn the_level_follows_what_drifts_and_one_wild_slot_moves_nothing() {
        let mut season = Season::default();
        for slot in 0..SLOTS_AN_HOUR {
            season.learn(slot, 0.0, 20.0);
        }
        season.learn(SLOTS_AN_HOUR, 9.0, 20.0);
        assert!(season.range(SLOTS_AN_HOUR).1.abs() < 0.05);
        for slot in SLOTS_AN_HOUR..2 * SLOTS_AN_HOUR {
            season.learn(slot, 0.6, 20.0);
        }
        let now = season.range(2 * SLOTS_AN_HOUR).1;
        assert!((0.45..0.75).contains(&now), "{now}");
    }
}
