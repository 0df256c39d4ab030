//! The outbox alone: what is sealed is there, whole, until it is removed.

use throughline_clickhouse::{Outbox, OutboxError};

use crate::engine::batch;

#[tokio::test]
async fn sealed_cuts_survive_and_come_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), 1 << 20).unwrap();
    for cut in [300, 7, 20] {
        outbox
            .seal(vec![batch(cut, "spans", 1, 2, vec![cut as u8; 10]), batch(cut, "batches", 1, 1, vec![1])])
            .await
            .unwrap();
    }
    outbox.seal(vec![]).await.unwrap();
    std::fs::write(dir.path().join("00000-00000000000000000009.tmp"), b"torn").unwrap();
    let again = Outbox::open(dir.path(), 1 << 20).unwrap();
    assert_eq!((again.len(), again.partitions()), (3, vec![0]));
    assert_eq!(again.bytes(), outbox.bytes());
    for cut in [7, 20, 300] {
        let first = again.first(0).unwrap().unwrap();
        assert_eq!((first.cut, first.batches.len()), (cut, 2));
        assert_eq!(first.batches[0], batch(cut, "spans", 1, 2, vec![cut as u8; 10]));
        again.remove(0, cut).unwrap();
    }
    assert!(again.is_empty() && again.first(0).unwrap().is_none());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "the torn file is gone too");
}

#[tokio::test]
async fn a_full_outbox_says_so_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), 100).unwrap();
    assert!(!outbox.is_full());
    outbox.seal(vec![batch(1, "spans", 1, 1, vec![0; 100])]).await.unwrap();
    assert!(outbox.is_full());
    let waiting = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.wait_for_room().await }
    });
    outbox.remove(0, 1).unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(10), waiting).await.expect("woken").unwrap();
}

#[tokio::test]
async fn sealing_again_is_the_same_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), 100).unwrap();
    let cut = || vec![batch(1, "spans", 1, 1, vec![7; 50])];
    outbox.seal(cut()).await.unwrap();
    outbox.seal(cut()).await.unwrap();
    assert_eq!(outbox.len(), 1);
    let other = outbox.seal(vec![batch(1, "spans", 1, 1, vec![8; 50])]).await;
    assert!(matches!(other, Err(OutboxError::Differs { partition: 0, cut: 1 })));
    let mixed = outbox.seal(vec![batch(1, "spans", 1, 1, vec![]), batch(2, "spans", 1, 1, vec![])]).await;
    assert!(matches!(mixed, Err(OutboxError::Mixed)));
}

#[tokio::test]
async fn every_damaged_byte_is_seen_and_the_file_named() {
    let dir = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(dir.path(), 1 << 20).unwrap();
    outbox.seal(vec![batch(5, "spans", 1, 1, vec![3; 40])]).await.unwrap();
    let path = dir.path().join("00000-00000000000000000005.cut");
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        std::fs::write(&path, &damaged).unwrap();
        let error = Outbox::open(dir.path(), 1 << 20).unwrap_err();
        assert!(error.to_string().contains("00000000000000000005.cut"), "{error}");
    }
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(matches!(Outbox::open(dir.path(), 1 << 20), Err(OutboxError::Damaged { .. })));
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(Outbox::open(dir.path(), 1 << 20).unwrap().len(), 1);
}
