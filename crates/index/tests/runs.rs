//! The index against a model, through restarts, damage and limits.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeMap, fs, path::Path};

use proptest::prelude::*;
use throughline_index::{Chunk, Runs, Settings};

const ALL: Settings = Settings { max_entries: u64::MAX };

fn key(n: u64) -> [u8; 16] {
    (u128::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes()
}

fn chunk(number: u64, keys: impl IntoIterator<Item = u64>) -> Chunk {
    let entries = keys.into_iter().map(|n| (key(n), number * 1_000_000 + n)).collect();
    Chunk { number, since: number * 10, until: number * 10 + 9, entries }
}

fn open(dir: &Path) -> Runs {
    Runs::open(dir, "test", ALL).unwrap()
}

/// Adds chunks until merges have happened: each `sync` may start one and take in the one before.
fn fill(runs: &mut Runs, chunks: u64, per_chunk: u64) {
    for number in 0..chunks {
        runs.add(&chunk(number, number * per_chunk..(number + 1) * per_chunk)).unwrap();
        runs.sync(number + 1).unwrap();
    }
}

#[test]
fn merges_keep_everything_and_leave_few_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    fill(&mut runs, 200, 50);
    drop(runs);
    // What is open for merging is merged, one after the other.
    let mut runs = open(dir.path());
    for _ in 0..40 {
        runs.sync(200).unwrap();
        drop(runs);
        runs = open(dir.path());
    }
    assert!(runs.files() <= 1 + 8 + 16, "{} files", runs.files());
    assert_eq!(runs.len(), 200 * 50);
    for n in 0..200 * 50 {
        assert_eq!(runs.get(&key(n)).as_slice(), [n / 50 * 1_000_000 + n]);
    }
    assert!((20_000..30_000).all(|n| runs.get(&key(n)).is_empty()));
}

#[test]
fn what_a_snapshot_does_not_know_is_dropped_and_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    fill(&mut runs, 5, 10);
    drop(runs);
    let mut runs = open(dir.path());
    runs.restore(3).unwrap();
    assert!(!runs.get(&key(29)).is_empty());
    assert!(runs.get(&key(30)).is_empty());
    runs.add(&chunk(3, 30..40)).unwrap();
    runs.add(&chunk(3, 30..40)).unwrap();
    assert_eq!(runs.get(&key(30)).len(), 1);
    assert_eq!(runs.len(), 40);
}

#[test]
fn old_files_go_by_age_and_by_limit() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = Runs::open(dir.path(), "test", Settings { max_entries: 45 }).unwrap();
    for number in 0..6 {
        runs.add(&chunk(number, number * 10..(number + 1) * 10)).unwrap();
    }
    assert_eq!(runs.len(), 40);
    assert!(runs.get(&key(5)).is_empty() && !runs.get(&key(20)).is_empty());
    runs.forget_before(40).unwrap();
    assert!(runs.get(&key(39)).is_empty() && !runs.get(&key(40)).is_empty());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn damaged_and_unfinished_files_are_taken_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    fill(&mut runs, 3, 10);
    drop(runs);
    let name = |n: u64| dir.path().join(format!("{n:016}-{n:016}.run"));
    let whole = fs::read(name(1)).unwrap();
    for cut in [0, 10, 63, 64, whole.len() - 1] {
        fs::write(name(1), &whole[..cut]).unwrap();
        fs::write(dir.path().join("0000000000000003-0000000000000003.tmp"), &whole).unwrap();
        let runs = open(dir.path());
        assert_eq!(runs.files(), 2);
        assert!(
            runs.get(&key(15)).is_empty() && !runs.get(&key(5)).is_empty() && !runs.get(&key(25)).is_empty()
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
    for byte in 0..60 {
        let mut bad = whole.clone();
        bad[byte] ^= 0x40;
        fs::write(name(1), &bad).unwrap();
        assert_eq!(open(dir.path()).files(), 2, "byte {byte}");
    }
}

#[test]
fn a_merge_that_was_cut_off_leaves_its_sources_or_its_result() {
    let dir = tempfile::tempdir().unwrap();
    let sources = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    fill(&mut runs, 16, 10);
    for entry in fs::read_dir(dir.path()).unwrap().flatten() {
        fs::copy(entry.path(), sources.path().join(entry.file_name())).unwrap();
    }
    drop(runs);
    assert_eq!(open(dir.path()).files(), 1);
    // Both are there: the process died before the sources were removed.
    for entry in fs::read_dir(sources.path()).unwrap().flatten() {
        fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    let runs = open(dir.path());
    assert_eq!((runs.files(), runs.len()), (1, 160));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<u64>),
    Sync,
    Reopen,
    Crash,
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..200u64, 1..20).prop_map(Step::Add),
        3 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => Just(Step::Forget),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every key has the values that the model has, after any sequence.
    #[test]
    fn it_is_a_map(steps in prop::collection::vec(step(), 1..120)) {
        let dir = tempfile::tempdir().unwrap();
        let mut runs = open(dir.path());
        let mut model: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        let (mut next, mut synced, mut forgotten) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Add(mut keys) => {
                    keys.sort_unstable();
                    keys.dedup();
                    runs.add(&chunk(next, keys.iter().copied())).unwrap();
                    model.insert(next, keys);
                    next += 1;
                }
                Step::Sync => {
                    runs.sync(next).unwrap();
                    synced = next;
                }
                Step::Reopen => {
                    drop(runs);
                    runs = open(dir.path());
                }
                Step::Crash => {
                    drop(runs);
                    runs = open(dir.path());
                    runs.restore(synced).unwrap();
                    model.retain(|number, _| *number < synced);
                    next = synced;
                }
                Step::Forget => {
                    forgotten = forgotten.max(next / 2);
                    runs.forget_before(forgotten * 10).unwrap();
                }
            }
        }
        for n in 0..200 {
            let found = runs.get(&key(n));
            let known = model.iter().rev().filter(|(_, keys)| keys.contains(&n)).map(|(number, _)| number * 1_000_000 + n);
            let (young, all): (Vec<u64>, Vec<u64>) =
                (known.clone().filter(|value| value / 1_000_000 >= forgotten).collect(), known.collect());
            // Files go as a whole: what is older than asked for may stay.
            prop_assert!(all.starts_with(&found) && found.len() >= young.len(), "{:?} of {:?}", found, all);
        }
    }
}
