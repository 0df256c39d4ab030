//! Runs become one, in a thread of its own.

use std::{
    fs, io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use crate::{
    IndexError,
    layout::Head,
    losses::Losses,
    names,
    run::{Cursor, Run},
    writer::RunWriter,
};

/// Entries between two looks at whether to go on.
const LOOK: u64 = 64 << 10;

/// A merge under way. Dropped, it stops, and leaves no file.
pub(crate) struct Merge {
    /// Oldest first, one after the other.
    pub(crate) sources: Vec<Arc<Run>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Option<Run>, IndexError>>>,
}

impl Merge {
    /// Starts. The merged run is written to `path` under the name of an unfinished file and stays so.
    pub(crate) fn start(
        path: &Path,
        sources: Vec<Arc<Run>>,
        losses: Arc<Losses>,
    ) -> Result<Self, IndexError> {
        let stop = Arc::new(AtomicBool::new(false));
        let work = {
            let (path, sources, stop) = (path.to_owned(), sources.clone(), Arc::clone(&stop));
            move || {
                let started = Instant::now();
                let merged = merge(&path, &sources, &losses, &stop);
                losses.meters.merge_seconds.record(started.elapsed());
                if !matches!(merged, Ok(Some(_))) {
                    // it is removed when the index is opened, at the latest
                    let _ = names::remove(&names::unfinished(&path));
                }
                merged
            }
        };
        let thread = thread::Builder::new().name("index-merge".to_owned()).spawn(work);
        let thread = Some(thread.map_err(IndexError::io(path))?);
        Ok(Self { sources, stop, thread })
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// The merged run, durable under the name of an unfinished file; nothing if it was stopped.
    pub(crate) fn join(mut self) -> Result<Option<Run>, IndexError> {
        let Some(thread) = self.thread.take() else { return Ok(None) };
        thread.join().unwrap_or_else(|_| {
            let path = self.sources.first().map(|run| run.path().to_owned()).unwrap_or_default();
            Err(IndexError::Io { path, source: io::Error::other("the merge panicked") })
        })
    }
}

impl Drop for Merge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Ok(Some(run)))) = self.thread.take().map(JoinHandle::join) {
            // it is removed when the index is opened, at the latest
            let _ = names::remove(&names::unfinished(run.path()));
        }
    }
}

fn merge(
    path: &Path,
    sources: &[Arc<Run>],
    losses: &Arc<Losses>,
    stop: &AtomicBool,
) -> Result<Option<Run>, IndexError> {
    let unfinished = names::unfinished(path);
    let Some(head) = head(sources) else { return Ok(None) };
    let mut writer = RunWriter::create(&unfinished, head).map_err(IndexError::io(&unfinished))?;
    // newest first: among equal hashes the first of the least wins
    let mut cursors: Vec<_> = sources.iter().rev().map(|run| run.cursor()).collect();
    cursors.retain(|cursor| cursor.peek().is_some());
    let mut written = 0_u64;
    while let Some((index, hash, entry)) = least(&cursors) {
        if written.is_multiple_of(LOOK) && stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        written += 1;
        writer.push(hash, entry).map_err(IndexError::io(&unfinished))?;
        cursors[index].advance();
        if cursors[index].peek().is_none() {
            cursors.remove(index);
        }
    }
    let file = writer.finish().map_err(IndexError::io(&unfinished))?;
    file.sync_all().map_err(IndexError::sync(&unfinished))?;
    let run = Run::open(&file, path, Arc::clone(losses)).map_err(IndexError::io(&unfinished))?;
    run.map(Some).ok_or_else(|| IndexError::Io {
        path: unfinished.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, "what was written is not what is read"),
    })
}

fn head(sources: &[Arc<Run>]) -> Option<Head> {
    let (first, last) = (sources.first()?.head(), sources.last()?.head());
    let since = sources.iter().map(|run| run.head().since).min()?;
    let until = sources.iter().map(|run| run.head().until).max()?;
    let level = sources.iter().map(|run| run.head().level).max()?;
    let most = sources.iter().map(|run| run.head().count).sum();
    Some(Head::new(level + 1, (first.first, last.last), (since, until), most))
}

/// The cursor with the least hash. There are few, and a loop without branches is quicker than a heap.
fn least<'a>(cursors: &[Cursor<'a>]) -> Option<(usize, u64, &'a crate::layout::Entry)> {
    let mut least: Option<(usize, u64, &'a crate::layout::Entry)> = None;
    for (index, cursor) in cursors.iter().enumerate() {
        let Some((hash, entry)) = cursor.peek() else { continue };
        if least.is_none_or(|(_, smallest, _)| hash < smallest) {
            least = Some((index, hash, entry));
        }
    }
    least
}

/// Gives a merged run its name: from here on it stands for its sources, whose files may stay until that is durable.
pub(crate) fn publish(run: &Run) -> Result<(), IndexError> {
    fs::rename(names::unfinished(run.path()), run.path()).map_err(IndexError::io(run.path()))
}
