//! Snapshots: the latest sound one is found, whatever happened to the others.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a panic is the report")]

use std::{fs, io::Write};

use throughline_log::Snapshots;

fn files(dir: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The latest comes back; two are kept; names that begin alike are told apart.
#[test]
fn the_latest_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    assert!(snapshots.latest("traces-1").unwrap().is_none());
    for position in 0..5 {
        snapshots.save("traces-1", position, &[position as u8; 10]).unwrap();
    }
    snapshots.save("traces-11", 99, b"other").unwrap();
    let saved = snapshots.latest("traces-1").unwrap().unwrap();
    assert_eq!((saved.position, saved.bytes), (4, vec![4; 10]));
    assert_eq!(files(&dir).len(), 3);
}

/// Any damaged byte of the latest, or any cut, makes the one before it come back, and is reported.
#[test]
fn a_damaged_one_falls_back() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    snapshots.save("a", 1, b"first").unwrap();
    snapshots.save("a", 2, b"second").unwrap();
    let latest = files(&dir).pop().unwrap();
    let sound = fs::read(&latest).unwrap();
    for byte in 0..sound.len() {
        let mut flipped = sound.clone();
        flipped[byte] ^= 1;
        for bytes in [&flipped[..], &sound[..byte]] {
            fs::write(&latest, bytes).unwrap();
            let saved = snapshots.latest("a").unwrap().unwrap();
            assert_eq!(
                (saved.position, &saved.bytes[..], saved.damaged.len()),
                (1, &b"first"[..], 1),
                "byte {byte}"
            );
        }
    }
}

/// One that was not finished was never there.
#[test]
fn an_unfinished_one_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let snapshots = Snapshots::open(dir.path()).unwrap();
    snapshots.save("a", 1, b"first").unwrap();
    let mut writer = snapshots.writer("a", 2).unwrap();
    writer.write_all(&[0; 100]).unwrap();
    drop(writer);
    assert_eq!(snapshots.latest("a").unwrap().unwrap().position, 1);
    assert_eq!(files(&dir).len(), 1);
    let mut writer = snapshots.writer("a", 3).unwrap();
    (0..100_u8).for_each(|byte| writer.write_all(&[byte]).unwrap());
    writer.finish().unwrap();
    assert_eq!(snapshots.latest("a").unwrap().unwrap().bytes, (0..100).collect::<Vec<_>>());
}
