//! The folder of sealed cuts.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::error::OutboxError;
use super::{Batch, file};
use crate::metrics;

/// Sealed cuts that wait for ClickHouse. Clones are the same outbox. All calls but the waits touch the disk and block.
#[derive(Debug, Clone)]
pub struct Outbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    max_bytes: u64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// By partition and cut.
    cuts: BTreeMap<(u32, u64), Waiting>,
    bytes: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Of its file.
    size: u64,
    /// Its batches, where it was sealed while no other of its partition waited: it is asked for next, and need not be read.
    batches: Option<Vec<Batch>>,
}

/// A sealed cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCut {
    /// The partition.
    pub partition: u32,
    /// The cut's position in its log.
    pub cut: u64,
    /// Its batches, in order.
    pub batches: Vec<Batch>,
}

/// Of a file that is not whole yet.
const UNFINISHED: &str = "tmp";
/// Of a sealed cut.
const SEALED: &str = "cut";

impl Outbox {
    /// Opens a folder, making it if it is missing. What a crash left unfinished is removed; every sealed cut is checked.
    ///
    /// # Errors
    /// [`OutboxError::Damaged`] names the file that is not whole; nothing is dropped.
    pub fn open(dir: impl Into<PathBuf>, max_bytes: u64) -> Result<Self, OutboxError> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(|source| failed("make", &dir, source))?;
        let mut state = State::default();
        for entry in fs::read_dir(&dir).map_err(|source| failed("read", &dir, source))? {
            let path = entry.map_err(|source| failed("read", &dir, source))?.path();
            if path.extension().is_some_and(|kind| kind == UNFINISHED) {
                fs::remove_file(&path).map_err(|source| failed("remove", &path, source))?;
            } else if let Some(key) = key_of(&path) {
                let size = read(&path)?.0;
                state.bytes += size;
                state.cuts.insert(key, Waiting { size, batches: None });
            }
        }
        sync_dir(&dir)?;
        let outbox = Self {
            inner: Arc::new(Inner { dir, max_bytes, state: Mutex::new(state), changed: Notify::new() }),
        };
        outbox.report();
        Ok(outbox)
    }

    /// Makes a cut's batches durable, all or none; returns when they are. Sealing a cut again is no error where it is the same; it may have been sent and
    /// removed before, then the store drops what it has already. No batches, nothing done.
    ///
    /// # Errors
    /// [`OutboxError::Io`]; [`OutboxError::Mixed`]; [`OutboxError::Differs`] where the waiting cut of that name has other batches.
    pub async fn seal(&self, batches: Vec<Batch>) -> Result<(), OutboxError> {
        let outbox = self.clone();
        let sealed = tokio::task::spawn_blocking(move || outbox.seal_blocking(&batches)).await;
        sealed.unwrap_or_else(|stopped| Err(failed("write", &self.inner.dir, io::Error::other(stopped))))
    }

    /// As [`Self::seal`], on the caller's thread.
    ///
    /// # Errors
    /// As [`Self::seal`].
    pub fn seal_blocking(&self, batches: &[Batch]) -> Result<(), OutboxError> {
        let Some(first) = batches.first() else { return Ok(()) };
        let (partition, cut) = (first.name.partition, first.name.cut);
        if batches.iter().any(|batch| (batch.name.partition, batch.name.cut) != (partition, cut)) {
            return Err(OutboxError::Mixed);
        }
        let path = self.path(partition, cut);
        if self.state().cuts.contains_key(&(partition, cut)) {
            let sealed = fs::read(&path).map_err(|source| failed("read", &path, source))?;
            let mut bytes = Vec::with_capacity(sealed.len());
            file::write(batches, &mut bytes).map_err(|source| failed("write", &path, source))?;
            return if sealed == bytes { Ok(()) } else { Err(OutboxError::Differs { partition, cut }) };
        }
        let unfinished = path.with_extension(UNFINISHED);
        let size =
            write_synced(&unfinished, batches).map_err(|source| failed("write", &unfinished, source))?;
        fs::rename(&unfinished, &path).map_err(|source| failed("rename", &unfinished, source))?;
        sync_dir(&self.inner.dir)?;
        let mut state = self.state();
        state.bytes += size;
        let is_next = state.of(partition).next().is_none();
        let batches = is_next.then(|| batches.to_vec());
        state.cuts.insert((partition, cut), Waiting { size, batches });
        drop(state);
        self.changed();
        Ok(())
    }

    /// Whether it holds as much as it may: the fold is to wait ([`Self::wait_for_room`]) before its next cut.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.state().bytes >= self.inner.max_bytes
    }

    /// Bytes of all sealed cuts.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.state().bytes
    }

    /// How many cuts wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().cuts.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The least cut of a partition that still waits: all before it are stored.
    #[must_use]
    pub fn first_cut(&self, partition: u32) -> Option<u64> {
        self.state().of(partition).next().map(|(cut, _)| cut)
    }

    /// Partitions with cuts that wait.
    #[must_use]
    pub fn partitions(&self) -> Vec<u32> {
        let mut partitions: Vec<u32> = self.state().cuts.keys().map(|&(partition, _)| partition).collect();
        partitions.dedup();
        partitions
    }

    /// Reads the first cut of a partition that waits.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub fn first(&self, partition: u32) -> Result<Option<SealedCut>, OutboxError> {
        let first = self.state().of(partition).next().map(|(cut, waiting)| (cut, waiting.batches.clone()));
        let Some((cut, held)) = first else { return Ok(None) };
        let batches = match held {
            Some(batches) => batches,
            None => read(&self.path(partition, cut))?.1,
        };
        Ok(Some(SealedCut { partition, cut, batches }))
    }

    /// Removes a cut that ClickHouse has acknowledged, every batch of it.
    ///
    /// # Errors
    /// [`OutboxError::Io`].
    pub fn remove(&self, partition: u32, cut: u64) -> Result<(), OutboxError> {
        let path = self.path(partition, cut);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &path, source));
            }
            _ => {}
        }
        let mut state = self.state();
        if let Some(waiting) = state.cuts.remove(&(partition, cut)) {
            state.bytes -= waiting.size;
        }
        drop(state);
        self.changed();
        Ok(())
    }

    /// Waits until it is not full.
    pub async fn wait_for_room(&self) {
        self.wait(|| !self.is_full()).await;
    }

    /// Waits until nothing waits in it.
    pub async fn wait_until_empty(&self) {
        self.wait(|| self.is_empty()).await;
    }

    /// Waits until something holds; looks again whenever a cut was sealed or removed.
    pub(crate) async fn wait(&self, holds: impl Fn() -> bool) {
        loop {
            let changed = self.inner.changed.notified();
            tokio::pin!(changed);
            // Listens before it looks, so that no change falls between.
            changed.as_mut().enable();
            if holds() {
                return;
            }
            changed.await;
        }
    }

    fn changed(&self) {
        self.report();
        self.inner.changed.notify_waiters();
    }

    fn report(&self) {
        let state = self.state();
        ::metrics::gauge!(metrics::BATCHES_PENDING).set(state.cuts.len() as f64);
        ::metrics::gauge!(metrics::OUTBOX_BYTES).set(state.bytes as f64);
    }

    fn path(&self, partition: u32, cut: u64) -> PathBuf {
        self.inner.dir.join(format!("{partition:05}-{cut:020}.{SEALED}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The cuts of a partition that wait, in order.
    fn of(&self, partition: u32) -> impl Iterator<Item = (u64, &Waiting)> {
        self.cuts.range((partition, 0)..=(partition, u64::MAX)).map(|(&(_, cut), waiting)| (cut, waiting))
    }
}

fn key_of(path: &Path) -> Option<(u32, u64)> {
    let (name, kind) = path.file_name()?.to_str()?.rsplit_once('.')?;
    let (partition, cut) = name.split_once('-').filter(|_| kind == SEALED)?;
    Some((partition.parse().ok()?, cut.parse().ok()?))
}

/// Reads a sealed cut: its file's size, and its batches.
fn read(path: &Path) -> Result<(u64, Vec<Batch>), OutboxError> {
    let bytes = fs::read(path).map_err(|source| failed("read", path, source))?;
    let size = bytes.len() as u64;
    let batches = file::decode(&Bytes::from(bytes))
        .map_err(|what| OutboxError::Damaged { path: path.to_owned(), what })?;
    Ok((size, batches))
}

fn write_synced(path: &Path, batches: &[Batch]) -> io::Result<u64> {
    let mut file = File::create(path)?;
    let size = file::write(batches, &mut file)?;
    file.sync_all()?;
    Ok(size)
}

/// A new name is durable once its folder is.
fn sync_dir(dir: &Path) -> Result<(), OutboxError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| failed("sync", dir, source))
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> OutboxError {
    OutboxError::Io { action, path: path.to_owned(), source }
}
