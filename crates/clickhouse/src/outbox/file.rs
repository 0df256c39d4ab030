//! The layout of a sealed cut: magic and version (8 bytes), count of batches (u32); for each its name (log id and table as u32 length and
//! bytes, partition u32, cut u64, day u32, chunk u32), rows (u64) and block (u64 length and bytes); at the end the CRC-64 of all before. Little endian.

use std::io::{self, Write};

use bytes::{Buf, Bytes};
use crc_fast::{CrcAlgorithm, Digest, checksum};

use super::{Batch, BatchName};

/// `TLOUTB`, a zero, and the layout's version.
const MAGIC: [u8; 8] = *b"TLOUTB\x00\x01";

/// Size of the checksum.
const CHECKSUM: usize = 8;

/// Writes a cut as a file has it, blocks as they are without a copy; its size.
pub(super) fn write(batches: &[Batch], out: &mut impl Write) -> io::Result<u64> {
    let mut checksum = Digest::new(CrcAlgorithm::Crc64Nvme);
    let mut size = 0;
    let mut put = |piece: &[u8]| {
        checksum.update(piece);
        size += piece.len() as u64;
        out.write_all(piece)
    };
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&(batches.len() as u32).to_le_bytes());
    for batch in batches {
        let name = &batch.name;
        for text in [&name.log_id, &name.table] {
            head.extend_from_slice(&(text.len() as u32).to_le_bytes());
            head.extend_from_slice(text.as_bytes());
        }
        head.extend_from_slice(&name.partition.to_le_bytes());
        head.extend_from_slice(&name.cut.to_le_bytes());
        head.extend_from_slice(&name.day.to_le_bytes());
        head.extend_from_slice(&name.chunk.to_le_bytes());
        head.extend_from_slice(&batch.rows.to_le_bytes());
        head.extend_from_slice(&(batch.bytes.len() as u64).to_le_bytes());
        put(&head)?;
        put(&batch.bytes)?;
        head.clear();
    }
    put(&head)?;
    out.write_all(&checksum.finalize().to_le_bytes())?;
    Ok(size + CHECKSUM as u64)
}

/// Reads a file's bytes; says what is wrong with them.
pub(super) fn decode(file: &Bytes) -> Result<Vec<Batch>, &'static str> {
    let body = check(file)?;
    let mut rest = file.slice(MAGIC.len()..body);
    let mut count = take(&mut rest, 4)?;
    let count = count.get_u32_le();
    (0..count).map(|_| batch(&mut rest)).collect()
}

/// Checks both ends; where the body ends.
fn check(file: &[u8]) -> Result<usize, &'static str> {
    let body = file.len().checked_sub(CHECKSUM).filter(|&body| body >= MAGIC.len() + 4).ok_or("too short")?;
    if file[..MAGIC.len()] != MAGIC {
        return Err("not an outbox file, or of another version");
    }
    let (content, mut sum) = file.split_at(body);
    if checksum(CrcAlgorithm::Crc64Nvme, content) == sum.get_u64_le() {
        Ok(body)
    } else {
        Err("wrong checksum")
    }
}

fn batch(rest: &mut Bytes) -> Result<Batch, &'static str> {
    let (log_id, table) = (text(rest)?, text(rest)?);
    let partition = take(rest, 4)?.get_u32_le();
    let cut = take(rest, 8)?.get_u64_le();
    let (day, chunk) = (take(rest, 4)?.get_u32_le(), take(rest, 4)?.get_u32_le());
    let name = BatchName { log_id, partition, cut, table, day, chunk };
    let rows = take(rest, 8)?.get_u64_le();
    let len = take(rest, 8)?.get_u64_le();
    let bytes = take(rest, usize::try_from(len).map_err(|_| "a length is too large")?)?;
    Ok(Batch { name, rows, bytes })
}

fn text(rest: &mut Bytes) -> Result<String, &'static str> {
    let len = take(rest, 4)?.get_u32_le();
    let bytes = take(rest, len as usize)?;
    String::from_utf8(bytes.into()).map_err(|_| "a name is no UTF-8")
}

fn take(rest: &mut Bytes, len: usize) -> Result<Bytes, &'static str> {
    if len > rest.len() { Err("a length is too large") } else { Ok(rest.split_to(len)) }
}
