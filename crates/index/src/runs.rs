//! The files of one fold.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use smallvec::SmallVec;

use crate::{
    error::{IndexError, at},
    filter::Hashed,
    merge::{Merge, sync_dir},
    metrics::{ENTRIES, FILES, LOST},
    run::{Head, Run, write},
};

/// How much is held.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Entries beyond which the oldest file goes, counted.
    pub max_entries: u64,
}

/// What a fold hands out at once.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Consecutive, from 0.
    pub number: u64,
    /// Log times of the first and the last closing, nanoseconds.
    pub since: u64,
    /// As above.
    pub until: u64,
    /// In any order; a key may come several times.
    pub entries: Vec<([u8; 16], u64)>,
}

/// The index of one fold, in a folder of its own.
pub struct Runs {
    dir: PathBuf,
    name: String,
    settings: Settings,
    /// By chunk, oldest first.
    runs: Vec<Arc<Run>>,
    /// Not yet durable.
    fresh: Vec<Arc<Run>>,
    merge: Option<Merge>,
}

impl Runs {
    /// Opens or creates the index in `dir`; `name` tells it apart in metrics. What is unfinished or damaged is taken away; the latter is reported.
    ///
    /// # Errors
    /// Where the folder or a file in it cannot be used.
    pub fn open(dir: &Path, name: &str, settings: Settings) -> Result<Self, IndexError> {
        fs::create_dir_all(dir).map_err(at(dir, "created"))?;
        let mut runs = Vec::new();
        for entry in fs::read_dir(dir).map_err(at(dir, "listed"))? {
            let path = entry.map_err(at(dir, "listed"))?.path();
            let whole = path.extension().is_some_and(|extension| extension == "run");
            match if whole { Run::open(path.clone())? } else { None } {
                Some(run) => runs.push(Arc::new(run)),
                None => {
                    if whole {
                        tracing::warn!(path = %path.display(), "a damaged index file is taken away: what it held counts as forgotten");
                    }
                    fs::remove_file(&path).map_err(at(&path, "removed"))?;
                }
            }
        }
        // Where a merged file and what it was made of are both there, the wider one comes first and the others go.
        runs.sort_unstable_by_key(|run| (run.head.first, std::cmp::Reverse(run.head.last)));
        let mut next = 0;
        let mut index = Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            settings,
            runs: Vec::new(),
            fresh: Vec::new(),
            merge: None,
        };
        for run in runs {
            if index.runs.is_empty() || run.head.first >= next {
                next = run.head.last + 1;
                index.runs.push(run);
            } else {
                run.remove()?;
            }
        }
        Ok(index)
    }

    /// Drops what lies in the future of a fold whose snapshot has handed out the chunks before `next`: it comes again by replay.
    ///
    /// # Errors
    /// Where a file cannot be removed.
    pub fn restore(&mut self, next: u64) -> Result<(), IndexError> {
        self.settle(true)?;
        while let Some(run) = self.runs.pop_if(|run| run.head.last >= next) {
            run.remove()?;
            if run.head.first < next {
                self.lost("snapshot", run.head.entries);
            }
        }
        self.fresh.clear();
        Ok(())
    }

    /// Adds a chunk; one that is there already stays.
    ///
    /// # Errors
    /// Where its file cannot be written. Nothing has changed then.
    pub fn add(&mut self, chunk: &Chunk) -> Result<(), IndexError> {
        self.settle(false)?;
        if self.runs.last().is_some_and(|last| chunk.number <= last.head.last) {
            return Ok(());
        }
        let mut entries = chunk.entries.clone();
        entries.sort_unstable();
        let count = entries.len() as u64;
        let head = Head::new((chunk.number, chunk.number), (chunk.since, chunk.until), count);
        let path = write(&self.dir, &head, entries.into_iter())?;
        if let Some(run) = Run::open(path)?.map(Arc::new) {
            self.fresh.push(Arc::clone(&run));
            self.runs.push(run);
        }
        while self.len() > self.settings.max_entries && self.runs.len() > 1 {
            self.drop_oldest(Some("limit"))?;
        }
        self.report();
        Ok(())
    }

    /// All values of a key, the newest chunk's first.
    #[must_use]
    pub fn get(&self, key: &[u8; 16]) -> SmallVec<[u64; 2]> {
        let hashed = Hashed::of(key);
        self.runs.iter().rev().flat_map(|run| run.get(key, hashed)).collect()
    }

    /// Makes what was added durable: to be called before the snapshot is saved that has handed out the chunks before `next`. These may be
    /// merged from then on.
    ///
    /// # Errors
    /// Where a file cannot be made durable.
    pub fn sync(&mut self, next: u64) -> Result<(), IndexError> {
        if !self.fresh.is_empty() {
            self.fresh.iter().try_for_each(|run| run.sync())?;
            sync_dir(&self.dir)?;
            self.fresh.clear();
        }
        self.settle(false)?;
        if self.merge.is_none() {
            self.merge = Merge::start(&self.dir, &self.runs, next);
        }
        Ok(())
    }

    /// Drops files that hold nothing closed since `time`.
    ///
    /// # Errors
    /// Where a file cannot be removed.
    pub fn forget_before(&mut self, time: u64) -> Result<(), IndexError> {
        while self.runs.first().is_some_and(|run| run.head.until < time) {
            self.drop_oldest(None)?;
        }
        Ok(())
    }

    /// Entries held.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.runs.iter().map(|run| run.head.entries).sum()
    }

    /// Whether nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Files held.
    #[must_use]
    pub fn files(&self) -> usize {
        self.runs.len()
    }

    fn drop_oldest(&mut self, lost: Option<&'static str>) -> Result<(), IndexError> {
        let oldest = self.runs.remove(0);
        oldest.remove()?;
        self.fresh.retain(|run| !Arc::ptr_eq(run, &oldest));
        if let Some(reason) = lost {
            self.lost(reason, oldest.head.entries);
        }
        Ok(())
    }

    /// Puts the result of a finished merge in the place of its sources; waits for it if `wait`.
    fn settle(&mut self, wait: bool) -> Result<(), IndexError> {
        let Some(merge) = self.merge.take_if(|merge| wait || merge.is_finished()) else { return Ok(()) };
        let (sources, merged) = merge.finish();
        let merged = match merged {
            Ok(Some(merged)) => merged,
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::warn!(%error, "index files could not be merged; tried again later");
                return Ok(());
            }
        };
        let place = self
            .runs
            .windows(sources.len())
            .position(|window| window.iter().zip(&sources).all(|(held, source)| Arc::ptr_eq(held, source)));
        match place {
            Some(place) => {
                self.runs.splice(place..place + sources.len(), [Arc::new(merged)]);
                sources.iter().try_for_each(|source| source.remove())
            }
            // Some of its sources were dropped meanwhile.
            None => merged.remove(),
        }
    }

    fn lost(&self, reason: &'static str, entries: u64) {
        metrics::counter!(LOST, "fold" => self.name.clone(), "reason" => reason).increment(entries);
    }

    fn report(&self) {
        metrics::gauge!(ENTRIES, "fold" => self.name.clone()).set(self.len() as f64);
        metrics::gauge!(FILES, "fold" => self.name.clone()).set(self.runs.len() as f64);
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        if let Err(error) = self.settle(true) {
            tracing::warn!(%error, "the last merge of index files was not finished; its sources stay");
        }
    }
}
