//! ClickHouse's compressed blocks, as in its native protocol and in HTTP with `compress=1` or `decompress=1`:
//! CityHash128 of what follows (16 bytes), method (1), length with this header of 9 (4), length unpacked (4), data.

use std::io::{self, Read, Write};

use super::Sink;

const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;
const METHOD_NONE: u8 = 0x02;

/// Most that one block may hold, packed or not: ClickHouse's own bound (`DBMS_MAX_COMPRESSED_SIZE`, 1 GiB) is too much
/// to be taken for a length that nobody checked yet; clients write 64 KiB to 1 MiB, the `clickhouse` crate up to 256 KiB
/// at a time unless a caller hands it one large buffer.
const MAX_BLOCK: usize = 128 << 20;

/// Bytes gathered before a block is written, as ClickHouse does (`DBMS_DEFAULT_BUFFER_SIZE`).
const WRITE_BLOCK: usize = 1 << 20;

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

/// The checksum that ClickHouse puts before a block: CityHash128 of version 1.0.2, low half first.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    cityhash_rs::cityhash_102_128(bytes).rotate_right(64).to_le_bytes()
}

/// Unpacks blocks.
pub(crate) struct BlockReader<R> {
    inner: R,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
    at: usize,
}

impl<R: Read> BlockReader<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, packed: Vec::new(), unpacked: Vec::new(), at: 0 }
    }

    /// Reads one block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        let mut head = [0; CHECKSUM + HEADER];
        let got = read_full(&mut self.inner, &mut head)?;
        if got == 0 {
            return Ok(false);
        }
        if got < head.len() {
            return Err(invalid("compressed block cut short"));
        }
        let (sum, header) = head.split_at(CHECKSUM);
        let length = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]) as usize
        };
        let (packed_length, unpacked_length) = (length(1), length(5));
        if !(HEADER..=MAX_BLOCK).contains(&packed_length) || unpacked_length > MAX_BLOCK {
            return Err(invalid(format!(
                "compressed block of {packed_length} bytes, {unpacked_length} unpacked"
            )));
        }
        self.packed.clear();
        self.packed.extend_from_slice(header);
        let rest = (packed_length - HEADER) as u64;
        // grows with what really arrives, not with what the header claims
        if (&mut self.inner).take(rest).read_to_end(&mut self.packed)? as u64 != rest {
            return Err(invalid("compressed block cut short"));
        }
        if checksum(&self.packed) != sum {
            return Err(invalid("checksum of a compressed block does not match"));
        }
        self.unpack(unpacked_length)
    }

    fn unpack(&mut self, length: usize) -> io::Result<bool> {
        let data = &self.packed[HEADER..];
        self.unpacked.resize(length, 0);
        let got = match self.packed[0] {
            METHOD_LZ4 => lz4_flex::block::decompress_into(data, &mut self.unpacked)
                .map_err(|e| invalid(format!("LZ4 block: {e}")))?,
            METHOD_ZSTD => zstd::bulk::decompress_to_buffer(data, self.unpacked.as_mut_slice())?,
            METHOD_NONE if data.len() == length => {
                self.unpacked.copy_from_slice(data);
                length
            }
            other => return Err(invalid(format!("unknown compression method 0x{other:02x}"))),
        };
        if got != length {
            return Err(invalid(format!("compressed block holds {got} bytes, its header says {length}")));
        }
        self.at = 0;
        Ok(true)
    }
}

fn read_full(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match from.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}

impl<R: Read> Read for BlockReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.unpacked.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = into.len().min(self.unpacked.len() - self.at);
        into[..count].copy_from_slice(&self.unpacked[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Packs what is written into LZ4 blocks.
pub(crate) struct BlockWriter {
    inner: Box<dyn Sink>,
    held: Vec<u8>,
}

impl BlockWriter {
    pub(crate) fn new(inner: Box<dyn Sink>) -> Self {
        Self { inner, held: Vec::new() }
    }

    fn write_block(&mut self) -> io::Result<()> {
        if self.held.is_empty() {
            return Ok(());
        }
        let mut block =
            vec![0; CHECKSUM + HEADER + lz4_flex::block::get_maximum_output_size(self.held.len())];
        let packed = lz4_flex::block::compress_into(&self.held, &mut block[CHECKSUM + HEADER..])
            .map_err(|e| invalid(format!("LZ4 block: {e}")))?;
        block.truncate(CHECKSUM + HEADER + packed);
        let size = |n: usize| u32::try_from(n).map_err(|_| invalid("block over 4 GiB"));
        block[CHECKSUM] = METHOD_LZ4;
        block[CHECKSUM + 1..CHECKSUM + 5].copy_from_slice(&size(HEADER + packed)?.to_le_bytes());
        block[CHECKSUM + 5..CHECKSUM + 9].copy_from_slice(&size(self.held.len())?.to_le_bytes());
        let sum = checksum(&block[CHECKSUM..]);
        block[..CHECKSUM].copy_from_slice(&sum);
        self.held.clear();
        self.inner.write_all(&block)
    }
}

impl Write for BlockWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(WRITE_BLOCK - self.held.len());
        self.held.extend_from_slice(&bytes[..count]);
        if self.held.len() == WRITE_BLOCK {
            self.write_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_block()?;
        self.inner.flush()
    }
}

impl Sink for BlockWriter {
    fn close(mut self: Box<Self>) -> io::Result<()> {
        self.write_block()?;
        self.inner.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::content::tests::Shared;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let shared = Shared::default();
        let mut writer = Box::new(BlockWriter::new(Box::new(shared.clone())));
        writer.write_all(bytes).unwrap();
        writer.close().unwrap();
        shared.take()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        for size in [0, 1, 1000, WRITE_BLOCK, 3 * WRITE_BLOCK + 17] {
            let bytes: Vec<u8> = (0..size).map(|i| (i * i / 7) as u8).collect();
            let mut back = Vec::new();
            BlockReader::new(&packed(&bytes)[..]).read_to_end(&mut back).unwrap();
            assert_eq!(back, bytes, "{size}");
        }
    }

    #[test]
    fn a_broken_block_is_refused() {
        let good = packed(b"hello, hello, hello, hello");
        let read = |bytes: &[u8]| BlockReader::new(bytes).read_to_end(&mut Vec::new());
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            assert!(read(&bad).is_err(), "bit of byte {at} flipped");
            if at > 0 {
                assert!(read(&good[..at]).is_err(), "cut at {at}");
            }
        }
    }
}
