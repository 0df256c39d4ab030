//! Segment files made ahead, and trimmed ones made ready again, on a thread of its own: the writer does not wait for either.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    disk::{Disk, write_all},
    format::PAGE,
    metrics::Meters,
    segment::{Segment, Spare},
    space::Space,
};

#[derive(Default)]
struct State {
    spares: Vec<Spare>,
    /// Segments that will be needed soon.
    wanted: usize,
    trimmed: Vec<Arc<Segment>>,
    /// Segments that leave the page cache.
    cold: Vec<Arc<Segment>>,
    /// No file could be made; tried again when the next one is wanted.
    gave_up: bool,
    closing: bool,
}

pub(crate) struct Keeper {
    dir: PathBuf,
    file_bytes: u64,
    /// Spares that are kept: one for each partition.
    max_spares: usize,
    next_number: AtomicU64,
    disk: Arc<dyn Disk>,
    state: Mutex<State>,
    work: Condvar,
    space: Arc<Space>,
    meters: Arc<Meters>,
}

enum Work {
    LetGo(Vec<Arc<Segment>>),
    Make,
    Retire(Vec<Arc<Segment>>),
}

impl Keeper {
    pub(crate) fn new(
        dir: PathBuf,
        file_bytes: u64,
        partitions: u32,
        disk: Arc<dyn Disk>,
        space: Arc<Space>,
        meters: Arc<Meters>,
    ) -> Self {
        Self {
            dir,
            file_bytes,
            max_spares: partitions as usize,
            next_number: AtomicU64::new(0),
            disk,
            state: Mutex::default(),
            work: Condvar::new(),
            space,
            meters,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Spares and numbers found when the log was opened.
    pub(crate) fn adopt(&self, spares: Vec<Spare>, next_number: u64) {
        self.next_number.store(next_number, Ordering::Relaxed);
        spares.into_iter().for_each(|spare| {
            self.put(spare);
        });
    }

    /// One more segment will be needed soon.
    pub(crate) fn want_one(&self) {
        let mut state = self.state();
        state.wanted += 1;
        state.gave_up = false;
        drop(state);
        self.work.notify_one();
    }

    /// A file for a segment; made on the spot if none is ready.
    pub(crate) fn take(&self) -> io::Result<Spare> {
        {
            let mut state = self.state();
            state.wanted = state.wanted.saturating_sub(1);
            if let Some(spare) = state.spares.pop() {
                return Ok(spare);
            }
        }
        self.meters.cold_segments.increment(1);
        self.make(false)
    }

    pub(crate) fn trimmed(&self, segments: Vec<Arc<Segment>>) {
        self.state().trimmed.extend(segments);
        self.work.notify_one();
    }

    /// The pages of these are not asked for any more.
    pub(crate) fn let_go(&self, segments: Vec<Arc<Segment>>) {
        if !segments.is_empty() {
            self.state().cold.extend(segments);
            self.work.notify_one();
        }
    }

    pub(crate) fn close(&self) {
        self.state().closing = true;
        self.work.notify_one();
    }

    pub(crate) fn spare_bytes(&self) -> u64 {
        self.state().spares.len() as u64 * self.file_bytes
    }

    /// Until the log is closed. Trimmed segments are retired even then.
    pub(crate) fn run(&self) {
        while let Some(work) = self.next_work() {
            let result = match work {
                Work::LetGo(segments) => {
                    for segment in segments {
                        segment.let_go();
                        self.meters.let_go.increment(1);
                    }
                    Ok(())
                }
                Work::Make => self.make(true).map(|spare| {
                    self.put(spare);
                }),
                Work::Retire(segments) => {
                    segments.into_iter().try_for_each(|segment| self.retire_and_reuse(segment))
                }
            };
            if let Err(error) = result {
                // Nothing is lost: the writer makes a file itself, and a file that was not retired is trimmed again after a restart.
                tracing::warn!(%error, dir = %self.dir.display(), "segment files could not be made ready");
                self.state().gave_up = true;
            }
        }
    }

    fn next_work(&self) -> Option<Work> {
        let mut state = self.state();
        loop {
            // First, so that none of them is held when it is to be used again.
            if !state.cold.is_empty() {
                return Some(Work::LetGo(std::mem::take(&mut state.cold)));
            }
            if !state.trimmed.is_empty() {
                return Some(Work::Retire(std::mem::take(&mut state.trimmed)));
            }
            if state.closing {
                return None;
            }
            if !state.gave_up && state.spares.len() < state.wanted {
                if self.space.has_room_for(self.file_bytes) {
                    return Some(Work::Make);
                }
                state.gave_up = true;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A file of full size with its blocks allotted; written once if there is time, so that later writes change no size or extent.
    fn make(&self, written: bool) -> io::Result<Spare> {
        let number = self.next_number.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{number:016}.{SUFFIX}"));
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        let allotted = self.disk.allot(&path, &file, self.file_bytes, written);
        let spare = allotted.and_then(|()| sync_dir(&self.dir)).and_then(|()| Spare::of(path.clone(), file));
        if spare.is_err() {
            // A file without its blocks is of no use, and its room may be needed.
            let _ = fs::remove_file(&path);
        }
        spare
    }

    /// The file no longer belongs to its partition, even after a crash.
    pub(crate) fn retire(&self, segment: &Segment) -> io::Result<()> {
        write_all(&*self.disk, segment.file(), &mut [io::IoSlice::new(&[0; PAGE as usize])], 0)?;
        self.disk.sync(segment.file())
    }

    /// Oldest first, so that a crash in between leaves no hole. A file that someone still reads is let go instead of written over.
    fn retire_and_reuse(&self, segment: Arc<Segment>) -> io::Result<()> {
        self.retire(&segment)?;
        match Arc::try_unwrap(segment) {
            Ok(segment) => self.meters.recycled.increment(u64::from(self.put(segment.into_spare()))),
            Err(segment) => fs::remove_file(segment.path())?,
        }
        Ok(())
    }

    /// Keeps a file for later, or deletes it if there are enough, or the disk is short; whether it was kept.
    fn put(&self, spare: Spare) -> bool {
        let room = self.space.has_room_for(0);
        let mut state = self.state();
        let fits = spare.bytes().len() as u64 == self.file_bytes;
        if room && fits && state.spares.len() < self.max_spares.max(state.wanted) {
            state.spares.push(spare);
            return true;
        }
        drop(state);
        if let Err(error) = fs::remove_file(&spare.path) {
            tracing::warn!(%error, path = %spare.path.display(), "a segment file that is not needed could not be deleted");
        }
        false
    }
}

/// How the names of segment files end.
pub(crate) const SUFFIX: &str = "segment";

/// Makes names in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
