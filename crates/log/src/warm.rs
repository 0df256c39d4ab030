//! How much of a partition stays in the page cache: as far back as it is read.
//!
//! A log that is written and hardly read again fills all memory with pages that nobody asks for, and pushes out what others need. And a page that the system
//! must find for each page written costs several times the copy: on a virtual machine the host may have to back it first. Pages that are given back
//! are the next that are written. They are read from the disk if they are asked for all the same.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Bytes at the end that stay in any case: two segments of the usual size.
const MIN_BYTES: u64 = 128 << 20;

/// Segments that are filled before what was read far back is forgotten.
const REMEMBERED: usize = 8;

#[derive(Default)]
pub(crate) struct Warm {
    /// How far behind the end something was read since the last segment began, bytes, at most.
    reach: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Of the last segments, in turn.
    reached: [u64; REMEMBERED],
    turn: usize,
    /// What lies before is let go.
    from: u64,
}

impl Warm {
    /// Something at this position is read.
    pub(crate) fn read(&self, position: u64, end: u64) {
        self.reach.fetch_max(end.saturating_sub(position), Ordering::Relaxed);
    }

    /// A segment begins at `end`: what is to be let go now, from position to position. A quarter more stays than was asked for.
    pub(crate) fn next(&self, end: u64) -> std::ops::Range<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = state.turn;
        state.reached[turn] = self.reach.swap(0, Ordering::Relaxed);
        state.turn = (turn + 1) % REMEMBERED;
        let reach = state.reached.iter().max().copied().unwrap_or(0);
        let from = end.saturating_sub(reach.saturating_add(reach / 4).max(MIN_BYTES));
        let before = state.from;
        state.from = before.max(from);
        before..state.from
    }

    /// What is not let go: a segment that only ends behind it comes with the next.
    pub(crate) fn keep(&self, from: u64) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).from = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn what_is_read_stays_and_a_quarter_more() {
        let warm = Warm::default();
        assert_eq!(warm.next(64 * MIB), 0..0);
        assert_eq!(warm.next(1000 * MIB), 0..872 * MIB, "nothing was read: two segments stay");
        warm.read(1000 * MIB, 1400 * MIB);
        warm.read(1300 * MIB, 1400 * MIB);
        assert_eq!(warm.next(1500 * MIB), 872 * MIB..1000 * MIB);
        for at in 1..REMEMBERED as u64 {
            let from = 1000 * MIB + (at - 1) * 64 * MIB;
            assert_eq!(warm.next(1500 * MIB + at * 64 * MIB), from..from + 64 * MIB, "{at}");
        }
        let forgotten = 1500 * MIB + REMEMBERED as u64 * 64 * MIB;
        assert_eq!(warm.next(forgotten).end, forgotten - MIN_BYTES, "it was read long ago");
    }

    #[test]
    fn nothing_is_let_go_twice() {
        let warm = Warm::default();
        assert_eq!(warm.next(1000 * MIB), 0..872 * MIB);
        warm.keep(832 * MIB);
        warm.read(0, 1000 * MIB);
        assert_eq!(warm.next(1064 * MIB), 832 * MIB..832 * MIB);
    }
}
