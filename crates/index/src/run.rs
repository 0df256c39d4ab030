//! One file: chunks `first` to `last`, sorted by key and value.
//!
//! | at | bytes |
//! | --- | --- |
//! | magic `THRUIDX1` | 8 |
//! | first and last chunk, log times of the first and last closing, entries, blocks of the filter | 6 × 8 |
//! | CRC-32C of the above, zero | 4, 4 |
//! | filter | blocks × 64 |
//! | entries: key, value | entries × 24 |
//!
//! Numbers are little-endian. A file is written under another name and gets its own once it is whole.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crc_fast::{CrcAlgorithm::Crc32Iscsi, checksum};
use memmap2::Mmap;

use crate::{
    error::{IndexError, at},
    filter::{self, BLOCK, Hashed},
};

pub(crate) type Key = [u8; 16];

const MAGIC: &[u8; 8] = b"THRUIDX1";
const HEAD: usize = 64;
pub(crate) const ENTRY: usize = 24;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) since: u64,
    pub(crate) until: u64,
    pub(crate) entries: u64,
    blocks: u64,
}

impl Head {
    pub(crate) fn new(chunks: (u64, u64), times: (u64, u64), entries: u64) -> Self {
        let ((first, last), (since, until)) = (chunks, times);
        Self { first, last, since, until, entries, blocks: filter::blocks(entries) }
    }

    /// Chunks that it covers.
    pub(crate) fn chunks(&self) -> u64 {
        self.last - self.first + 1
    }

    pub(crate) fn name(&self) -> String {
        format!("{:016}-{:016}.run", self.first, self.last)
    }

    fn to_bytes(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        let words = [self.first, self.last, self.since, self.until, self.entries, self.blocks];
        for (place, word) in bytes[8..56].chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let crc = checksum(Crc32Iscsi, &bytes[..56]) as u32;
        bytes[56..60].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where it is no head, or the file has not the length that it says.
    fn of(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..HEAD)?;
        let word = |index: usize| {
            Some(u64::from_le_bytes(head.get(8 + index * 8..16 + index * 8)?.try_into().ok()?))
        };
        let crc = u32::from_le_bytes(head.get(56..60)?.try_into().ok()?);
        if &head[..8] != MAGIC || checksum(Crc32Iscsi, &head[..56]) as u32 != crc {
            return None;
        }
        let head = Self {
            first: word(0)?,
            last: word(1)?,
            since: word(2)?,
            until: word(3)?,
            entries: word(4)?,
            blocks: word(5)?,
        };
        let length =
            HEAD as u128 + u128::from(head.blocks) * BLOCK as u128 + u128::from(head.entries) * ENTRY as u128;
        (head.first <= head.last && head.blocks > 0 && length == bytes.len() as u128).then_some(head)
    }
}

/// A file, mapped.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) head: Head,
    pub(crate) path: PathBuf,
    map: Mmap,
}

impl Run {
    /// Opens a whole file; `None` for one that is damaged.
    pub(crate) fn open(path: PathBuf) -> Result<Option<Self>, IndexError> {
        let file = File::open(&path).map_err(at(&path, "opened"))?;
        // SAFETY: a file of this name is whole and is never written to again, by nobody: the data directory is locked by its one user.
        let map = unsafe { Mmap::map(&file) }.map_err(at(&path, "mapped"))?;
        Ok(Head::of(&map).map(|head| Self { head, path, map }))
    }

    fn filter(&self) -> &[u8] {
        self.map.get(HEAD..HEAD + self.head.blocks as usize * BLOCK).unwrap_or_default()
    }

    /// All entries, in order.
    pub(crate) fn entries(&self) -> &[[u8; ENTRY]] {
        let start = HEAD + self.head.blocks as usize * BLOCK;
        self.map.get(start..).unwrap_or_default().as_chunks().0
    }

    /// The values of a key, the greatest first.
    pub(crate) fn get(&self, key: &Key, hashed: Hashed) -> impl Iterator<Item = u64> {
        let entries = if hashed.may_be_in(self.filter()) { self.entries() } else { &[] };
        let start = entries.partition_point(|entry| entry[..16] < key[..]);
        let found = entries[start..].iter().take_while(|entry| entry[..16] == key[..]).count();
        entries[start..start + found].iter().rev().map(|entry| split(entry).1)
    }

    /// Takes the file away. Whoever maps it still reads it.
    pub(crate) fn remove(&self) -> Result<(), IndexError> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(&self.path, "removed")(error)),
            _ => Ok(()),
        }
    }

    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        let synced = File::open(&self.path).and_then(|file| file.sync_data());
        synced.map_err(at(&self.path, "made durable"))
    }
}

pub(crate) fn split(entry: &[u8; ENTRY]) -> (Key, u64) {
    let (mut key, mut value) = ([0; 16], [0; 8]);
    key.copy_from_slice(&entry[..16]);
    value.copy_from_slice(&entry[16..]);
    (key, u64::from_le_bytes(value))
}

/// Writes a file of entries that come sorted, as many as `head` says.
pub(crate) fn write(
    dir: &Path,
    head: &Head,
    entries: impl Iterator<Item = (Key, u64)>,
) -> Result<PathBuf, IndexError> {
    let path = dir.join(head.name());
    let partial = path.with_extension("tmp");
    write_to(&partial, head, entries).map_err(at(&partial, "written"))?;
    fs::rename(&partial, &path).map_err(at(&path, "renamed to"))?;
    Ok(path)
}

fn write_to(path: &Path, head: &Head, entries: impl Iterator<Item = (Key, u64)>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    let mut filter = vec![0; head.blocks as usize * BLOCK];
    file.seek(SeekFrom::Start((HEAD + filter.len()) as u64))?;
    let mut out = BufWriter::with_capacity(1 << 18, file);
    for (key, value) in entries {
        Hashed::of(&key).set(&mut filter);
        out.write_all(&key)?;
        out.write_all(&value.to_le_bytes())?;
    }
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(&head.to_bytes())?;
    file.write_all(&filter)
}
