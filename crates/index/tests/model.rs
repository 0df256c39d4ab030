//! The index against a map, through any sequence of what a fold does, and crashes at any of its file operations.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has nothing better to do than stop")]

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::{Duration, Instant},
};

use common::{chunk, copy, key, open};
use proptest::prelude::*;
use tempfile::TempDir;
use throughline_index::Runs;

const KEYS: u64 = 100;

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u64>),
    /// The index is made durable; the fold's snapshot is saved or not.
    Snapshot(bool),
    /// Merges get some time.
    Wait,
    Forget,
    Crash {
        how: Crash,
        /// The latest snapshot is damaged.
        falls_back: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Crash {
    /// What was written and removed stays so.
    Process,
    /// Of the machine: what was removed is there again, what was written is there in part.
    Restored,
    /// Of the machine: what was removed is gone, what was made has no name.
    Nameless,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => prop::collection::vec(0..KEYS, 0..12).prop_map(Step::Add),
        8 => (0..4u8).prop_map(|n| Step::Snapshot(n > 0)),
        4 => Just(Step::Wait),
        1 => Just(Step::Forget),
        1 => (prop::sample::select(vec![Crash::Process, Crash::Restored, Crash::Nameless]), any::<bool>())
            .prop_map(|(how, falls_back)| Step::Crash { how, falls_back }),
    ]
}

/// An index, what it should hold, and what may be on disk after a crash.
struct Tested {
    dir: TempDir,
    runs: Runs,
    chunks: BTreeMap<u64, Vec<u64>>,
    next: u64,
    /// What the last `sync` was told.
    synced: u64,
    /// The two snapshots on disk, the latest last.
    snapshots: [u64; 2],
    /// The oldest chunk that must be found.
    forgotten: u64,
    /// Files whose removal may not be durable.
    ghosts: TempDir,
    /// Files whose names are.
    named: BTreeSet<String>,
}

/// In memory where that can be: nearly all steps make something durable.
fn tempdir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect()
}

impl Tested {
    fn new() -> Self {
        let dir = tempdir();
        let mut runs = open(dir.path());
        runs.restore(0).unwrap();
        let (chunks, ghosts, named) = (BTreeMap::new(), tempdir(), BTreeSet::new());
        Self { dir, runs, chunks, next: 0, synced: 0, snapshots: [0; 2], forgotten: 0, ghosts, named }
    }

    fn step(&mut self, step: Step) {
        if matches!(step, Step::Snapshot(_)) {
            // what was removed before stays removed; what it removes itself may come back
            self.ghosts = tempdir();
        }
        copy(self.dir.path(), self.ghosts.path());
        match step {
            Step::Add(keys) => {
                self.runs.add(&chunk(self.next, keys.iter().copied())).unwrap();
                self.chunks.insert(self.next, keys);
                self.next += 1;
            }
            Step::Snapshot(is_saved) => {
                self.runs.sync(self.next).unwrap();
                self.synced = self.next;
                self.named = names(self.dir.path());
                if is_saved {
                    self.snapshots = [self.snapshots[1], self.next];
                    self.runs.saved();
                }
            }
            Step::Wait => {
                let end = Instant::now() + Duration::from_millis(3);
                while Instant::now() < end {
                    self.runs.forget_before(0).unwrap();
                    std::thread::yield_now();
                }
            }
            Step::Forget => {
                self.forgotten = self.forgotten.max(self.next / 2);
                self.runs.forget_before(self.forgotten * 10).unwrap();
            }
            Step::Crash { how, falls_back } => self.crash(how, falls_back),
        }
    }

    fn crash(&mut self, how: Crash, falls_back: bool) {
        let after = tempdir();
        if how == Crash::Restored {
            copy(self.ghosts.path(), after.path());
        }
        copy(self.dir.path(), after.path());
        if how != Crash::Process {
            cut_what_is_not_durable(after.path(), self.synced);
        }
        if how == Crash::Nameless {
            for name in names(after.path()).difference(&self.named) {
                fs::remove_file(after.path().join(name)).unwrap();
            }
        }
        let next = self.snapshots[usize::from(!falls_back)];
        if falls_back {
            self.snapshots = [0, next];
        }
        self.dir = after;
        self.runs = open(self.dir.path());
        self.runs.restore(next).unwrap();
        self.chunks.retain(|number, _| *number < next);
        (self.next, self.synced) = (next, next);
        self.ghosts = tempdir();
        self.named = names(self.dir.path());
        assert_eq!(self.runs.take_lost(), 0, "a fold that goes back by one snapshot at most loses nothing");
    }

    fn check(&mut self) {
        for n in 0..KEYS + 20 {
            let found = self.runs.get(&key(n));
            let of = |(number, keys): (&u64, &Vec<u64>)| {
                let times = keys.iter().filter(|known| **known == n).count();
                std::iter::repeat_n(number * 1_000_000 + n, times)
            };
            let all: Vec<u64> = self.chunks.iter().rev().flat_map(of).collect();
            let young = all.iter().filter(|value| *value / 1_000_000 >= self.forgotten).count();
            // files go as a whole: what is older than asked for may stay
            assert!(all.starts_with(&found) && found.len() >= young, "{n}: {found:?} of {all:?}");
        }
        assert_eq!(self.runs.take_lost(), 0);
    }
}

/// Chunks that no `sync` covered may be there in part.
fn cut_what_is_not_durable(dir: &Path, synced: u64) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let first: u64 = name.split('-').next().and_then(|first| first.parse().ok()).unwrap();
        if first >= synced {
            let bytes = fs::read(entry.path()).unwrap();
            fs::write(entry.path(), &bytes[..bytes.len() / 3]).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_a_map_through_crashes(steps in prop::collection::vec(step(), 1..180)) {
        let mut tested = Tested::new();
        for step in steps {
            let looks = matches!(step, Step::Crash { .. } | Step::Forget | Step::Wait);
            tested.step(step);
            if looks {
                tested.check();
            }
        }
        tested.check();
    }
}
