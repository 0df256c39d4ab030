//! One segment file: records of one partition, mapped for reading.

use std::{
    fmt,
    fs::File,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use memmap2::{Mmap, UncheckedAdvice};
use rustix::fs::{Advice, fadvise};

use crate::format::{self, HEADER, Head, Header, MAX_RECORD_BYTES, PAGE};

/// A stretch of the log that holds no sound record. It is left out; what lies after it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The partition.
    pub partition: u32,
    /// The file.
    pub segment: PathBuf,
    /// Where in the file.
    pub offset: u64,
    /// Its position in the partition.
    pub position: u64,
    /// Bytes of it.
    pub bytes: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, segment, offset, position, bytes } = self;
        write!(
            f,
            "damage in {} at {offset}: partition {partition}, position {position}, {bytes} bytes",
            segment.display()
        )
    }
}

/// A file that is ready to become a segment.
pub(crate) struct Spare {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) map: Mmap,
}

impl Spare {
    /// Opens a file that has its full size.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Self::of(path.to_owned(), file)
    }

    pub(crate) fn of(path: PathBuf, file: File) -> io::Result<Self> {
        // SAFETY: the log's lock keeps other processes away. This process never cuts a mapped file, and writes only where nothing
        // durable lies: `Segment::bytes` hands out durable stretches alone, and a file is written over only once no one else holds it.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self { path, file, map })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(crate) fn become_segment(self, head: &Head) -> Segment {
        Segment {
            partition: head.partition,
            base: head.base,
            generation: head.generation,
            capacity: self.map.len() as u64 - PAGE,
            limit: AtomicU64::new(u64::MAX),
            spare: self,
        }
    }
}

/// A file in use.
pub(crate) struct Segment {
    pub(crate) partition: u32,
    /// The position of its first record.
    pub(crate) base: u64,
    pub(crate) generation: u64,
    /// Bytes of records that it can hold.
    pub(crate) capacity: u64,
    /// Where the next segment begins, once there is one.
    limit: AtomicU64,
    spare: Spare,
}

/// What lies at a position.
pub(crate) enum Found {
    Sound(Header),
    /// The header holds and says where the next record is; the body does not.
    BadBody(u64),
    Nothing,
}

impl Segment {
    pub(crate) fn file(&self) -> &File {
        &self.spare.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.spare.path
    }

    /// Its pages leave memory, those that are on the disk. Whoever reads it reads it from there; where the system cannot, they stay.
    pub(crate) fn let_go(&self) {
        // A page that is mapped would stay.
        // SAFETY: the map is a shared one of a file: pages that are dropped come again with the same bytes.
        let _ = unsafe { self.spare.map.unchecked_advise(UncheckedAdvice::DontNeed) };
        let _ = fadvise(&self.spare.file, 0, None, Advice::DontNeed);
    }

    pub(crate) fn into_spare(self) -> Spare {
        self.spare
    }

    pub(crate) fn head(&self, log: crate::LogId) -> Head {
        Head { log, partition: self.partition, base: self.base, generation: self.generation }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Acquire)
    }

    /// The next segment begins here.
    pub(crate) fn seal(&self, at: u64) {
        self.limit.store(at, Ordering::Release);
    }

    /// The position after the last byte that fits.
    pub(crate) fn room_end(&self) -> u64 {
        self.base + self.capacity
    }

    /// Where in the file a position lies.
    pub(crate) fn offset(&self, position: u64) -> u64 {
        PAGE + position - self.base
    }

    fn slice(&self, range: Range<u64>) -> &[u8] {
        let start = self.offset(range.start) as usize;
        self.spare.map.get(start..self.offset(range.end) as usize).unwrap_or_default()
    }

    /// What lies at `position`, nothing of it at or after `end`; with its checksums.
    pub(crate) fn find(&self, position: u64, end: u64) -> Found {
        let end = end.min(self.room_end());
        if position < self.base || position + HEADER as u64 > end {
            return Found::Nothing;
        }
        let Some(header) = format::decode(self.slice(position..end), self.generation, position) else {
            return Found::Nothing;
        };
        let next = position + header.length as u64;
        if next > end {
            return Found::Nothing;
        }
        if header.fits(self.slice(position + HEADER as u64..next)) {
            Found::Sound(header)
        } else {
            Found::BadBody(next)
        }
    }

    /// The first position after `from` at which a sound record lies that ends by `end`.
    pub(crate) fn resync(&self, from: u64, end: u64) -> Option<u64> {
        const ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];
        let end = end.min(self.room_end());
        let mut at = from + 1;
        while at + HEADER as u64 <= end {
            if at + PAGE <= end && self.slice(at..at + PAGE) == ZEROS {
                // A header's marks are not zero and lie near its beginning: one may begin in the last bytes of these.
                at += PAGE - HEADER as u64;
            } else if self.looks_like_header(at) && matches!(self.find(at, end), Found::Sound(_)) {
                return Some(at);
            } else {
                at += 1;
            }
        }
        None
    }

    /// A quick look before checksums are computed.
    fn looks_like_header(&self, at: u64) -> bool {
        let header = self.slice(at..at + HEADER as u64);
        header.get(13).is_some_and(|marks| marks & 0xFE == 0xA0)
            && header
                .first_chunk()
                .is_some_and(|length| u32::from_le_bytes(*length) as usize <= MAX_RECORD_BYTES)
    }

    pub(crate) fn damage(&self, from: u64, to: u64) -> Damage {
        Damage {
            partition: self.partition,
            segment: self.path().to_owned(),
            offset: self.offset(from),
            position: from,
            bytes: to - from,
        }
    }

    /// A durable stretch, without copying it; it keeps the file from being written over.
    pub(crate) fn bytes(self: &Arc<Self>, range: Range<u64>) -> Bytes {
        if range.is_empty() {
            return Bytes::new();
        }
        Bytes::from_owner(Stretch { segment: Arc::clone(self), range })
    }

    pub(crate) fn text(&self, range: Range<u64>) -> &[u8] {
        self.slice(range)
    }
}

struct Stretch {
    segment: Arc<Segment>,
    range: Range<u64>,
}

impl AsRef<[u8]> for Stretch {
    fn as_ref(&self) -> &[u8] {
        self.segment.slice(self.range.clone())
    }
}
