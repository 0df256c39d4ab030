//! States of folds at a position of their log: written whole or not at all, the one before kept.
//!
//! A file is `<name>.<number>.snapshot`, all numbers little-endian: magic `THRUSNP` and version 1, position (8 bytes), the state, its length
//! (8), CRC-32C of all of that (4).

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use crc_fast::{CrcAlgorithm::Crc32Iscsi, Digest};

use crate::{OpenError, keeper::sync_dir};

const MAGIC: &[u8; 8] = b"THRUSNP\x01";
const SUFFIX: &str = ".snapshot";
const HEAD: usize = 16;
const TRAILER: usize = 12;
/// Snapshots of a name that stay: the latest, and one to fall back to.
const KEPT: usize = 2;
/// Bytes gathered before the system is called.
const BUFFER: usize = 1 << 20;

/// A folder of snapshots. One writer for a name at a time.
#[derive(Clone, Debug)]
pub struct Snapshots {
    dir: PathBuf,
}

/// A snapshot as read.
#[derive(Clone, Debug)]
pub struct Saved {
    /// What it was saved with.
    pub position: u64,
    /// The state.
    pub bytes: Vec<u8>,
    /// Later ones that were damaged.
    pub damaged: Vec<PathBuf>,
}

impl Snapshots {
    /// Opens a folder, and makes it if there is none.
    ///
    /// # Errors
    /// [`OpenError::Io`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(OpenError::io(&dir))?;
        Ok(Self { dir })
    }

    /// Saves a state; durable when it returns.
    ///
    /// # Errors
    /// What the system says. The snapshots of before are as they were.
    pub fn save(&self, name: &str, position: u64, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.writer(name, position)?;
        writer.write_all(bytes)?;
        writer.finish()
    }

    /// Saves a state piece by piece. Nothing is saved unless [`SnapshotWriter::finish`] succeeds.
    ///
    /// # Errors
    /// What the system says.
    pub fn writer(&self, name: &str, position: u64) -> io::Result<SnapshotWriter> {
        if name.is_empty() || name.contains(['/', '\0']) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a snapshot's name is part of a file's"));
        }
        let number = self.numbers(name)?.last().map_or(0, |last| last + 1);
        let temporary = self.dir.join(format!("{name}.new"));
        let file = BufWriter::with_capacity(BUFFER, File::create(&temporary)?);
        let snapshots = self.clone();
        let digest = Digest::new(Crc32Iscsi);
        let mut writer =
            SnapshotWriter { snapshots, name: name.to_owned(), number, temporary, file, digest, bytes: 0 };
        writer.put(MAGIC)?;
        writer.put(&position.to_le_bytes())?;
        Ok(writer)
    }

    /// The latest sound snapshot of a name; damaged ones are reported and passed over.
    ///
    /// # Errors
    /// [`OpenError::Io`].
    pub fn latest(&self, name: &str) -> Result<Option<Saved>, OpenError> {
        let mut damaged = Vec::new();
        for number in self.numbers(name).map_err(OpenError::io(&self.dir))?.into_iter().rev() {
            let path = self.path(name, number);
            let bytes = fs::read(&path).map_err(OpenError::io(&path))?;
            if let Some((position, bytes)) = decode(bytes) {
                return Ok(Some(Saved { position, bytes, damaged }));
            }
            tracing::error!(path = %path.display(), "a snapshot is damaged; the one before it is used");
            damaged.push(path);
        }
        Ok(None)
    }

    fn path(&self, name: &str, number: u64) -> PathBuf {
        self.dir.join(format!("{name}.{number:020}{SUFFIX}"))
    }

    /// Those that are there, in order.
    fn numbers(&self, name: &str) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            numbers.extend(entry?.file_name().to_str().and_then(|file| number(file, name)));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

fn number(file: &str, name: &str) -> Option<u64> {
    file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(SUFFIX)?.parse().ok()
}

fn decode(mut file: Vec<u8>) -> Option<(u64, Vec<u8>)> {
    let (rest, sum) = file.split_last_chunk()?;
    let mut digest = Digest::new(Crc32Iscsi);
    digest.update(rest);
    if digest.finalize() as u32 != u32::from_le_bytes(*sum) {
        return None;
    }
    let (rest, length) = rest.split_last_chunk()?;
    let (magic, rest) = rest.split_first_chunk::<8>()?;
    let (position, state) = rest.split_first_chunk()?;
    let position = u64::from_le_bytes(*position);
    if magic != MAGIC || u64::from_le_bytes(*length) != state.len() as u64 {
        return None;
    }
    file.truncate(file.len() - TRAILER);
    file.drain(..HEAD);
    Some((position, file))
}

/// A snapshot being written; dropped unfinished, it leaves no trace.
pub struct SnapshotWriter {
    snapshots: Snapshots,
    name: String,
    number: u64,
    temporary: PathBuf,
    file: BufWriter<File>,
    digest: Digest,
    bytes: u64,
}

impl SnapshotWriter {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digest.update(bytes);
        self.file.write_all(bytes)
    }

    /// Makes it the latest; durable when it returns.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(mut self) -> io::Result<()> {
        let length = self.bytes.to_le_bytes();
        self.put(&length)?;
        let sum = self.digest.finalize() as u32;
        self.file.write_all(&sum.to_le_bytes())?;
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, self.snapshots.path(&self.name, self.number))?;
        sync_dir(&self.snapshots.dir)?;
        let numbers = self.snapshots.numbers(&self.name)?;
        for old in numbers.iter().rev().skip(KEPT) {
            fs::remove_file(self.snapshots.path(&self.name, *old))?;
        }
        Ok(())
    }
}

impl Write for SnapshotWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for SnapshotWriter {
    fn drop(&mut self) {
        remove_if_there(&self.temporary);
    }
}

fn remove_if_there(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, path = %path.display(), "an unfinished snapshot could not be deleted");
        }
        _ => {}
    }
}
