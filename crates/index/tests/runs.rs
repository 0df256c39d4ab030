//! What the index promises, case by case.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has nothing better to do than stop")]

mod common;

use std::fs;

use common::{ALL, chunk, copy, key, merged, open, wait_for_files};
use throughline_index::{Chunk, Runs, Settings};

#[test]
fn merges_keep_everything_and_leave_few_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    let chunks = 300;
    for number in 0..chunks {
        runs.add(&chunk(number, number * 50..(number + 1) * 50)).unwrap();
        runs.sync(number + 1).unwrap();
        runs.saved();
    }
    wait_for_files(&mut runs, chunks, 1 + 2 + 12);
    runs.sync(chunks).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1 + 2 + 12, "256, 2 times 16, and 12 chunks");
    drop(runs);
    let mut runs = open(dir.path());
    assert_eq!((runs.len(), runs.take_lost()), (chunks * 50, 0));
    assert!((0..chunks * 50).all(|n| runs.get(&key(n)).as_slice() == [n / 50 * 1_000_000 + n]));
    assert!((20_000..40_000).all(|n| runs.get(&key(n)).is_empty()));
}

#[test]
fn values_come_newest_first_within_a_chunk_over_chunks_and_after_merges() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..16 {
        let entries = vec![(key(1), number * 10), (key(2), 7), (key(1), number * 10 + 1)];
        runs.add(&Chunk { number, since: 0, until: 0, entries }).unwrap();
    }
    let newest_first: Vec<_> = (0..16).rev().flat_map(|number| [number * 10 + 1, number * 10]).collect();
    assert_eq!(runs.get(&key(1)).to_vec(), newest_first);
    wait_for_files(&mut runs, 16, 1);
    assert_eq!(runs.get(&key(1)).to_vec(), newest_first);
    assert_eq!(runs.get(&key(2)).to_vec(), [7; 16]);
}

#[test]
fn keys_that_look_alike_are_kept_apart() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    let key = |n: u64| u128::from(n).to_be_bytes();
    let entries = (0..10_000).map(|n| (key(n), n)).collect();
    runs.add(&Chunk { number: 0, since: 0, until: 0, entries }).unwrap();
    assert!((0..10_000).all(|n| runs.get(&key(n)).as_slice() == [n]));
    assert!((10_000..200_000).all(|n| runs.get(&key(n)).is_empty()));
}

#[test]
fn what_a_snapshot_does_not_know_is_dropped_and_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..5 {
        runs.add(&chunk(number, number * 10..(number + 1) * 10)).unwrap();
    }
    drop(runs);
    let mut runs = open(dir.path());
    runs.restore(3).unwrap();
    assert!(!runs.get(&key(29)).is_empty());
    assert!(runs.get(&key(30)).is_empty());
    runs.add(&chunk(3, 30..40)).unwrap();
    runs.add(&chunk(3, 30..40)).unwrap();
    assert_eq!(runs.get(&key(30)).len(), 1);
    assert_eq!((runs.len(), runs.take_lost()), (40, 0));
}

#[test]
fn a_chunk_of_the_same_number_replaces_and_an_empty_one_takes_away() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    runs.add(&chunk(0, 0..10)).unwrap();
    runs.add(&chunk(1, 10..20)).unwrap();
    runs.add(&chunk(0, 50..55)).unwrap();
    assert!(runs.get(&key(3)).is_empty() && !runs.get(&key(52)).is_empty());
    assert_eq!((runs.files(), runs.len()), (2, 15));
    runs.add(&chunk(0, [])).unwrap();
    runs.add(&chunk(2, [])).unwrap();
    assert_eq!((runs.files(), runs.len()), (1, 10));
    assert_eq!(open(dir.path()).len(), 10);
}

/// The index is made durable before the snapshot is: between the two the process may die.
#[test]
fn nothing_is_merged_before_the_snapshot_that_knows_it_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..40 {
        runs.add(&chunk(number, number * 10..(number + 1) * 10)).unwrap();
        // the snapshot at 10 is the last but one that was saved, that at 16 the last; a full disk keeps away all others
        runs.sync(number + 1).unwrap();
        if number + 1 == 10 || number + 1 == 16 {
            runs.saved();
        }
    }
    drop(runs);
    assert_eq!(open(dir.path()).files(), 40, "a merge of the first 16 would reach beyond the snapshot at 10");
    for next in [16, 10] {
        let mut runs = open(dir.path());
        runs.restore(next).unwrap();
        assert_eq!((runs.len(), runs.take_lost()), (next * 10, 0));
    }
}

#[test]
fn a_merge_with_the_folds_future_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = merged(dir.path(), 16, 10);
    runs.add(&chunk(16, 160..170)).unwrap();
    runs.restore(5).unwrap();
    assert_eq!((runs.len(), runs.take_lost()), (0, 160));
    drop(runs);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "what it was merged of does not come to life");
}

#[test]
fn what_was_merged_is_not_added_again_by_a_replay() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = merged(dir.path(), 16, 10);
    runs.add(&chunk(4, 40..50)).unwrap();
    assert_eq!((runs.files(), runs.len(), runs.get(&key(41)).len()), (1, 160, 1));
}

#[test]
fn old_files_go_by_age_and_by_limit() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = Runs::open(dir.path(), "test", Settings { max_entries: 45 }).unwrap();
    for number in 0..6 {
        runs.add(&chunk(number, number * 10..(number + 1) * 10)).unwrap();
    }
    assert_eq!((runs.len(), runs.take_lost()), (40, 20));
    assert!(runs.get(&key(15)).is_empty() && !runs.get(&key(20)).is_empty());
    runs.forget_before(40).unwrap();
    assert!(runs.get(&key(39)).is_empty() && !runs.get(&key(40)).is_empty());
    assert_eq!((runs.len(), runs.take_lost()), (20, 0));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn a_limit_never_takes_more_than_a_quarter_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = Runs::open(dir.path(), "test", Settings { max_entries: 400 }).unwrap();
    for number in 0..100 {
        runs.add(&chunk(number, number * 10..(number + 1) * 10)).unwrap();
        runs.sync(number + 1).unwrap();
        runs.saved();
        // with time to merge
        if number % 8 == 7 {
            drop(runs);
            runs = Runs::open(dir.path(), "test", Settings { max_entries: 400 }).unwrap();
            runs.restore(number + 1).unwrap();
        }
        assert!(runs.len() <= 400);
        assert!(number < 40 || runs.len() > 290, "{}", runs.len());
    }
    wait_for_files(&mut runs, 100, 31);
    assert!(runs.len() > 290);
}

#[test]
fn a_crash_within_a_merge_leaves_its_sources_or_its_result() {
    let (dir, sources) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut runs = merged(dir.path(), 16, 10);
    copy(dir.path(), sources.path());
    assert_eq!(fs::read_dir(sources.path()).unwrap().count(), 17, "until the merged file's name is durable");
    runs.sync(16).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    // the process died before the sources were removed
    let mut runs = open(sources.path());
    assert_eq!((runs.files(), runs.len(), runs.take_lost()), (1, 160, 0));
    assert_eq!(fs::read_dir(sources.path()).unwrap().count(), 1);
    // and before the file had its name
    let name = format!("{:016}-{:016}.run", 0, 15);
    fs::rename(dir.path().join(&name), dir.path().join(format!("{name}.tmp"))).unwrap();
    assert_eq!(open(dir.path()).files(), 0);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn lookups_go_on_while_files_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..64 {
        runs.add(&chunk(number, number * 2_000..(number + 1) * 2_000)).unwrap();
    }
    runs.sync(64).unwrap();
    let mut asked = 0;
    while runs.files() > 4 {
        runs.saved();
        for n in (asked..64 * 2_000).step_by(997) {
            assert_eq!(runs.get(&key(n)).as_slice(), [n / 2_000 * 1_000_000 + n]);
        }
        asked += 1;
        assert!(asked < 1_000_000, "{} files", runs.files());
    }
    assert_eq!(runs.len(), 64 * 2_000);
}

#[test]
fn a_merge_under_way_does_not_outlive_its_index() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..16 {
        runs.add(&chunk(number, number * 5_000..(number + 1) * 5_000)).unwrap();
    }
    runs.sync(16).unwrap();
    runs.saved();
    runs.saved();
    drop(runs);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 16, "no unfinished file is left");
}

#[test]
fn other_files_in_the_folder_are_let_alone() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["notes.txt", "1-2.run", "lock.tmp"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let mut runs = Runs::open(dir.path(), "test", ALL).unwrap();
    runs.restore(0).unwrap();
    assert_eq!((runs.files(), fs::read_dir(dir.path()).unwrap().count()), (0, 3));
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("index");
    let mut runs = open(&folder);
    runs.add(&chunk(0, 0..10)).unwrap();
    fs::rename(&folder, dir.path().join("away")).unwrap();
    let error = runs.add(&chunk(1, 10..20)).unwrap_err();
    assert!(!error.is_retryable() && error.to_string().contains("index"), "{error}");
    assert!(runs.sync(1).is_err());
    assert_eq!(runs.len(), 10);
    fs::rename(dir.path().join("away"), &folder).unwrap();
    runs.add(&chunk(1, 10..20)).unwrap();
    runs.sync(2).unwrap();
    assert_eq!(open(&folder).len(), 20);
}
