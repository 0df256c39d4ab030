//! What a folder holds after whatever happened to it.

use std::{
    cmp::Reverse,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    IndexError,
    layout::{self, Head},
    losses::Losses,
    names,
    run::Run,
};

/// Bytes that an entry takes in a file, filter included: to guess how many a file had whose header is damaged.
const BYTES_PER_ENTRY: u64 = layout::ENTRY as u64 + 3;

/// A run that was removed because it was damaged.
pub(crate) struct Damaged {
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// By its header, or guessed from its length.
    pub(crate) entries: u64,
}

/// What is left.
#[derive(Default)]
pub(crate) struct Recovered {
    /// Oldest first; none overlaps another.
    pub(crate) runs: Vec<Arc<Run>>,
    /// What no other run stands for.
    pub(crate) damaged: Vec<Damaged>,
}

/// Reads the folder, makes it if there is none, and removes what is unfinished, damaged or merged into another run.
pub(crate) fn recover(dir: &Path, losses: &Arc<Losses>) -> Result<Recovered, IndexError> {
    fs::create_dir_all(dir).map_err(IndexError::io(dir))?;
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (name, path) in list(dir)? {
        if name.ends_with(names::UNFINISHED) {
            names::remove(&path).map_err(IndexError::io(&path))?;
            losses.meters.unfinished.increment(1);
        } else if let Some((first, last)) = names::chunks(&name) {
            let file = File::open(&path).map_err(IndexError::io(&path))?;
            let run = Run::open(&file, &path, Arc::clone(losses)).map_err(IndexError::io(&path))?;
            match run.filter(|run| (run.head().first, run.head().last) == (first, last)) {
                Some(run) => found.push(Arc::new(run)),
                None => damaged.push((path, Damaged { first, last, entries: guess(&file) })),
            }
        }
    }
    let runs = without_merged(dir, found)?;
    for (path, _) in &damaged {
        tracing::error!(path = %path.display(), "a run is damaged and removed");
        names::remove(path).map_err(IndexError::io(path))?;
    }
    let is_alone = |damaged: &Damaged| {
        runs.iter().all(|run| run.head().last < damaged.first || damaged.last < run.head().first)
    };
    let damaged = damaged.into_iter().map(|(_, damaged)| damaged).filter(is_alone).collect();
    Ok(Recovered { runs, damaged })
}

/// Files of this crate, by name.
fn list(dir: &Path) -> Result<Vec<(String, PathBuf)>, IndexError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(IndexError::io(dir))? {
        let entry = entry.map_err(IndexError::io(dir))?;
        if let Ok(name) = entry.file_name().into_string()
            && names::chunks(name.strip_suffix(names::UNFINISHED).unwrap_or(&name)).is_some()
        {
            files.push((name, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// A merged run wins over those that it was made of, whose removal a crash prevented.
fn without_merged(dir: &Path, mut found: Vec<Arc<Run>>) -> Result<Vec<Arc<Run>>, IndexError> {
    found.sort_unstable_by_key(|run| (run.head().first, Reverse(run.head().last)));
    let mut runs: Vec<Arc<Run>> = Vec::new();
    let mut merged = Vec::new();
    for run in found {
        let is_merged = runs.last().is_some_and(|wider| run.head().first <= wider.head().last);
        if is_merged { merged.push(run) } else { runs.push(run) }
    }
    if !merged.is_empty() {
        names::sync_dir(dir).map_err(IndexError::sync(dir))?;
    }
    for run in merged {
        names::remove(run.path()).map_err(IndexError::io(run.path()))?;
    }
    Ok(runs)
}

fn guess(file: &File) -> u64 {
    use std::os::unix::fs::FileExt;

    let mut header = [0; layout::HEADER];
    let head = file.read_exact_at(&mut header, 0).ok().and_then(|()| Head::decode(&header));
    let bytes = file.metadata().map_or(0, |metadata| metadata.len());
    head.map_or(bytes / BYTES_PER_ENTRY, |head| head.count)
}
