//! Reading in order: from memory near the end, from mapped files elsewhere.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    Position, ReadError, Record,
    log::Shared,
    partition::Partition,
    segment::{Found, Segment},
    stored::{self, LastTenant},
};

/// Reads one partition from a position onwards. Many may read the same.
pub struct Reader {
    shared: Arc<Shared>,
    partition: u32,
    position: u64,
    /// The same for the tail, which lets go of what all have passed.
    place: Arc<AtomicU64>,
    segment: Option<Arc<Segment>>,
    tenants: LastTenant,
}

impl Reader {
    pub(crate) fn new(shared: Arc<Shared>, partition: u32, from: Position) -> Self {
        let place = shared.partitions[partition as usize].reader(from.0);
        Self { shared, partition, position: from.0, place, segment: None, tenants: LastTenant::default() }
    }

    fn lane(&self) -> &Partition {
        &self.shared.partitions[self.partition as usize]
    }

    /// Where the next record is looked for.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// The next record; waits until there is one. Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// [`ReadError`]. Damage is none: it is reported and left out.
    pub async fn next(&mut self) -> Result<Record, ReadError> {
        let shared = Arc::clone(&self.shared);
        let lane = &shared.partitions[self.partition as usize];
        loop {
            // First in line, then a look: what happens in between wakes us.
            let mut changed = std::pin::pin!(lane.changed.notified());
            changed.as_mut().enable();
            let stopped = shared.queue.stopped();
            if let Some(record) = self.try_next()? {
                return Ok(record);
            }
            if let Some(reason) = stopped {
                return Err(ReadError::Stopped { reason });
            }
            changed.await;
        }
    }

    /// The next record, or none if all that is durable was read.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn try_next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let end = self.lane().end();
            if self.position == end {
                self.segment = None;
                return Ok(None);
            }
            if self.position > end {
                return Err(ReadError::Beyond { end: Position(end), wanted: Position(self.position) });
            }
            if let Some(record) = self.lane().in_memory(self.position) {
                self.segment = None;
                self.go_to(record.next.0);
                return Ok(Some(record));
            }
            if let Some(record) = self.read_file(end)? {
                self.go_to(record.next.0);
                return Ok(Some(record));
            }
        }
    }

    fn go_to(&mut self, position: u64) {
        self.position = position;
        self.place.store(position, Ordering::Release);
    }

    /// The record here; where there is none, goes on behind the damage.
    fn read_file(&mut self, end: u64) -> Result<Option<Record>, ReadError> {
        let segment = self.segment()?;
        let position = self.position;
        self.lane().warm.read(position, end);
        let limit = segment.limit().min(end);
        let next = match segment.find(position, limit) {
            Found::Sound(header) => {
                return stored::record(&segment, position, &header, &mut self.tenants)
                    .map(Some)
                    .map_err(|kind| ReadError::UnknownKind { position: Position(position), kind });
            }
            Found::BadBody(next) if matches!(segment.find(next, limit), Found::Sound(_)) || next == limit => {
                next
            }
            Found::BadBody(_) | Found::Nothing => segment.resync(position, limit).unwrap_or(limit),
        };
        self.shared.report(segment.damage(position, next));
        self.go_to(next);
        Ok(None)
    }

    fn segment(&mut self) -> Result<Arc<Segment>, ReadError> {
        let covers = |segment: &&Arc<Segment>| (segment.base..segment.limit()).contains(&self.position);
        if let Some(segment) = self.segment.as_ref().filter(covers) {
            return Ok(Arc::clone(segment));
        }
        let start = self.lane().start();
        let found = self.lane().segment(self.position).filter(|_| self.position >= start);
        let trimmed = ReadError::Trimmed { start: Position(start), wanted: Position(self.position) };
        let segment = found.ok_or(trimmed)?;
        self.segment = Some(Arc::clone(&segment));
        Ok(segment)
    }
}
