//! Log time: the only time the core knows.

use serde::{Deserialize, Serialize};

/// One second, nanoseconds.
pub const SECOND: u64 = 1_000_000_000;

/// Most that one record may move log time, nanoseconds. With a tick each second, log time keeps pace with a clock that runs, and neither a clock that
/// jumps nor a pause of minutes makes everything that waits close before clients have sent again.
pub const MAX_STEP: u64 = SECOND;

/// Log time of one partition: it moves by what the wall clock moved between two records, at most [`MAX_STEP`], never back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogClock {
    now: u64,
    wall: u64,
}

impl LogClock {
    /// Log time, nanoseconds. It starts at the wall time of the first record and falls behind by every pause.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Takes the wall time (Unix nanoseconds) of the next record and returns log time there.
    pub fn advance(&mut self, wall: u64) -> u64 {
        if self.wall == 0 {
            self.now = wall;
        } else {
            self.now += wall.saturating_sub(self.wall).min(MAX_STEP);
        }
        self.wall = wall;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_ten_minutes_moves_log_time_by_a_second() {
        let mut clock = LogClock::default();
        assert_eq!(clock.advance(100 * SECOND), 100 * SECOND);
        assert_eq!(clock.advance(700 * SECOND), 101 * SECOND);
        assert_eq!(clock.advance(700 * SECOND + 5), 101 * SECOND + 5);
    }

    #[test]
    fn a_clock_that_jumps_back_stops_log_time_once_and_then_runs() {
        let mut clock = LogClock::default();
        clock.advance(100 * SECOND);
        assert_eq!(clock.advance(40 * SECOND), 100 * SECOND);
        assert_eq!(clock.advance(41 * SECOND), 101 * SECOND);
    }
}
