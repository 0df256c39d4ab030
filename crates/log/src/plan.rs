//! Where the records of a group go: a pure step. It touches no file; what it needs of one it asks for.

use std::{io, ops::Range, sync::Arc};

use crate::{
    Position,
    format::{self, PAGE},
    queue::Append,
    segment::Segment,
};

/// Payloads up to this are copied beside their header: cheaper than one more piece in the system call.
const COPY_BYTES: usize = 1024;

const ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];

/// Where a partition's next record goes.
#[derive(Clone, Default)]
pub(crate) struct Lane {
    pub(crate) segment: Option<Arc<Segment>>,
    pub(crate) position: u64,
}

enum Part {
    Scratch(Range<usize>),
    Payload { append: usize, record: usize },
    Zeros(usize),
}

/// Bytes that go to one segment, back to back.
pub(crate) struct Write {
    pub(crate) segment: Arc<Segment>,
    /// The segment is new: its head goes with them.
    pub(crate) begins: bool,
    /// Writes of a later round wait until those before are durable, so that a partition never has a hole.
    pub(crate) round: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
    parts: Vec<Part>,
}

/// Where a record goes.
pub(crate) struct Place {
    pub(crate) position: Position,
    /// Which of the writes.
    pub(crate) write: usize,
}

/// One group.
pub(crate) struct Plan {
    pub(crate) wall_ns: u64,
    pub(crate) writes: Vec<Write>,
    /// By append, by record.
    pub(crate) places: Vec<Vec<Place>>,
    /// What the lanes are once all is durable; those of partitions that the group does not touch are as before.
    pub(crate) lanes: Vec<Lane>,
    /// By lane: its last write.
    last: Vec<Option<usize>>,
    scratch: Vec<u8>,
}

impl Plan {
    /// Places every record. `open` makes a new segment of a partition at a position.
    ///
    /// # Errors
    /// What `open` says, with what was opened before.
    pub(crate) fn make(
        appends: &[Append],
        lanes: Vec<Lane>,
        wall_ns: u64,
        mut open: impl FnMut(u32, u64) -> io::Result<Arc<Segment>>,
    ) -> Result<Self, Box<(io::Error, Self)>> {
        let last = vec![None; lanes.len()];
        let mut plan =
            Self { wall_ns, writes: Vec::new(), places: Vec::new(), lanes, last, scratch: Vec::new() };
        for (append, Append { records, .. }) in appends.iter().enumerate() {
            let mut places = Vec::with_capacity(records.len());
            for (at, (partition, record)) in records.iter().enumerate() {
                let size = format::size(record) as u64;
                let write = match plan.room(*partition, size, &mut open) {
                    Ok(write) => write,
                    Err(error) => return Err(Box::new((error, plan))),
                };
                let position = plan.writes[write].end;
                let header = format::encode(record, wall_ns, plan.writes[write].segment.generation, position);
                plan.copy(write, &header);
                plan.copy(write, record.tenant.as_bytes());
                if record.payload.len() <= COPY_BYTES {
                    plan.copy(write, &record.payload);
                } else {
                    plan.writes[write].parts.push(Part::Payload { append, record: at });
                }
                plan.writes[write].end = position + size;
                plan.lanes[*partition as usize].position = position + size;
                places.push(Place { position: Position(position), write });
            }
            plan.places.push(places);
        }
        plan.pad();
        Ok(plan)
    }

    /// The write that a record of a partition goes to.
    fn room(
        &mut self,
        partition: u32,
        size: u64,
        open: &mut impl FnMut(u32, u64) -> io::Result<Arc<Segment>>,
    ) -> io::Result<usize> {
        let at = partition as usize;
        let position = self.lanes[at].position;
        let segment = self.lanes[at].segment.as_ref().filter(|segment| position + size <= segment.room_end());
        let (segment, begins) = match (segment, self.last[at]) {
            (Some(_), Some(write)) => return Ok(write),
            (Some(segment), None) => (Arc::clone(segment), false),
            (None, _) => (open(partition, position)?, true),
        };
        let round = self.last[at].map_or(0, |write| self.writes[write].round + 1);
        self.lanes[at].segment = Some(Arc::clone(&segment));
        self.last[at] = Some(self.writes.len());
        self.writes.push(Write { segment, begins, round, start: position, end: position, parts: Vec::new() });
        Ok(self.writes.len() - 1)
    }

    fn copy(&mut self, write: usize, bytes: &[u8]) {
        let start = self.scratch.len();
        self.scratch.extend_from_slice(bytes);
        let end = self.scratch.len();
        match self.writes[write].parts.last_mut() {
            Some(Part::Scratch(range)) if range.end == start => range.end = end,
            _ => self.writes[write].parts.push(Part::Scratch(start..end)),
        }
    }

    /// Fills each last page with zeros: the system need not read it before it writes it.
    fn pad(&mut self) {
        for write in &mut self.writes {
            let over = write.segment.offset(write.end) % PAGE;
            if over > 0 {
                write.parts.push(Part::Zeros((PAGE - over) as usize));
            }
        }
    }

    /// The bytes of a write, in order.
    pub(crate) fn bytes<'a>(&'a self, write: &'a Write, appends: &'a [Append]) -> Vec<io::IoSlice<'a>> {
        let bytes = |part: &'a Part| -> &'a [u8] {
            match part {
                Part::Scratch(range) => &self.scratch[range.clone()],
                Part::Payload { append, record } => &appends[*append].records[*record].1.payload,
                Part::Zeros(count) => &ZEROS[..*count],
            }
        };
        write.parts.iter().map(|part| io::IoSlice::new(bytes(part))).collect()
    }
}
