//! The newest records of a partition, in memory as they were appended, for readers near the end.

use std::collections::VecDeque;

use crate::{Position, Record};

/// Memory that a record takes beside its payload.
const RECORD_OVERHEAD: usize = size_of::<Record>();

/// Bounded by bytes: the oldest go first.
pub(crate) struct Tail {
    records: VecDeque<Record>,
    bytes: usize,
    max_bytes: usize,
}

impl Tail {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self { records: VecDeque::new(), bytes: 0, max_bytes }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.bytes += cost(&record);
        self.records.push_back(record);
        while self.bytes > self.max_bytes {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= cost(&oldest);
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
}
