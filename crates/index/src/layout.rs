//! How a run lies in its file.
//!
//! Little-endian: a header of 128 bytes; the filter, in blocks of 64 bytes; a directory of buckets, 8 bytes each (the entries before its
//! end, CRC-32C of its entries); the entries, 24 bytes each (key, value). Entries are in the order of their keys' hashes (XXH3, 64
//! bits), the newest first among equal hashes. Block and bucket of a key are its hash's share of their number. Hashes, not keys, so
//! that buckets are even whatever keys look like, and filter and directory are written in the same pass as the entries.

use std::ops::Range;

use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest, checksum};
use xxhash_rust::xxh3::xxh3_64;

use crate::filter::{self, BLOCK};

/// The last byte is the layout's version.
const MAGIC: [u8; 8] = *b"THRUIDX\x01";
pub(crate) const HEADER: usize = 128;
pub(crate) const ENTRY: usize = 24;
pub(crate) const BUCKET: usize = 8;
/// Entries of a bucket, on average: what a lookup that passes a filter reads and checks, 1.5 KiB.
const BUCKET_ENTRIES: u64 = 64;
/// Bytes of the header that its checksum covers.
const SUMMED: usize = 88;

/// A key as the caller has it.
pub(crate) type Key = [u8; 16];
/// An entry as the file has it.
pub(crate) type Entry = [u8; ENTRY];

pub(crate) fn hash(key: &Key) -> u64 {
    xxh3_64(key)
}

pub(crate) fn entry(key: &Key, value: u64) -> Entry {
    let mut entry = [0; ENTRY];
    entry[..16].copy_from_slice(key);
    entry[16..].copy_from_slice(&value.to_le_bytes());
    entry
}

pub(crate) fn key(entry: &Entry) -> &Key {
    let (key, _) = entry.as_chunks::<16>();
    &key[0]
}

pub(crate) fn value(entry: &Entry) -> u64 {
    let (words, _) = entry.as_chunks::<8>();
    u64::from_le_bytes(words[2])
}

pub(crate) fn sum(bytes: &[u8]) -> u32 {
    checksum(Crc32Iscsi, bytes) as u32
}

pub(crate) fn digest() -> Digest {
    Digest::new(Crc32Iscsi)
}

/// What a run says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Merges that its entries went through.
    pub(crate) level: u64,
    /// The first of its chunks.
    pub(crate) first: u64,
    /// The last of its chunks.
    pub(crate) last: u64,
    /// Log times, in nanoseconds, that its entries lie between.
    pub(crate) since: u64,
    pub(crate) until: u64,
    /// Entries.
    pub(crate) count: u64,
    pub(crate) blocks: u64,
    pub(crate) buckets: u64,
    /// Checksums of the sections.
    pub(crate) filter_sum: u32,
    pub(crate) directory_sum: u32,
}

impl Head {
    /// Of a run that will hold no more than `most` entries.
    pub(crate) fn new(level: u64, chunks: (u64, u64), times: (u64, u64), most: u64) -> Self {
        Self {
            level,
            first: chunks.0,
            last: chunks.1,
            since: times.0,
            until: times.1,
            count: 0,
            blocks: filter::blocks(most),
            buckets: most.div_ceil(BUCKET_ENTRIES).max(1),
            filter_sum: 0,
            directory_sum: 0,
        }
    }

    pub(crate) fn filter(&self) -> Range<usize> {
        HEADER..HEADER + self.blocks as usize * BLOCK
    }

    pub(crate) fn directory(&self) -> Range<usize> {
        let start = self.filter().end;
        start..start + self.buckets as usize * BUCKET
    }

    /// Where the entries begin.
    pub(crate) fn entries(&self) -> usize {
        self.directory().end
    }

    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let words = [
            self.level,
            self.first,
            self.last,
            self.since,
            self.until,
            self.count,
            self.blocks,
            self.buckets,
        ];
        bytes[..8].copy_from_slice(&MAGIC);
        for (slot, word) in bytes[8..72].chunks_exact_mut(8).zip(words) {
            slot.copy_from_slice(&word.to_le_bytes());
        }
        bytes[72..76].copy_from_slice(&self.filter_sum.to_le_bytes());
        bytes[76..80].copy_from_slice(&self.directory_sum.to_le_bytes());
        let sum = sum(&bytes[..SUMMED]);
        bytes[SUMMED..SUMMED + 4].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The header at the beginning of a file, if it is one of this version and unharmed.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER] = file.first_chunk()?;
        let (words, _) = bytes.as_chunks::<8>();
        let word = |index: usize| u64::from_le_bytes(words[index]);
        if words[0] != MAGIC || word(SUMMED / 8) != u64::from(sum(&bytes[..SUMMED])) {
            return None;
        }
        Some(Self {
            level: word(1),
            first: word(2),
            last: word(3),
            since: word(4),
            until: word(5),
            count: word(6),
            blocks: word(7),
            buckets: word(8),
            filter_sum: word(9) as u32,
            directory_sum: (word(9) >> 32) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_and_no_byte_of_it_may_change() {
        let mut head = Head::new(3, (16, 31), (5, 9), 1000);
        (head.count, head.filter_sum, head.directory_sum) = (999, 7, u32::MAX);
        let bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Some(head));
        for index in 0..SUMMED + 8 {
            let mut harmed = bytes;
            harmed[index] ^= 1;
            assert_eq!(Head::decode(&harmed), None, "byte {index}");
        }
    }

    #[test]
    fn an_entry_is_read_back() {
        let entry = entry(&[7; 16], u64::MAX - 1);
        assert_eq!((key(&entry), value(&entry)), (&[7; 16], u64::MAX - 1));
    }
}
