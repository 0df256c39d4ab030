//! Writing a run, entry by entry in the order of hashes, in one pass.

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::Path,
};

use crc_fast::Digest;

use crate::{
    filter::{self, BLOCK, Mask},
    layout::{BUCKET, ENTRY, Entry, HEADER, Head, digest, sum},
};

/// Bytes of entries gathered before the system is called.
const BUFFER: usize = 1 << 20;
/// Bytes of filter gathered before the system is called.
const FILTER_BUFFER: usize = 256 << 10;
/// Entries after which a long write is made durable so far (12 MiB): a log that flushes on the same disk never waits for hundreds
/// of megabytes at once.
const PACE: u64 = 512 << 10;

/// An unfinished run.
pub(crate) struct RunWriter {
    head: Head,
    file: BufWriter<File>,
    /// Blocks that are not written yet, the last of them unfinished.
    filter: Vec<u8>,
    /// Blocks before those.
    filter_written: u64,
    filter_digest: Digest,
    /// Buckets that are whole.
    directory: Vec<u8>,
    /// Entries of the bucket that is not.
    bucket: Vec<u8>,
}

impl RunWriter {
    /// Makes the file, over one that a crash may have left there.
    pub(crate) fn create(path: &Path, head: Head) -> io::Result<Self> {
        // readable too: it is mapped as soon as it is whole
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        file.seek(SeekFrom::Start(head.entries() as u64))?;
        let directory = Vec::with_capacity(head.directory().len());
        Ok(Self {
            head,
            file: BufWriter::with_capacity(BUFFER, file),
            filter: vec![0; BLOCK],
            filter_written: 0,
            filter_digest: digest(),
            directory,
            bucket: Vec::new(),
        })
    }

    /// The next entry: no hash is smaller than the one before.
    pub(crate) fn push(&mut self, hash: u64, entry: &Entry) -> io::Result<()> {
        self.turn_to_bucket(filter::part(hash, self.head.buckets))?;
        self.bucket.extend_from_slice(entry);
        self.turn_to_block(filter::part(hash, self.head.blocks))?;
        if let Some(block) = self.filter.last_chunk_mut() {
            Mask::of(hash).add_to(block);
        }
        self.head.count += 1;
        if self.head.count.is_multiple_of(PACE) {
            self.file.flush()?;
            self.file.get_ref().sync_data()?;
        }
        Ok(())
    }

    /// Writes the rest. The file is whole when it returns, not durable.
    pub(crate) fn finish(mut self) -> io::Result<File> {
        self.turn_to_bucket(self.head.buckets)?;
        self.turn_to_block(self.head.blocks - 1)?;
        self.write_filter()?;
        self.head.filter_sum = self.filter_digest.finalize() as u32;
        self.head.directory_sum = sum(&self.directory);
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.write_all_at(&self.directory, self.head.directory().start as u64)?;
        file.write_all_at(&self.head.encode(), 0)?;
        Ok(file)
    }

    /// Ends buckets until this one is open.
    fn turn_to_bucket(&mut self, index: u64) -> io::Result<()> {
        while ((self.directory.len() / BUCKET) as u64) < index {
            let end = self.head.count as u32;
            self.directory.extend_from_slice(&end.to_le_bytes());
            self.directory.extend_from_slice(&sum(&self.bucket).to_le_bytes());
            self.file.write_all(&self.bucket)?;
            self.bucket.clear();
        }
        Ok(())
    }

    /// Ends blocks until this one is the last.
    fn turn_to_block(&mut self, index: u64) -> io::Result<()> {
        while self.filter_written + ((self.filter.len() / BLOCK) as u64) <= index {
            if self.filter.len() >= FILTER_BUFFER {
                self.write_filter()?;
            }
            self.filter.resize(self.filter.len() + BLOCK, 0);
        }
        Ok(())
    }

    fn write_filter(&mut self) -> io::Result<()> {
        let at = HEADER as u64 + self.filter_written * BLOCK as u64;
        self.file.get_ref().write_all_at(&self.filter, at)?;
        self.filter_digest.update(&self.filter);
        self.filter_written += (self.filter.len() / BLOCK) as u64;
        self.filter.clear();
        Ok(())
    }
}

/// Bytes of a file with this head.
pub(crate) fn length(head: &Head) -> Option<u64> {
    let fixed = (HEADER as u64).checked_add(head.blocks.checked_mul(BLOCK as u64)?)?;
    let directory = fixed.checked_add(head.buckets.checked_mul(BUCKET as u64)?)?;
    directory.checked_add(head.count.checked_mul(ENTRY as u64)?)
}
