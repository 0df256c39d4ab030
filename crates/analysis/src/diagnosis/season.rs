//! What an hour of the week brings, and what the last half hour did: by how much a value lies off what is normal over all.
//!
//! While history is short, an hour of the week borrows: from the same hour of other days, and that from nothing known, which is no shift at all.

use serde::{Deserialize, Serialize};

use super::limits::SLOTS_AN_HOUR;

/// Hours of a week.
const HOURS: u64 = 168;
/// Hours of a day.
const DAY: u64 = 24;
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

/// One hour of the week.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Hour {
    number: u8,
    shift: f32,
    slots: f32,
}

/// Shifts by hour of the week, and the level of late. At most 168 hours of 12 bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Season {
    /// By number.
    hours: Vec<Hour>,
    level: f32,
}

impl Season {
    /// The shift that is normal in a slot.
    pub(crate) fn shift(&self, slot: u64) -> f32 {
        self.of_hours(slot) + self.level
    }

    /// The part of it that the hour of the week brings: between the middles of two hours on a straight line.
    pub(crate) fn of_hours(&self, slot: u64) -> f32 {
        if self.hours.is_empty() {
            return 0.0;
        }
        let at = slot + SLOTS_AN_HOUR / 2;
        let part = (at % SLOTS_AN_HOUR) as f32 / SLOTS_AN_HOUR as f32;
        let hour = at / SLOTS_AN_HOUR % HOURS;
        let (before, after) = (self.of_hour((hour + HOURS - 1) % HOURS), self.of_hour(hour));
        before + (after - before) * part
    }

    fn of_hour(&self, hour: u64) -> f32 {
        let (mut own, mut like) = ((0.0, 0.0), (0.0, 0.0));
        for entry in &self.hours {
            let number = u64::from(entry.number);
            if number == hour {
                own = (entry.shift * entry.slots, entry.slots);
            } else if number % DAY == hour % DAY {
                like = (like.0 + entry.shift * entry.slots, like.1 + entry.slots);
            }
        }
        let borrowed = like.0 / (like.1 + BORROWED);
        (own.0 + borrowed * BORROWED) / (own.1 + BORROWED)
    }

    /// Learns that `n` observations of a slot were shifted by `shift` on average, against what is normal over all.
    pub(crate) fn learn(&mut self, slot: u64, shift: f32, n: f32) {
        let trust = n / (n + TRUST);
        let usual = self.of_hours(slot);
        let off = (shift - usual - self.level).clamp(-MAX_OFF, MAX_OFF);
        let seen = usual + self.level + off;
        self.level += off * trust * LEVEL_STEP;
        let number = (slot / SLOTS_AN_HOUR % HOURS) as u8;
        let at = match self.hours.binary_search_by_key(&number, |hour| hour.number) {
            Ok(at) => at,
            Err(at) => {
                self.hours.insert(at, Hour { number, shift: 0.0, slots: 0.0 });
                at
            }
        };
        let hour = &mut self.hours[at];
        hour.slots = (hour.slots + trust).min(MAX_SLOTS);
        hour.shift += (seen - hour.shift) * trust / hour.slots.max(1.0);
    }

    /// Hours of the week that it knows something of.
    pub(crate) fn known_hours(&self) -> usize {
        self.hours.len()
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
        assert!(of(&two_days, 3 * DAY + 2) > 0.5, "a night that was never seen: {}", of(&two_days, 3 * DAY + 2));
        assert!(of(&two_days, 3 * DAY + 12).abs() < 0.2);
        let month = learnt(28);
        assert!(of(&month, 3 * DAY + 2) > 0.9 && of(&month, 3 * DAY + 12).abs() < 0.1);
        assert_eq!(month.known_hours(), 168);
    }

    #[test]
    fn the_level_follows_what_drifts_and_one_wild_slot_moves_nothing() {
        let mut season = Season::default();
        for slot in 0..SLOTS_AN_HOUR {
            season.learn(slot, 0.0, 20.0);
        }
        season.learn(SLOTS_AN_HOUR, 9.0, 20.0);
        assert!(season.shift(SLOTS_AN_HOUR).abs() < 0.05);
        for slot in SLOTS_AN_HOUR..2 * SLOTS_AN_HOUR {
            season.learn(slot, 0.6, 20.0);
        }
        let now = season.shift(2 * SLOTS_AN_HOUR);
        assert!((0.45..0.75).contains(&now), "{now}");
    }
}
