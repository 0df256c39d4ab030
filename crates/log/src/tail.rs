//! The newest records of a partition, with what travels with them, for readers near the end. Their payloads lie in their files, which
//! the system has in memory; so a record costs what is counted in [`RECORD_OVERHEAD`], and what travels with it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{Position, Record};

/// What a record takes: itself, and the stretch of its file.
const RECORD_OVERHEAD: usize = size_of::<Record>() + 64;

/// Bounded by bytes of the log, and so by what travels with them: the oldest go first, and what every reader has passed goes at once.
pub(crate) struct Tail {
    records: VecDeque<Record>,
    bytes: usize,
    max_bytes: usize,
    /// Where each reader is.
    readers: Vec<Weak<AtomicU64>>,
}

impl Tail {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { records: VecDeque::new(), bytes: 0, max_bytes, readers: Vec::new() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += cost(&record);
        self.records.push_back(record);
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= cost(&oldest);
        }
    }

    /// A reader's place, kept up to date by the reader as long as it lives.
    pub(crate) fn reader(&mut self, position: u64) -> Arc<AtomicU64> {
        let place = Arc::new(AtomicU64::new(position));
        self.readers.push(Arc::downgrade(&place));
        place
    }

    /// Lets go of what every reader has passed; where nobody reads, a reader may still come.
    pub(crate) fn release(&mut self) {
        self.readers.retain(|reader| reader.strong_count() > 0);
        let places = self.readers.iter().filter_map(Weak::upgrade);
        if let Some(passed) = places.map(|place| place.load(Ordering::Acquire)).min() {
            self.forget(passed);
        }
    }

    /// Lets go of what lies before a position.
    pub(crate) fn forget(&mut self, before: u64) {
        while self.records.front().is_some_and(|oldest| oldest.next.0 <= before) {
            if let Some(oldest) = self.records.pop_front() {
                self.bytes -= cost(&oldest);
            }
        }
    }

    /// The record at `position`, if it is still here.
    pub(crate) fn get(&self, position: Position) -> Option<Record> {
        if position < self.records.front()?.position {
            return None;
        }
        let at = self.records.binary_search_by_key(&position, |record| record.position).ok()?;
        self.records.get(at).cloned()
    }
}

fn cost(record: &Record) -> usize {
    RECORD_OVERHEAD + record.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn record(position: u64, bytes: usize) -> Record {
        Record {
            position: Position(position),
            next: Position(position + 1),
            wall_ns: 0,
            kind: Kind::Tick,
            tenant: "".into(),
            cause: None,
            payload: vec![0; bytes].into(),
            cache: None,
        }
    }

    /// The oldest leave first, and memory stays within its bound.
    #[test]
    fn the_oldest_leave_first() {
        let mut tail = Tail::new(2 * (RECORD_OVERHEAD + 100));
        (0..3).for_each(|position| tail.push(record(position, 100)));
        assert!(tail.get(Position(0)).is_none());
        assert_eq!(tail.get(Position(1)).unwrap().position, Position(1));
        assert!(tail.get(Position(2)).is_some() && tail.get(Position(3)).is_none());
        tail.push(record(3, 10_000));
        assert!(tail.get(Position(3)).is_none());
        assert_eq!(tail.bytes, 0);
    }

    /// What all readers have passed leaves at once; a reader that is gone holds nothing.
    #[test]
    fn what_all_have_passed_leaves() {
        let mut tail = Tail::new(1 << 20);
        let (slow, fast) = (tail.reader(0), tail.reader(0));
        (0..4).for_each(|position| tail.push(record(position, 100)));
        fast.store(4, Ordering::Release);
        slow.store(2, Ordering::Release);
        tail.release();
        assert!(tail.get(Position(1)).is_none() && tail.get(Position(2)).is_some());
        drop(slow);
        tail.release();
        assert_eq!(tail.bytes, 0);
    }
}
