//! How many come: of a type, or of those of it that have one value of an attribute.

use serde::{Deserialize, Serialize};

use super::limits::SLOTS_AN_HOUR;

/// Slots that are compared with what is usual: three minutes.
pub(crate) const WINDOW: usize = 18;
/// One slot moves what is usual by so much: it follows in ten minutes.
const STEP: f32 = 1.0 / 60.0;
/// Slots from which on it is known what is usual: ten minutes.
const KNOWN: u32 = 60;
/// A window with less than this share of what is usual is a fall.
const FALL: f32 = 0.5;
/// A slot with less than this share of what is usual waits: it may belong to a fall.
const SUSPECT: f32 = 0.65;
/// Arrivals come in bunches: variance over that of chance, at least.
const BUNCHES: f32 = 2.25;
/// One slot moves it by so much, and it counts at most so high.
const BUNCH_STEP: f32 = 1.0 / 360.0;
const MAX_BUNCH: f32 = 400.0;
/// Slots of an hour of the day from which on it is known what is usual then.
const KNOWN_HOUR: f32 = 90.0;
/// Slots of it that are remembered at most: a week of such hours.
const MAX_HOUR: f32 = 7.0 * SLOTS_AN_HOUR as f32;
/// Standard deviations from which on a fall is no chance.
const PLAIN: f32 = 5.0;
/// Slots after which a fall is the new normal: an hour.
const ADAPT_SLOTS: u32 = 360;

/// Arrivals by slot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Flow {
    /// In a slot.
    usual: f32,
    known: u32,
    held: u32,
    now: u32,
    /// Variance of windows over that of chance.
    bunches: f32,
    /// Mean of a slot in each hour of the day, and how many slots it is made of: what falls every evening is no fall.
    day: Vec<(f32, f32)>,
    hour: usize,
    /// The last slots, the newest last.
    window: Vec<u32>,
}

/// Fewer than usual.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fall {
    /// In the window.
    pub(crate) count: u32,
    pub(crate) usual: f32,
}

impl Fall {
    /// What is left, 0 to 1.
    pub(crate) fn left(&self) -> f32 {
        self.count as f32 / self.usual.max(1.0)
    }
}

impl Flow {
    pub(crate) fn add(&mut self) {
        self.now += 1;
    }

    /// A slot ends. Where nothing at all came from anywhere, nothing is learnt: it may be that nobody tells.
    pub(crate) fn turn(&mut self, slot: u64, is_silent: bool) {
        let count = std::mem::take(&mut self.now);
        if is_silent {
            return;
        }
        if self.window.len() >= WINDOW {
            self.window.remove(0);
        }
        self.window.push(count);
        self.learn_hour(slot, count as f32);
        if self.known < KNOWN {
            self.known += 1;
            self.usual += (count as f32 - self.usual) / self.known as f32;
            return;
        }
        let recent: u32 = self.window.iter().sum();
        let usual = self.usual * self.window.len() as f32;
        let off = (recent as f32 - usual).powi(2) / usual.max(1.0);
        self.bunches += (off.min(MAX_BUNCH) - self.bunches) * BUNCH_STEP;
        let is_low = (recent as f32) < SUSPECT * usual;
        self.held = if is_low { self.held + 1 } else { 0 };
        if !is_low || self.held > ADAPT_SLOTS {
            self.usual += (count as f32 - self.usual) * STEP;
        }
    }

    fn learn_hour(&mut self, slot: u64, count: f32) {
        self.hour = (slot / SLOTS_AN_HOUR % 24) as usize;
        self.day.resize(24, (0.0, 0.0));
        let (mean, slots) = &mut self.day[self.hour];
        *slots = (*slots + 1.0).min(MAX_HOUR);
        *mean += (count - *mean) / *slots;
    }

    /// The least that this hour of the day or the next one bring, where that is known.
    fn of_day(&self) -> Option<f32> {
        let hours = [self.hour, (self.hour + 1) % 24].map(|hour| self.day.get(hour));
        let known =
            hours.into_iter().flatten().filter(|(_, slots)| *slots >= SLOTS_AN_HOUR as f32 + KNOWN_HOUR);
        known.map(|(mean, _)| *mean).reduce(f32::min)
    }

    /// What was usual before a gap says little after it.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether far fewer than usual come, for three minutes.
    pub(crate) fn fall(&self) -> Option<Fall> {
        let fall = self.window_of()?;
        let (count, usual) = (fall.count as f32, fall.usual);
        if count > FALL * usual {
            return None;
        }
        let inside = if fall.count == 0 { 0.0 } else { count * (count / usual).ln() };
        let surprise = (2.0 * (usual - count + inside)).max(0.0).sqrt();
        (surprise / self.bunches.max(BUNCHES).sqrt() >= PLAIN).then_some(fall)
    }

    /// How many came in the window, and how many usually do; `None` where that is not known yet.
    pub(crate) fn window_of(&self) -> Option<Fall> {
        let is_known = self.known >= KNOWN && self.window.len() >= WINDOW;
        let usual = self.of_day().map_or(self.usual, |day| day.min(self.usual)) * self.window.len() as f32;
        is_known.then(|| Fall { count: self.window.iter().sum(), usual })
    }

    /// Slots in a row, up to now, with fewer than usual; one that is not may lie between.
    pub(crate) fn low_slots(&self) -> usize {
        let is_low = |count: &u32| (*count as f32) < SUSPECT * self.usual;
        let mut low = 0;
        for (back, pair) in self.window.windows(2).rev().enumerate() {
            if !pair.iter().any(is_low) {
                break;
            }
            low = if is_low(&pair[1]) { back + 1 } else { low };
        }
        low
    }

    /// Whether as many come as usual again.
    pub(crate) fn is_back(&self) -> bool {
        self.window_of().is_none_or(|window| window.left() > SUSPECT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(flow: &mut Flow, slots: usize, count: u32) {
        for _ in 0..slots {
            (0..count).for_each(|_| flow.add());
            flow.turn(0, false);
        }
    }

    #[test]
    fn a_fall_is_told_from_a_slow_evening_and_from_silence() {
        let mut flow = Flow::default();
        play(&mut flow, 90, 20);
        assert_eq!(flow.fall(), None);
        for count in (8..20).rev() {
            play(&mut flow, 30, count);
            assert_eq!(flow.fall(), None, "at {count}");
        }
        play(&mut flow, 120, 8);
        (0..60).for_each(|_| flow.turn(0, true));
        assert_eq!(flow.fall(), None, "nobody tells anything");
        play(&mut flow, WINDOW, 1);
        let fall = flow.fall().unwrap();
        assert!(fall.left() < 0.2 && !flow.is_back());
        play(&mut flow, WINDOW, 8);
        assert!(flow.fall().is_none() && flow.is_back());
    }

    #[test]
    fn few_are_not_enough_to_say_that_they_are_fewer() {
        let mut flow = Flow::default();
        play(&mut flow, 90, 1);
        play(&mut flow, WINDOW, 0);
        assert!(flow.fall().is_none(), "18 expected and none seen may be chance");
    }
}
