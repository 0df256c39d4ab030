//! Closed transactions in the order of their own time.

use std::collections::BTreeMap;

use throughline_assembly::{records::Closed, time::SECOND};

/// How long a row waits for others that ended before it, nanoseconds of the requests' time: recorded requests come in the order of their files, a
/// minute of one service after a minute of another.
pub const HORIZON: u64 = 180 * SECOND;

/// Rows that wait at most; beyond it the earliest goes on.
const MAX_WAITING: usize = 200_000;

/// Rows that wait for earlier ones.
#[derive(Debug, Default)]
pub struct Timeline {
    waiting: BTreeMap<(u64, u64), Closed>,
    pushed: u64,
    time: u64,
}

impl Timeline {
    /// A row that is known at `time`, Unix nanoseconds.
    pub fn push(&mut self, time: u64, closed: Closed) {
        self.waiting.insert((time, self.pushed), closed);
        self.pushed += 1;
    }

    /// The requests' time is now `time`.
    pub fn advance(&mut self, time: u64) {
        self.time = self.time.max(time);
    }

    /// The next row that nothing earlier can come before any more, with its time; `all` where nothing comes any more at all.
    pub fn pop(&mut self, all: bool) -> Option<(u64, Closed)> {
        let (&(time, _), _) = self.waiting.first_key_value()?;
        let is_due = all || time + HORIZON <= self.time || self.waiting.len() > MAX_WAITING;
        is_due.then(|| self.waiting.pop_first()).flatten().map(|(_, closed)| (time, closed))
    }
}
