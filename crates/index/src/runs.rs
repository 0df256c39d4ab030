//! The index of one fold.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{
    Chunk, IndexError, Settings,
    filter::Mask,
    layout::{self, Head, Key},
    losses::{Losses, Reason},
    merge::{self, Merge},
    names,
    recover::{Damaged, recover},
    run::Run,
    writer::RunWriter,
};

/// Runs of one level that become one of the next. 86 million entries in chunks of 65,536 are then about 40 runs, and an entry is
/// written three times.
const FAN_OUT: usize = 16;
/// Fewer runs than this are not worth a merge when what they hold forbids more.
const FEWEST: usize = 4;
/// A merged run holds at most this share of the settings' entries: that much is lost at once when they are exceeded.
const SHARE: u64 = 4;

/// The index of one fold, in its own folder.
pub struct Runs {
    dir: PathBuf,
    settings: Settings,
    losses: Arc<Losses>,
    /// Oldest first; no chunk is in two.
    held: Vec<Held>,
    merge: Option<Merge>,
    /// Found when the folder was opened, and not counted yet: what lies in the fold's future is no loss.
    damaged: Vec<Damaged>,
    /// The `next` of the last [`Runs::sync`].
    synced: u64,
    /// The `next` of the two snapshots that a restart may go back to: the latest, and the one before should that be damaged. What
    /// lies below both may be merged.
    saved: [u64; 2],
    /// Names were made or removed since the folder was made durable.
    dir_changed: bool,
}

struct Held {
    run: Arc<Run>,
    is_durable: bool,
    /// What it was merged of, on disk until its own name is durable.
    replaced: Vec<PathBuf>,
}

impl Runs {
    /// Opens a folder, and makes it if there is none. Unfinished files, damaged ones and those that were merged are removed. A fold
    /// calls [`Runs::restore`] next. `fold` tells the index apart in metrics.
    ///
    /// # Errors
    /// [`IndexError::Io`], [`IndexError::Sync`].
    pub fn open(dir: &Path, fold: &str, settings: Settings) -> Result<Self, IndexError> {
        let losses = Arc::new(Losses::new(fold));
        let recovered = recover(dir, &losses)?;
        let held = |run| Held { run, is_durable: true, replaced: Vec::new() };
        let runs = Self {
            dir: dir.to_owned(),
            settings,
            losses,
            held: recovered.runs.into_iter().map(held).collect(),
            merge: None,
            damaged: recovered.damaged,
            synced: 0,
            saved: [0; 2],
            dir_changed: true,
        };
        runs.measure();
        Ok(runs)
    }

    /// Adds a chunk. One of the same number is replaced, unless it was merged already: then it is the same, for a replay makes the
    /// same chunks.
    ///
    /// # Errors
    /// [`IndexError::Io`]; the same call may be made again. [`IndexError::TooMany`] over 4,294,967,295 entries.
    pub fn add(&mut self, chunk: &Chunk) -> Result<(), IndexError> {
        let number = chunk.number;
        self.take_merged();
        let at = self.held.partition_point(|held| held.run.head().last < number);
        let existing = self.held.get(at).filter(|held| held.run.head().first <= number);
        if existing.is_some_and(|held| held.run.head().first < held.run.head().last) {
            return Ok(());
        }
        let replaces = existing.is_some();
        self.dir_changed = true;
        if chunk.entries.is_empty() {
            if replaces {
                self.remove(at)?;
            }
        } else {
            let run = self.write(chunk)?;
            let held = Held { run: Arc::new(run), is_durable: false, replaced: Vec::new() };
            self.held.splice(at..at + usize::from(replaces), [held]);
            self.drop_over_limit()?;
        }
        self.measure();
        Ok(())
    }

    /// All values of a key, newest first.
    #[must_use]
    pub fn get(&self, key: &Key) -> SmallVec<[u64; 2]> {
        let mut values = SmallVec::new();
        let hash = layout::hash(key);
        let mask = Mask::of(hash);
        for held in self.held.iter().rev() {
            if held.run.may_hold(hash, &mask) {
                held.run.find(hash, key, &mut values);
            }
        }
        values
    }

    /// Makes durable what was added. Called before the fold saves a snapshot that knows the chunks below `next`; [`Runs::saved`]
    /// after it.
    ///
    /// # Errors
    /// [`IndexError::Sync`]: the snapshot must not be saved. [`IndexError::Io`].
    pub fn sync(&mut self, next: u64) -> Result<(), IndexError> {
        self.take_merged();
        for held in self.held.iter_mut().filter(|held| !held.is_durable) {
            let path = held.run.path();
            File::open(path).and_then(|file| file.sync_all()).map_err(IndexError::sync(path))?;
            held.is_durable = true;
        }
        if self.dir_changed {
            names::sync_dir(&self.dir).map_err(IndexError::sync(&self.dir))?;
            self.dir_changed = false;
        }
        self.synced = next;
        for held in &mut self.held {
            while let Some(path) = held.replaced.last() {
                names::remove(path).map_err(IndexError::io(path))?;
                held.replaced.pop();
            }
        }
        Ok(())
    }

    /// The snapshot that the last [`Runs::sync`] preceded is durable. Chunks that it and the one before it know of may be merged from
    /// here on: a fold that finds the latest damaged goes back to that one, and a merged run cannot be divided.
    pub fn saved(&mut self) {
        self.saved = [self.saved[1], self.synced];
        self.take_merged();
        self.start_merge();
    }

    /// Takes back what a snapshot does not know of: chunks `next` and above. A merged run that reaches there is dropped whole and its
    /// entries counted as lost; it takes a fold that goes back by more than one snapshot.
    ///
    /// # Errors
    /// [`IndexError::Io`]; the same call may be made again.
    pub fn restore(&mut self, next: u64) -> Result<(), IndexError> {
        self.merge = None;
        self.count_damaged(next);
        self.dir_changed = true;
        while let Some(held) = self.held.last().filter(|held| held.run.head().last >= next) {
            if held.run.head().first < next {
                self.losses.count(Reason::Future, held.run.len());
            }
            self.remove(self.held.len() - 1)?;
        }
        self.synced = next;
        self.saved = [0, next];
        self.measure();
        Ok(())
    }

    /// Drops the runs whose newest entry is older than this log time (nanoseconds). Entries that share a run with newer ones stay.
    ///
    /// # Errors
    /// [`IndexError::Io`]; the same call may be made again.
    pub fn forget_before(&mut self, time: u64) -> Result<(), IndexError> {
        self.take_merged();
        while let Some(at) = self.held.iter().position(|held| held.run.head().until < time) {
            self.remove(at)?;
        }
        self.measure();
        Ok(())
    }

    /// Entries.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.held.iter().map(|held| held.run.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Files that a lookup asks.
    #[must_use]
    pub fn files(&self) -> usize {
        self.held.len()
    }

    /// Entries that the limit, damage or a merge with the fold's future took since the last call. Of a file whose header is damaged
    /// the number is guessed from its length.
    pub fn take_lost(&mut self) -> u64 {
        self.count_damaged(u64::MAX);
        self.losses.take()
    }

    /// Writes a chunk under its name.
    fn write(&self, chunk: &Chunk) -> Result<Run, IndexError> {
        let Chunk { number, since, until, entries } = chunk;
        if u32::try_from(entries.len()).is_err() {
            return Err(IndexError::TooMany { entries: entries.len() });
        }
        let path = self.dir.join(names::of(*number, *number));
        let unfinished = names::unfinished(&path);
        let head = Head::new(0, (*number, *number), (*since, *until), entries.len() as u64);
        let written = write_sorted(&unfinished, head, entries)
            .and_then(|file| Run::open(&file, &path, Arc::clone(&self.losses)))
            .and_then(|run| {
                run.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "not what was written"))
            })
            .and_then(|run| fs::rename(&unfinished, &path).map(|()| run));
        written.map_err(|source| {
            // its room may be needed; it is removed when the index is opened, at the latest
            let _ = names::remove(&unfinished);
            IndexError::Io { path: unfinished, source }
        })
    }

    /// Drops a run and its files, those first that would come to life without it.
    fn remove(&mut self, at: usize) -> Result<(), IndexError> {
        let held = &self.held[at];
        for path in held.replaced.iter().map(PathBuf::as_path).chain([held.run.path()]) {
            names::remove(path).map_err(IndexError::io(path))?;
        }
        self.held.remove(at);
        self.dir_changed = true;
        Ok(())
    }

    fn drop_over_limit(&mut self) -> Result<(), IndexError> {
        // the newest stays, be it larger than the limit
        while self.held.len() > 1 && self.len() > self.settings.max_entries {
            let entries = self.held[0].run.len();
            self.remove(0)?;
            self.losses.count(Reason::Limit, entries);
        }
        Ok(())
    }

    fn count_damaged(&mut self, next: u64) {
        for damaged in self.damaged.drain(..).filter(|damaged| damaged.first < next) {
            self.losses.count(Reason::Damage, damaged.entries);
        }
    }

    /// Puts a finished merge in the place of its sources. One that fails is tried again after the next snapshot.
    fn take_merged(&mut self) {
        let Some(merge) = self.merge.take_if(|merge| merge.is_finished()) else { return };
        let sources = merge.sources.clone();
        match merge.join().and_then(|run| run.map_or(Ok(()), |run| self.replace(&sources, run))) {
            Ok(()) => self.start_merge(),
            Err(error) => {
                tracing::warn!(%error, "a merge of the index failed; it is tried again");
                self.losses.meters.merge_failures.increment(1);
            }
        }
    }

    fn replace(&mut self, sources: &[Arc<Run>], run: Run) -> Result<(), IndexError> {
        let is_first = |held: &Held| sources.first().is_some_and(|first| Arc::ptr_eq(&held.run, first));
        let at = self.held.iter().position(is_first);
        let are_there = at.and_then(|at| self.held.get(at..at + sources.len())).is_some_and(|held| {
            held.iter().zip(sources).all(|(held, source)| Arc::ptr_eq(&held.run, source))
        });
        let unfinished = names::unfinished(run.path());
        let Some(at) = at.filter(|_| are_there) else {
            // some of them were dropped or replaced meanwhile
            return names::remove(&unfinished).map_err(IndexError::io(&unfinished));
        };
        merge::publish(&run)?;
        let merged = at..at + sources.len();
        let replaced = self.held[merged.clone()].iter_mut().flat_map(|held| {
            let before = std::mem::take(&mut held.replaced);
            before.into_iter().chain([held.run.path().to_owned()])
        });
        let held = Held { replaced: replaced.collect(), run: Arc::new(run), is_durable: true };
        self.held.splice(merged, [held]);
        self.dir_changed = true;
        self.losses.meters.merges.increment(1);
        self.measure();
        Ok(())
    }

    /// Starts the merge of the oldest runs that are worth one.
    fn start_merge(&mut self) {
        if self.merge.is_some() {
            return;
        }
        let below = self.saved[0].min(self.saved[1]);
        let settled = self.held.partition_point(|held| held.run.head().last < below);
        let levels = self.held[..settled].chunk_by(|a, b| a.run.head().level == b.run.head().level);
        let Some(sources) = levels.filter_map(|level| self.choose(level)).next() else { return };
        let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return };
        let path = self.dir.join(names::of(first.head().first, last.head().last));
        match Merge::start(&path, sources, Arc::clone(&self.losses)) {
            Ok(merge) => self.merge = Some(merge),
            Err(error) => {
                tracing::warn!(%error, "a merge of the index cannot start; it is tried again");
                self.losses.meters.merge_failures.increment(1);
            }
        }
    }

    /// Of runs of one level, those to merge: the oldest, as many as may be in one run.
    fn choose(&self, level: &[Held]) -> Option<Vec<Arc<Run>>> {
        let sources = level.get(..FAN_OUT)?;
        let most = (self.settings.max_entries / SHARE).min(u64::from(u32::MAX));
        let mut entries = 0;
        let fits = |held: &&Held| {
            entries += held.run.head().count;
            entries <= most
        };
        let sources: Vec<_> = sources.iter().take_while(fits).map(|held| Arc::clone(&held.run)).collect();
        (sources.len() >= FEWEST).then_some(sources)
    }

    fn measure(&self) {
        let meters = &self.losses.meters;
        meters.files.set(self.held.len() as f64);
        meters.entries.set(self.len() as f64);
        meters.bytes.set(self.held.iter().map(|held| held.run.bytes()).sum::<u64>() as f64);
    }
}

/// In the order of hashes, the newest first among equal ones.
fn write_sorted(path: &Path, head: Head, entries: &[(Key, u64)]) -> io::Result<File> {
    let numbered = entries.iter().zip(0_u32..).map(|((key, _), index)| (layout::hash(key), u32::MAX - index));
    let mut order: Vec<_> = numbered.collect();
    order.sort_unstable();
    let mut writer = RunWriter::create(path, head)?;
    for (hash, index) in order {
        let (key, value) = &entries[(u32::MAX - index) as usize];
        writer.push(hash, &layout::entry(key, *value))?;
    }
    writer.finish()
}
