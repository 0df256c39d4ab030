//! Spans of open traces: 44 bytes each, in slabs of 8, chained per trace.

use serde::{Deserialize, Serialize};

/// Spans in one slab.
pub(super) const SLAB: usize = 8;

/// Slabs allocated at once: a chunk of some 350 KiB, so that growth never copies what is there.
const CHUNK: usize = 1024;

/// End of a chain.
pub(super) const NONE: u32 = u32::MAX;

/// Largest offset that six bytes hold, nanoseconds: 78 hours.
const MAX_OFFSET: u64 = (1 << 48) - 1;

/// Bits of [`SpanRecord::flags`]: the low byte of `throughline_otlp::facts::flag`, where bit 6 says instead that the times did not fit.
pub(super) const WIDE: u8 = 1 << 6;

/// One span of an open trace.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct SpanRecord {
    id: [u32; 2],
    parent: [u32; 2],
    start_low: u32,
    duration_low: u32,
    /// Of the span's body in its record's payload.
    pub(super) offset: u32,
    start_high: u16,
    duration_high: u16,
    /// Index in the trace's list of records.
    pub(super) record: u16,
    resource: [u8; 3],
    operation: [u8; 3],
    peer: [u8; 3],
    pub(super) flags: u8,
}

const _: () = assert!(size_of::<SpanRecord>() == 44);

fn split(word: u64) -> [u32; 2] {
    [word as u32, (word >> 32) as u32]
}

fn join(halves: [u32; 2]) -> u64 {
    u64::from(halves[0]) | u64::from(halves[1]) << 32
}

fn three(id: u32) -> [u8; 3] {
    [id as u8, (id >> 8) as u8, (id >> 16) as u8]
}

fn of_three(bytes: [u8; 3]) -> u32 {
    u32::from(bytes[0]) | u32::from(bytes[1]) << 8 | u32::from(bytes[2]) << 16
}

/// What a record is made of.
pub(super) struct NewSpan {
    pub(super) id: u64,
    pub(super) parent: u64,
    /// Nanoseconds from the trace's base.
    pub(super) start: u64,
    pub(super) duration: u64,
    pub(super) offset: u32,
    pub(super) record: u16,
    pub(super) resource: u32,
    pub(super) operation: u32,
    pub(super) peer: u32,
    pub(super) flags: u8,
}

impl SpanRecord {
    /// Packs a span; [`WIDE`] is set, and both times are 0, where they do not fit.
    pub(super) fn new(span: &NewSpan) -> Self {
        let fits = span.start <= MAX_OFFSET && span.duration <= MAX_OFFSET;
        let (start, duration, wide) = if fits { (span.start, span.duration, 0) } else { (0, 0, WIDE) };
        Self {
            id: split(span.id),
            parent: split(span.parent),
            start_low: start as u32,
            start_high: (start >> 32) as u16,
            duration_low: duration as u32,
            duration_high: (duration >> 32) as u16,
            offset: span.offset,
            record: span.record,
            resource: three(span.resource),
            operation: three(span.operation),
            peer: three(span.peer),
            flags: (span.flags & !WIDE) | wide,
        }
    }

    pub(super) fn id(&self) -> u64 {
        join(self.id)
    }

    pub(super) fn parent(&self) -> u64 {
        join(self.parent)
    }

    /// Nanoseconds from the trace's base.
    pub(super) fn start(&self) -> u64 {
        u64::from(self.start_low) | u64::from(self.start_high) << 32
    }

    pub(super) fn duration(&self) -> u64 {
        u64::from(self.duration_low) | u64::from(self.duration_high) << 32
    }

    pub(super) fn resource(&self) -> u32 {
        of_three(self.resource)
    }

    pub(super) fn operation(&self) -> u32 {
        of_three(self.operation)
    }

    pub(super) fn peer(&self) -> u32 {
        of_three(self.peer)
    }
}

#[derive(Clone, Copy)]
struct Slab {
    spans: [SpanRecord; SLAB],
    next: u32,
}

const FREE_SLAB: Slab = Slab {
    spans: [SpanRecord {
        id: [0; 2],
        parent: [0; 2],
        start_low: 0,
        duration_low: 0,
        offset: 0,
        start_high: 0,
        duration_high: 0,
        record: 0,
        resource: [0; 3],
        operation: [0; 3],
        peer: [0; 3],
        flags: 0,
    }; SLAB],
    next: NONE,
};

/// A trace's chain of slabs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Chain {
    first: u32,
    last: u32,
    /// Spans in it.
    pub(super) len: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

/// All slabs of one fold. It gives memory back to the system a chunk at a time only when all of it is free.
#[derive(Default)]
pub(super) struct SpanStore {
    chunks: Vec<Box<[Slab]>>,
    free: Vec<u32>,
}

impl SpanStore {
    fn slab(&self, index: u32) -> &Slab {
        &self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    fn slab_mut(&mut self, index: u32) -> &mut Slab {
        &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK]
    }

    fn take(&mut self) -> u32 {
        if let Some(index) = self.free.pop() {
            return index;
        }
        let base = (self.chunks.len() * CHUNK) as u32;
        self.chunks.push(vec![FREE_SLAB; CHUNK].into_boxed_slice());
        self.free.extend((base + 1..base + CHUNK as u32).rev());
        base
    }

    pub(super) fn push(&mut self, chain: &mut Chain, span: SpanRecord) {
        let at = chain.len as usize % SLAB;
        if at == 0 {
            let index = self.take();
            self.slab_mut(index).next = NONE;
            if chain.last == NONE {
                chain.first = index;
            } else {
                self.slab_mut(chain.last).next = index;
            }
            chain.last = index;
        }
        self.slab_mut(chain.last).spans[at] = span;
        chain.len += 1;
    }

    pub(super) fn iter(&self, chain: &Chain) -> impl Iterator<Item = &SpanRecord> {
        let mut slab = chain.first;
        let mut left = chain.len as usize;
        std::iter::from_fn(move || {
            if left == 0 {
                return None;
            }
            let current = self.slab(slab);
            let count = left.min(SLAB);
            left -= count;
            slab = current.next;
            Some(&current.spans[..count])
        })
        .flatten()
    }

    /// Frees a chain's slabs.
    pub(super) fn release(&mut self, chain: Chain) {
        let mut slab = chain.first;
        while slab != NONE {
            self.free.push(slab);
            slab = self.slab(slab).next;
        }
        if self.free.len() == self.chunks.len() * CHUNK {
            self.chunks.clear();
            self.free = Vec::new();
        }
    }

    /// Bytes of memory held for slabs.
    pub(super) fn bytes(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Slab>() + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64) -> SpanRecord {
        SpanRecord::new(&NewSpan {
            id,
            parent: id << 40 | 7,
            start: id * 1_000_003,
            duration: MAX_OFFSET - id,
            offset: 9,
            record: 3,
            resource: 0xabcdef,
            operation: 0x010203,
            peer: 5,
            flags: 0b1000_0010,
        })
    }

    #[test]
    fn a_span_comes_out_as_it_went_in() {
        let packed = span(77);
        assert_eq!((packed.id(), packed.parent()), (77, 77 << 40 | 7));
        assert_eq!((packed.start(), packed.duration()), (77 * 1_000_003, MAX_OFFSET - 77));
        assert_eq!((packed.resource(), packed.operation(), packed.peer()), (0xabcdef, 0x010203, 5));
        assert_eq!(packed.flags, 0b1000_0010);
    }

    #[test]
    fn times_that_do_not_fit_are_marked() {
        let mut new = NewSpan {
            id: 1,
            parent: 0,
            start: MAX_OFFSET + 1,
            duration: 0,
            offset: 0,
            record: 0,
            resource: 0,
            operation: 0,
            peer: 0,
            flags: 2,
        };
        assert_eq!(SpanRecord::new(&new).flags, 2 | WIDE);
        new.start = MAX_OFFSET;
        assert_eq!(SpanRecord::new(&new).flags, 2);
    }

    #[test]
    fn chains_interleave_and_memory_is_used_again() {
        let mut store = SpanStore::default();
        let mut chains = [Chain::default(); 3];
        for id in 0..300u64 {
            store.push(&mut chains[(id % 3) as usize], span(id));
        }
        for (index, chain) in chains.iter().enumerate() {
            let ids: Vec<u64> = store.iter(chain).map(SpanRecord::id).collect();
            assert_eq!(ids, (0..100).map(|i| i * 3 + index as u64).collect::<Vec<_>>());
        }
        let held = store.bytes();
        store.release(chains[0]);
        let mut again = Chain::default();
        for id in 0..100 {
            store.push(&mut again, span(id));
        }
        assert!(store.bytes() <= held + 64);
        store.release(chains[1]);
        store.release(chains[2]);
        store.release(again);
        assert_eq!(store.bytes(), 0, "all free: all given back");
    }
}
