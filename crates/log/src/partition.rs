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
