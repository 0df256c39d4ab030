//! Small files into large ones, on a thread of its own, so that a question looks into few.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use crate::{
    error::{IndexError, at},
    run::{Head, Run, split, write},
};

/// Files of one size that become one of the next.
const FAN: [(u64, usize); 2] = [(1, 16), (16, 8)];

/// Chunks that one file covers at most.
pub const MERGED_CHUNKS: u64 = 128;

/// A merge on its way: what it takes the place of, and the thread.
pub(crate) struct Merge {
    pub(crate) sources: Vec<Arc<Run>>,
    thread: JoinHandle<Result<Option<Run>, IndexError>>,
}

impl Merge {
    /// Starts the next merge, if there are enough neighbours of one size, all of chunks before `next`.
    pub(crate) fn start(dir: &Path, runs: &[Arc<Run>], next: u64) -> Option<Self> {
        let sources = FAN.iter().find_map(|(chunks, count)| {
            let alike = |runs: &&[Arc<Run>]| {
                runs.iter().all(|run| run.head.chunks() == *chunks && run.head.last < next)
                    && runs.windows(2).all(|pair| pair[0].head.last + 1 == pair[1].head.first)
            };
            runs.windows(*count).find(alike).map(<[Arc<Run>]>::to_vec)
        })?;
        let (dir, own): (PathBuf, _) = (dir.to_owned(), sources.clone());
        let thread = std::thread::Builder::new().name("index-merge".into()).spawn(move || run(&dir, &own));
        match thread {
            Ok(thread) => Some(Self { sources, thread }),
            Err(error) => {
                tracing::warn!(%error, "no thread to merge index files; tried again later");
                None
            }
        }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the result; `None` where there is none.
    pub(crate) fn finish(self) -> (Vec<Arc<Run>>, Result<Option<Run>, IndexError>) {
        // A thread that panicked has changed nothing.
        let result = self.thread.join().unwrap_or(Ok(None));
        (self.sources, result)
    }
}

fn run(dir: &Path, sources: &[Arc<Run>]) -> Result<Option<Run>, IndexError> {
    let (Some(first), Some(last)) = (sources.first(), sources.last()) else { return Ok(None) };
    let entries = sources.iter().map(|run| run.head.entries).sum();
    let until = sources.iter().map(|run| run.head.until).max().unwrap_or(0);
    let head = Head::new((first.head.first, last.head.last), (first.head.since, until), entries);
    let mut iterators: Vec<_> = sources.iter().map(|run| run.entries().iter().map(split)).collect();
    let mut heap: BinaryHeap<_> = iterators
        .iter_mut()
        .enumerate()
        .filter_map(|(index, list)| Some(Reverse((list.next()?, index))))
        .collect();
    let sorted = std::iter::from_fn(|| {
        let Reverse((entry, index)) = heap.pop()?;
        heap.extend(iterators[index].next().map(|next| Reverse((next, index))));
        Some(entry)
    });
    let path = write(dir, &head, sorted)?;
    let merged = Run::open(path)?;
    if let Some(merged) = &merged {
        merged.sync()?;
        sync_dir(dir)?;
    }
    Ok(merged)
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), IndexError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at(dir, "made durable"))
}
