//! What readers see of a partition: its segments, its durable end, its tail.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::{Record, segment::Segment, tail::Tail, warm::Warm};

pub(crate) struct Partition {
    /// In the order of their bases; the last may be written.
    segments: RwLock<Vec<Arc<Segment>>>,
    start: AtomicU64,
    end: AtomicU64,
    tail: Mutex<Tail>,
    pub(crate) warm: Warm,
    /// The end moved, or the log stopped.
    pub(crate) changed: Notify,
}

impl Partition {
    pub(crate) fn new(segments: Vec<Arc<Segment>>, end: u64, tail_bytes: usize) -> Self {
        Self {
            start: AtomicU64::new(segments.first().map_or(end, |first| first.base)),
            end: AtomicU64::new(end),
            segments: RwLock::new(segments),
            tail: Mutex::new(Tail::new(tail_bytes)),
            warm: Warm::default(),
            changed: Notify::new(),
        }
    }

    pub(crate) fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a new reader.
    pub(crate) fn reader(&self, position: u64) -> Arc<AtomicU64> {
        self.tail().reader(position)
    }

    pub(crate) fn in_memory(&self, position: u64) -> Option<Record> {
        self.tail().get(crate::Position(position))
    }

    /// The segment in which a position lies.
    pub(crate) fn segment(&self, position: u64) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let after = segments.partition_point(|segment| segment.base <= position);
        segments.get(after.checked_sub(1)?).map(Arc::clone)
    }

    pub(crate) fn last(&self) -> Option<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).last().map(Arc::clone)
    }

    /// A segment that begins at the end of what was written; those whose pages nobody goes back to any more.
    pub(crate) fn add(&self, segment: Arc<Segment>) -> Vec<Arc<Segment>> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = segments.last() {
            last.seal(segment.base);
        }
        let cold = self.warm.next(segment.base);
        segments.push(segment);
        let ends = |segment: &Arc<Segment>| segment.limit().min(segment.room_end());
        let let_go: Vec<_> = segments
            .iter()
            .filter(|segment| segment.base >= cold.start && ends(segment) <= cold.end)
            .map(Arc::clone)
            .collect();
        self.warm.keep(let_go.last().map_or(cold.start, ends));
        let_go
    }

    /// Takes out the last segment, in which nothing durable lies.
    pub(crate) fn remove_last(&self) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).pop();
    }

    /// Everything before `end` is durable.
    pub(crate) fn publish(&self, records: impl Iterator<Item = Record>, end: u64) {
        {
            let mut tail = self.tail();
            tail.release();
            records.for_each(|record| tail.push(record));
        }
        self.end.store(end, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Takes out the segments that end at or before `before`, oldest first; never the last.
    pub(crate) fn trim(&self, before: u64) -> Vec<Arc<Segment>> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let before = before.min(self.end());
        let next = segments.iter().skip(1).take_while(|next| next.base <= before).count();
        let gone = segments.drain(..next).collect();
        if let Some(first) = segments.first() {
            self.start.store(first.base, Ordering::Release);
            self.tail().forget(first.base);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::unix::fs::FileExt};

    use super::*;
    use crate::{
        LogId,
        format::{Head, PAGE},
        segment::Spare,
    };

    /// Bytes of records in a segment.
    const ROOM: u64 = 64 << 20;

    /// An empty file of full size, with a mark at its end.
    fn segment(dir: &std::path::Path, base: u64) -> Arc<Segment> {
        let path = dir.join(base.to_string());
        let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a new file");
        file.set_len(PAGE + ROOM).expect("its size");
        file.write_all_at(&base.to_le_bytes(), PAGE + ROOM - 8).expect("a mark");
        let head = Head { log: LogId(1), partition: 0, base, generation: 1 };
        Arc::new(Spare::of(path, file).expect("a map").become_segment(&head))
    }

    #[test]
    fn segments_that_nobody_reads_are_let_go_once_and_keep_their_bytes() {
        let dir = tempfile::tempdir().expect("a folder");
        let partition = Partition::new(vec![segment(dir.path(), 0)], 0, 0);
        let mut gone = Vec::new();
        for nth in 1..8 {
            let base = nth * ROOM;
            if nth == 5 {
                partition.warm.read(ROOM, 4 * ROOM);
            }
            for segment in partition.add(segment(dir.path(), base)) {
                segment.let_go();
                let mark = segment.room_end() - 8;
                assert_eq!(segment.text(mark..segment.room_end()), segment.base.to_le_bytes());
                gone.push((nth, segment.base / ROOM));
            }
        }
        // Two stay behind the one that is written. From the fifth on, three and a quarter more: what was let go before is not again.
        assert_eq!(gone, [(3, 0), (4, 1), (7, 2)]);
    }
}
