//! When transfers start: a Poisson process whose rate follows the hours of a day.

use super::PlanOptions;
use super::dice::Dice;

/// Share of the day's average in each hour from midnight on: quiet nights, a peak in the late morning, a second one after work.
const HOURS: [f64; 24] = [
    0.25, 0.20, 0.18, 0.18, 0.22, 0.40, 0.75, 1.15, 1.55, 1.80, 1.90, 1.85, 1.70, 1.60, 1.55, 1.45, 1.40,
    1.50, 1.45, 1.15, 0.80, 0.55, 0.40, 0.30,
];
/// The bank opens its day at nine, whenever it is started: the same seed gives the same load.
const OPENS: f64 = 9.0;
const SECONDS_PER_HOUR: f64 = 3_600.0;
const NANOS_PER_SECOND: f64 = 1e9;

/// The times of transfers.
#[derive(Clone, Debug)]
pub(super) struct Arrivals {
    dice: Dice,
    start: u64,
    rate: f64,
    speed: f64,
    /// Seconds from the start to the next transfer.
    at: f64,
}

impl Arrivals {
    pub(super) fn new(options: &PlanOptions, dice: Dice) -> Self {
        let rate = options.transfers_per_second.max(f64::MIN_POSITIVE);
        let mut arrivals =
            Self { dice, start: options.start_unix_nano, rate, speed: options.speed.max(0.0), at: 0.0 };
        arrivals.step();
        arrivals
    }

    /// When the next transfer starts.
    pub(super) fn next(&self) -> u64 {
        self.start.saturating_add((self.at * NANOS_PER_SECOND) as u64)
    }

    /// That time, and on to the one after it.
    pub(super) fn advance(&mut self) -> u64 {
        let next = self.next();
        self.step();
        next
    }

    /// Thinning: candidates come at the greatest rate, and each stays with the probability of its hour.
    fn step(&mut self) {
        let greatest = HOURS.iter().copied().fold(1.0, f64::max) / mean();
        loop {
            self.at += self.dice.exponential(self.rate * greatest);
            if self.dice.chance(self.weight(self.at) / greatest) {
                return;
            }
        }
    }

    /// Load at so many seconds after the start, 1 being the day's average.
    fn weight(&self, seconds: f64) -> f64 {
        if self.speed == 0.0 {
            return 1.0;
        }
        let hour = (OPENS + seconds * self.speed / SECONDS_PER_HOUR).rem_euclid(24.0);
        let (before, part) = (hour as usize % 24, hour.fract());
        (HOURS[before] * (1.0 - part) + HOURS[(before + 1) % 24] * part) / mean()
    }
}

fn mean() -> f64 {
    HOURS.iter().sum::<f64>() / 24.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(speed: f64, seconds: f64) -> usize {
        let options = PlanOptions { transfers_per_second: 50.0, speed, ..PlanOptions::default() };
        let mut arrivals = Arrivals::new(&options, Dice::new(7, 1));
        let end = options.start_unix_nano + (seconds * NANOS_PER_SECOND) as u64;
        let mut count = 0;
        while arrivals.advance() < end {
            count += 1;
        }
        count
    }

    #[test]
    fn the_average_over_a_day_is_what_was_asked_for() {
        // A day in 86.4 seconds.
        let day = count(1_000.0, 86.4) as f64;
        assert!((day / (50.0 * 86.4) - 1.0).abs() < 0.05, "{day} in a day");
    }

    #[test]
    fn speed_zero_is_flat_and_mornings_are_busy() {
        let flat = count(0.0, 60.0) as f64;
        assert!((flat / 3_000.0 - 1.0).abs() < 0.1, "{flat} when flat");
        let morning = count(1.0, 60.0) as f64;
        assert!(morning / flat > 1.4, "{morning} in the morning, {flat} when flat");
    }
}
