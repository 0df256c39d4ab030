//! What the tests of the index share.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses some of it")]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use throughline_index::{Chunk, Runs, Settings};

pub(crate) const ALL: Settings = Settings { max_entries: u64::MAX };

pub(crate) fn key(n: u64) -> [u8; 16] {
    (u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
}

/// Its values say chunk and key.
pub(crate) fn chunk(number: u64, keys: impl IntoIterator<Item = u64>) -> Chunk {
    let entries = keys.into_iter().map(|n| (key(n), number * 1_000_000 + n)).collect();
    Chunk { number, since: number * 10, until: number * 10 + 9, entries }
}

pub(crate) fn open(dir: &Path) -> Runs {
    Runs::open(dir, "test", ALL).unwrap()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        // a merge may finish or give up meanwhile
        let _ = fs::copy(entry.path(), to.join(entry.file_name()));
    }
}

/// Takes snapshots at `next` until merges have left so few files.
pub(crate) fn wait_for_files(runs: &mut Runs, next: u64, files: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs.files() > files {
        assert!(Instant::now() < deadline, "{} files, not {files}", runs.files());
        runs.sync(next).unwrap();
        runs.saved();
        std::thread::yield_now();
    }
}

/// One file of so many chunks, whose sources are still there.
pub(crate) fn merged(dir: &Path, chunks: u64, per_chunk: u64) -> Runs {
    let mut runs = open(dir);
    for number in 0..chunks {
        runs.add(&chunk(number, number * per_chunk..(number + 1) * per_chunk)).unwrap();
    }
    runs.sync(chunks).unwrap();
    runs.saved();
    runs.saved();
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs.files() > 1 {
        assert!(Instant::now() < deadline, "{} files", runs.files());
        runs.saved();
        std::thread::yield_now();
    }
    runs
}
