//! One run: a file that never changes, mapped for reading.

use std::{
    collections::BTreeSet,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use memmap2::Mmap;
use smallvec::SmallVec;

use crate::{
    filter::{self, BLOCK, Mask},
    layout::{self, BUCKET, Entry, Head, Key},
    losses::{Losses, Reason},
    writer::length,
};

/// A sound run.
pub(crate) struct Run {
    map: Mmap,
    head: Head,
    path: PathBuf,
    losses: Arc<Losses>,
    /// Buckets found damaged. They answer nothing; the others do.
    damaged: Mutex<BTreeSet<u64>>,
    /// Entries of those.
    gone: AtomicU64,
}

impl Run {
    /// Maps a file and checks header, filter and directory; buckets are checked when they are read, so that opening reads a tenth of
    /// the file. `None` if it is damaged. `path` is where it lies, or will.
    pub(crate) fn open(file: &File, path: &Path, losses: Arc<Losses>) -> io::Result<Option<Self>> {
        let bytes = file.metadata()?.len();
        if bytes < layout::HEADER as u64 {
            return Ok(None);
        }
        // SAFETY: a run is mapped only once it is whole, and no one writes to it or cuts it after that: it is replaced by renaming
        // another file over it, or unlinked, and both leave what is mapped as it is. The folder has one owner.
        let map = unsafe { Mmap::map(file)? };
        let Some(head) = Head::decode(&map).filter(|head| length(head) == Some(bytes)) else {
            return Ok(None);
        };
        let is_sound = |range, sum| map.get(range).is_some_and(|bytes| layout::sum(bytes) == sum);
        if !is_sound(head.filter(), head.filter_sum) || !is_sound(head.directory(), head.directory_sum) {
            return Ok(None);
        }
        let (damaged, gone) = (Mutex::default(), AtomicU64::new(0));
        Ok(Some(Self { map, head, path: path.to_owned(), losses, damaged, gone }))
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// Entries that are not known to be damaged.
    pub(crate) fn len(&self) -> u64 {
        self.head.count - self.gone.load(Ordering::Relaxed)
    }

    /// Whether the filter lets a key pass.
    pub(crate) fn may_hold(&self, hash: u64, mask: &Mask) -> bool {
        let at = layout::HEADER + filter::part(hash, self.head.blocks) as usize * BLOCK;
        self.map.get(at..).and_then(|rest| rest.first_chunk()).is_some_and(|block| mask.is_in(block))
    }

    /// Adds the values of a key, newest first.
    pub(crate) fn find(&self, hash: u64, key: &Key, values: &mut SmallVec<[u64; 2]>) {
        let bucket = self.bucket(filter::part(hash, self.head.buckets));
        values.extend(bucket.iter().filter(|entry| layout::key(entry) == key).map(layout::value));
    }

    /// The entries of a bucket; none if it is damaged, which is counted once.
    fn bucket(&self, index: u64) -> &[Entry] {
        let (Some((start, _)), Some((end, sum))) =
            (self.directory(index.wrapping_sub(1)), self.directory(index))
        else {
            return &[];
        };
        let at = self.head.entries();
        let bytes = self.map.get(at + start * layout::ENTRY..at + end * layout::ENTRY).unwrap_or_default();
        if layout::sum(bytes) == sum {
            return bytes.as_chunks().0;
        }
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if damaged.insert(index) {
            let entries = end.saturating_sub(start) as u64;
            tracing::error!(path = %self.path.display(), entries, "a part of the index is damaged and left out");
            self.gone.fetch_add(entries, Ordering::Relaxed);
            self.losses.count(Reason::Damage, entries);
        }
        &[]
    }

    /// Where a bucket ends, in entries, and its checksum. Before the first one lies an empty one.
    fn directory(&self, index: u64) -> Option<(usize, u32)> {
        if index == u64::MAX {
            return Some((0, 0));
        }
        let at = self.head.directory().start + index as usize * BUCKET;
        let (words, _) = self.map.get(at..at + BUCKET)?.as_chunks();
        Some((u32::from_le_bytes(words[0]) as usize, u32::from_le_bytes(words[1])))
    }

    /// All entries in order, to be merged.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        let mut cursor = Cursor { run: self, next: 0, entries: &[], hash: 0 };
        cursor.settle();
        cursor
    }
}

/// A walk through a run.
pub(crate) struct Cursor<'a> {
    run: &'a Run,
    /// The bucket after the one that `entries` are left of.
    next: u64,
    entries: &'a [Entry],
    /// Of the first of them.
    hash: u64,
}

impl<'a> Cursor<'a> {
    /// The entry it stands at and its hash; nothing at the end.
    pub(crate) fn peek(&self) -> Option<(u64, &'a Entry)> {
        self.entries.first().map(|entry| (self.hash, entry))
    }

    pub(crate) fn advance(&mut self) {
        self.entries = self.entries.get(1..).unwrap_or_default();
        self.settle();
    }

    fn settle(&mut self) {
        while self.entries.is_empty() && self.next < self.run.head.buckets {
            self.entries = self.run.bucket(self.next);
            self.next += 1;
        }
        if let Some(entry) = self.entries.first() {
            self.hash = layout::hash(layout::key(entry));
        }
    }
}
