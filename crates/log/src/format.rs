//! Bytes on disk, version 1. All numbers are little-endian.
//!
//! A segment file: one page of head, then records back to back; record at position `p` lies at `PAGE + p - base`.
//!
//! | head, at 0 and again at 2048 | bytes |
//! | --- | --- |
//! | magic `THRUSEG`, version | 7, 1 |
//! | log id | 16 |
//! | partition, zero | 4, 4 |
//! | base position | 8 |
//! | generation: random, new each time the file is used | 8 |
//! | CRC-32C of the above | 4 |
//!
//! A head of zeros: the file is ready to be used.
//!
//! | record | at | bytes |
//! | --- | --- | --- |
//! | length of all of it | 0 | 4 |
//! | CRC-32C of the header without this field, seeded | 4 | 4 |
//! | CRC-32C of tenant and payload, seeded | 8 | 4 |
//! | kind | 12 | 1 |
//! | marks: 0xA0, and 1 if there is a cause | 13 | 1 |
//! | length of the tenant | 14 | 2 |
//! | wall time, Unix nanoseconds | 16 | 8 |
//! | cause: source, ordinal, position; else zero | 24 | 4, 4, 8 |
//! | tenant, payload | 40 | |
//!
//! Both checksums start from a seed of generation and position. So what an earlier use of the file left behind is never taken for a
//! record, nor is a record at another place. After a group the rest of its last page is zero.

use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest};

use crate::{Cause, LogId, NewRecord, Position};

/// Bytes of a page: the head of a segment, and what writes are rounded to so that the system need not read before it writes.
pub(crate) const PAGE: u64 = 4096;
/// Bytes of a record before its tenant.
pub(crate) const HEADER: usize = 40;
/// The most a record takes, header included. Producers cut at 900 KiB, Kafka's limit; this leaves room for what cannot be cut.
pub const MAX_RECORD_BYTES: usize = 4 << 20;

const MAGIC: &[u8; 7] = b"THRUSEG";
const VERSION: u8 = 1;
const HEAD: usize = 52;
const SECOND_HEAD: usize = 2048;
const MARKS: u8 = 0xA0;
const HAS_CAUSE: u8 = 1;

/// What a segment's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) log: LogId,
    pub(crate) partition: u32,
    pub(crate) base: u64,
    pub(crate) generation: u64,
}

/// What the first page of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Spare,
    Used(Head),
    OtherVersion,
    Damaged,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(PAGE as usize);
        head.extend_from_slice(MAGIC);
        head.push(VERSION);
        head.extend_from_slice(&self.log.0.to_le_bytes());
        head.extend_from_slice(&self.partition.to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(&self.base.to_le_bytes());
        head.extend_from_slice(&self.generation.to_le_bytes());
        let sum = crc(u64::from(u32::MAX), &[&head]);
        head.extend_from_slice(&sum.to_le_bytes());
        let copy = head.clone();
        head.resize(SECOND_HEAD, 0);
        head.extend_from_slice(&copy);
        head.resize(PAGE as usize, 0);
        head
    }

    fn decode(bytes: &[u8]) -> Option<Result<Self, ()>> {
        let sum = u32::from_le_bytes(array(bytes, HEAD - 4)?);
        if bytes.get(..7)? != MAGIC || crc(u64::from(u32::MAX), &[bytes.get(..HEAD - 4)?]) != sum {
            return None;
        }
        if *bytes.get(7)? != VERSION {
            return Some(Err(()));
        }
        Some(Ok(Self {
            log: LogId(u128::from_le_bytes(array(bytes, 8)?)),
            partition: u32::from_le_bytes(array(bytes, 24)?),
            base: u64::from_le_bytes(array(bytes, 32)?),
            generation: u64::from_le_bytes(array(bytes, 40)?),
        }))
    }
}

/// Reads the first page of a segment file.
pub(crate) fn page(bytes: &[u8]) -> Page {
    let copies = [0, SECOND_HEAD].into_iter().filter_map(|at| Head::decode(bytes.get(at..at + HEAD)?));
    match copies.reduce(|_, later| later) {
        Some(Ok(head)) => Page::Used(head),
        Some(Err(())) => Page::OtherVersion,
        None if bytes.iter().all(|byte| *byte == 0) => Page::Spare,
        None => Page::Damaged,
    }
}

/// A record's header as read; its checksum held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) tenant: usize,
    pub(crate) wall_ns: u64,
    pub(crate) cause: Option<Cause>,
    body_sum: u32,
    seed: u64,
}

/// Bytes that a record takes.
pub(crate) fn size(record: &NewRecord) -> usize {
    HEADER + record.tenant.len() + record.payload.len()
}

/// The header of a record that lies at `position` in a segment of this generation.
pub(crate) fn encode(record: &NewRecord, wall_ns: u64, generation: u64, position: u64) -> [u8; HEADER] {
    let seed = seed(generation, position);
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&(size(record) as u32).to_le_bytes());
    header[8..12].copy_from_slice(&crc(seed, &[record.tenant.as_bytes(), &record.payload]).to_le_bytes());
    header[12] = record.kind as u8;
    header[13] = MARKS | u8::from(record.cause.is_some());
    header[14..16].copy_from_slice(&(record.tenant.len() as u16).to_le_bytes());
    header[16..24].copy_from_slice(&wall_ns.to_le_bytes());
    if let Some(cause) = record.cause {
        header[24..28].copy_from_slice(&cause.source.to_le_bytes());
        header[28..32].copy_from_slice(&cause.ordinal.to_le_bytes());
        header[32..40].copy_from_slice(&cause.position.0.to_le_bytes());
    }
    let sum = header_crc(seed, &header);
    header[4..8].copy_from_slice(&sum.to_le_bytes());
    header
}

/// The header at the beginning of `bytes`, if it is one of this generation at this position.
pub(crate) fn decode(bytes: &[u8], generation: u64, position: u64) -> Option<Header> {
    let header: &[u8; HEADER] = bytes.first_chunk()?;
    let length = u32::from_le_bytes(array(header, 0)?) as usize;
    let tenant = usize::from(u16::from_le_bytes(array(header, 14)?));
    if header[13] & !HAS_CAUSE != MARKS || !(HEADER + tenant..=MAX_RECORD_BYTES).contains(&length) {
        return None;
    }
    let seed = seed(generation, position);
    if header_crc(seed, header) != u32::from_le_bytes(array(header, 4)?) {
        return None;
    }
    let cause = Cause {
        source: u32::from_le_bytes(array(header, 24)?),
        ordinal: u32::from_le_bytes(array(header, 28)?),
        position: Position(u64::from_le_bytes(array(header, 32)?)),
    };
    Some(Header {
        length,
        kind: header[12],
        tenant,
        wall_ns: u64::from_le_bytes(array(header, 16)?),
        cause: (header[13] & HAS_CAUSE != 0).then_some(cause),
        body_sum: u32::from_le_bytes(array(header, 8)?),
        seed,
    })
}

impl Header {
    /// Whether tenant and payload are what was written.
    pub(crate) fn fits(&self, body: &[u8]) -> bool {
        crc(self.seed, &[body]) == self.body_sum
    }
}

fn header_crc(seed: u64, header: &[u8; HEADER]) -> u32 {
    crc(seed, &[&header[..4], &header[8..]])
}

fn crc(seed: u64, parts: &[&[u8]]) -> u32 {
    let mut digest = Digest::new_with_init_state(Crc32Iscsi, seed);
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize() as u32
}

/// A start for the checksum that differs for each generation and place.
fn seed(generation: u64, position: u64) -> u64 {
    let mixed = (generation ^ position).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed >> 32
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn record() -> NewRecord {
        let cause = Cause { source: 3, position: Position(77), ordinal: 2 };
        NewRecord {
            kind: Kind::Summary,
            tenant: "north".into(),
            cause: Some(cause),
            payload: bytes::Bytes::from_static(b"payload"),
            cache: None,
        }
    }

    /// A header reads back as written, and only under its own generation and position.
    #[test]
    fn a_header_holds_only_at_its_place() {
        let bytes = encode(&record(), 99, 5, 1000);
        let header = decode(&bytes, 5, 1000).unwrap();
        assert_eq!((header.length, header.kind, header.wall_ns), (HEADER + 12, 4, 99));
        assert_eq!(header.cause, record().cause);
        assert!(header.fits(b"northpayload") && !header.fits(b"northpayloaD"));
        assert!(decode(&bytes, 6, 1000).is_none() && decode(&bytes, 5, 1001).is_none());
    }

    /// Any single flipped bit of a header is seen.
    #[test]
    fn every_flipped_bit_is_seen() {
        let bytes = encode(&record(), 99, 5, 1000);
        for bit in 0..HEADER * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&flipped, 5, 1000).is_none(), "bit {bit}");
        }
    }

    /// One damaged copy of the head does not lose a segment; a spare is told from damage.
    #[test]
    fn a_head_survives_a_damaged_copy() {
        let head = Head { log: LogId(7), partition: 2, base: 9, generation: 4 };
        let mut bytes = head.encode();
        bytes[9] ^= 1;
        assert_eq!(page(&bytes), Page::Used(head));
        bytes[SECOND_HEAD] ^= 1;
        assert_eq!(page(&bytes), Page::Damaged);
        assert_eq!(page(&[0; PAGE as usize]), Page::Spare);
    }
}
