//! Whatever happens to a file: no wrong value, no panic, and what is gone is counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has nothing better to do than stop")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
};

use common::{chunk, copy, key, merged, open, wait_for_files};
use proptest::prelude::*;

const CHUNKS: u64 = 3;
const PER_CHUNK: u64 = 300;

fn filled(dir: &Path) {
    let mut runs = open(dir);
    for number in 0..CHUNKS {
        runs.add(&chunk(number, number * PER_CHUNK..(number + 1) * PER_CHUNK)).unwrap();
    }
    runs.sync(CHUNKS).unwrap();
}

fn file(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}-{number:016}.run"))
}

/// Keys that are found, all of them with their own value.
fn found(dir: &Path) -> (u64, u64) {
    let mut runs = open(dir);
    let mut found = 0;
    for n in 0..CHUNKS * PER_CHUNK {
        let values = runs.get(&key(n));
        assert!(values.is_empty() || values.as_slice() == [n / PER_CHUNK * 1_000_000 + n], "{n}: {values:?}");
        found += values.len() as u64;
    }
    let lost = runs.take_lost();
    assert_eq!(runs.take_lost(), 0, "what is lost is told once");
    assert_eq!(runs.len(), found, "what is held is found");
    (found, lost)
}

#[test]
fn a_flipped_byte_anywhere_loses_what_it_touches_and_no_more() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = file(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    // all of the header and the directory, some of the rest
    for byte in (0..128).chain((128..whole.len()).step_by(7)).chain(1_088..1_088 + 40) {
        let mut bad = whole.clone();
        bad[byte] ^= 1 << (byte % 8);
        fs::write(&path, &bad).unwrap();
        let (found, lost) = found(dir.path());
        // some bytes of the header say nothing
        let is_padding = (96..128).contains(&byte);
        assert!(
            is_padding && lost == 0 || !is_padding && lost > 0 && lost <= PER_CHUNK + 200,
            "byte {byte}: {lost}"
        );
        if byte >= 128 || is_padding {
            assert_eq!(found + lost, CHUNKS * PER_CHUNK, "byte {byte}");
        }
        assert!(found >= (CHUNKS - 1) * PER_CHUNK);
    }
}

#[test]
fn one_bad_entry_costs_a_bucket_and_not_the_file() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = file(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let (found, lost) = found(dir.path());
    assert!(lost > 0 && lost < PER_CHUNK / 2, "{lost}");
    assert_eq!(found + lost, CHUNKS * PER_CHUNK);
}

#[test]
fn a_file_cut_short_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let path = file(dir.path(), 1);
    let whole = fs::read(&path).unwrap();
    for cut in [0, 1, 127, 128, 200, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let (found, lost) = found(dir.path());
        assert_eq!(found, (CHUNKS - 1) * PER_CHUNK, "{cut}");
        // the header says how many; without it the length does
        assert_eq!(lost, if cut < 128 { cut as u64 / 27 } else { PER_CHUNK }, "{cut}");
        assert!(!path.exists());
    }
}

#[test]
fn what_is_damaged_in_the_folds_future_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    for number in 1..3 {
        fs::write(file(dir.path(), number), vec![0; 5_400]).unwrap();
    }
    let mut runs = open(dir.path());
    runs.restore(2).unwrap();
    assert_eq!(runs.take_lost(), 200, "chunk 1, by its length");
}

#[test]
fn a_damaged_merge_is_no_loss_while_its_sources_are_there() {
    let (dir, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut runs = merged(dir.path(), 16, 20);
    copy(dir.path(), before.path());
    // the name of the merged file is not durable before this: until then its sources stay
    runs.sync(16).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    drop(runs);
    assert_eq!(fs::read_dir(before.path()).unwrap().count(), 17);
    let path = before.path().join(format!("{:016}-{:016}.run", 0, 15));
    let mut bytes = fs::read(&path).unwrap();
    bytes[130] ^= 1;
    fs::write(&path, bytes).unwrap();
    let mut runs = open(before.path());
    assert_eq!((runs.files(), runs.len(), runs.take_lost()), (16, 320, 0));
}

#[test]
fn a_merge_leaves_out_what_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = open(dir.path());
    for number in 0..16 {
        runs.add(&chunk(number, number * 300..(number + 1) * 300)).unwrap();
        runs.sync(number + 1).unwrap();
    }
    drop(runs);
    let path = file(dir.path(), 7);
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0x10;
    fs::write(&path, bytes).unwrap();
    let mut runs = open(dir.path());
    runs.restore(16).unwrap();
    wait_for_files(&mut runs, 16, 1);
    let lost = runs.take_lost();
    assert!(lost > 0 && lost < 150, "{lost}");
    assert_eq!(runs.len() + lost, 16 * 300);
    let found = (0..16 * 300).filter(|n| runs.get(&key(*n)).as_slice() == [n / 300 * 1_000_000 + n]).count();
    assert_eq!(found as u64, runs.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Any bytes in the place of a file, or of a stretch of it.
    #[test]
    fn rubbish_is_never_believed(at in 0usize..9_000, rubbish in prop::collection::vec(any::<u8>(), 0..600), alone: bool) {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path());
        let path = file(dir.path(), 1);
        let mut bytes = if alone { Vec::new() } else { fs::read(&path).unwrap() };
        let at = at.min(bytes.len());
        let end = (at + rubbish.len()).min(bytes.len());
        bytes.splice(at..end, rubbish);
        fs::write(&path, bytes).unwrap();
        let (found, _) = found(dir.path());
        prop_assert!(found >= (CHUNKS - 1) * PER_CHUNK);
    }
}
