//! A disk that is full: clients are told to wait, and it goes on by itself when there is room.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::fs::FallocateFlags;
use throughline_bank::plan::Transfer;
use throughline_harness::{Sender, Server, Start};

use crate::load::{CONFIG, RESEND, binary, check, requests, transfers};

/// Small enough to fill in a moment; the engine and the log's files that are made ahead have room in it.
const DISK_MIB: u64 = 3072;

/// Disk that the log leaves to the rest; over the configuration that all tests share.
const RESERVE: &str = "log: { reserve_gib: 1, retention: { size_gib: 1 } }";

/// How long a batch or a snapshot may take to meet the full disk: transfers stay open for some seconds first.
const MET: Duration = Duration::from_secs(60);

/// Batches and snapshots that found no room.
const FOUND_FULL: &str = "throughline_limit_hits_total{limit=\"disk\"}";

/// A file system of its own, of a kind that servers have, in a file; taken away in the end.
struct Disk(PathBuf);

impl Disk {
    /// Nothing, and a word about it, where this process may not mount.
    fn mount(dir: &Path) -> Option<Self> {
        let (image, at) = (dir.join("image"), dir.join("disk"));
        fs::create_dir(&at).unwrap();
        let (image, disk) = (image.to_str().unwrap(), at.to_str().unwrap());
        // All of it is taken at once: where the disk below is full, a file system on it becomes read-only, which is another story.
        let size = format!("{DISK_MIB}MiB");
        for command in [
            ["fallocate", "-l", &size, image].as_slice(),
            &["mkfs.ext4", "-q", "-F", "-E", "nodiscard", image],
            &["mount", "-o", "loop", image, disk],
        ] {
            let output = Command::new(command[0]).args(&command[1..]).output();
            if !output.as_ref().is_ok_and(|output| output.status.success()) {
                eprintln!("skipped: a disk cannot be mounted here: {command:?}: {output:?}");
                return None;
            }
        }
        Some(Self(at))
    }

    /// Takes all of it that is free, at once.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let file = fs::OpenOptions::new().create(true).append(true).open(&path).unwrap();
        let mut piece = DISK_MIB << 20;
        while piece >= 4096 {
            let length = file.metadata().unwrap().len();
            if rustix::fs::fallocate(&file, FallocateFlags::empty(), length, piece).is_err() {
                piece /= 2;
            }
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Sends until a request is refused for want of room; how many were acknowledged.
async fn send_until_refused(port: u16, requests: &[Bytes]) -> (usize, tonic::Status) {
    let sender = Sender::new(port);
    for (count, request) in requests.iter().enumerate() {
        if let Err(status) = sender.send(request.clone()).await {
            return (count, status);
        }
    }
    panic!("a full disk took everything");
}

async fn assert_refused_by_http(server: &mut Server, request: &Bytes) {
    let (status, delay) = server.post(request.clone()).await;
    assert!(
        status == 503 && delay.is_some_and(|seconds| seconds > 0),
        "{status}, to come again after {delay:?}"
    );
}

fn spans(transfers: &[Transfer]) -> u64 {
    transfers.iter().map(|transfer| transfer.spans.len() as u64).sum()
}

/// Scenario: the disk that holds everything, the engine too, fills up under load; after some time somebody makes room.
/// Guarantee: meanwhile clients hear UNAVAILABLE and 503, with a delay, and readiness says why; nothing is restarted by hand; afterwards every span that was
/// acknowledged, before or since, is stored once.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_recovers_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(dir.path()) else { return };
    let config = CONFIG.replace("log: { reserve_gib: 0, retention: { size_gib: 1 } }", RESERVE);
    assert!(config.contains(RESERVE));
    // What the server says is written elsewhere: it is wanted most when the disk is full.
    let (home, data) = (dir.path().join("home"), disk.0.join("data"));
    fs::create_dir(&home).unwrap();
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink(&data, home.join("data")).unwrap();
    let mut server = Start::new(binary(), &home, &config).ready().await;
    let port = server.start.ports.grpc;
    let (before, during) = (transfers(700, 20), transfers(701, 60));
    for request in requests(&before) {
        Sender::new(port).send_until_taken(&request, RESEND).await;
    }
    let filler = disk.fill();
    let during_requests: Vec<Bytes> = requests(&during);
    let (taken, status) = send_until_refused(port, &during_requests).await;
    let ended = server.ended();
    assert!(
        ended.is_none() && status.code() == tonic::Code::Unavailable,
        "ended: {ended:?}, {status:?}\n{}",
        server.output()
    );
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("google.rpc.RetryInfo"), "it says when to come again: {details:?}");
    assert_refused_by_http(&mut server, &during_requests[taken]).await;
    // What was taken before is being decided and cut now, and finds no room either.
    let deadline = Instant::now() + MET;
    while server.metric_of(FOUND_FULL).await < 2.0 {
        assert!(Instant::now() < deadline, "no batch met the full disk:\n{}", server.output());
        let ended = server.ended();
        assert!(ended.is_none(), "a full disk ended the server with {ended:?}:\n{}", server.output());
        assert_refused_by_http(&mut server, &during_requests[taken]).await;
        // What the engine gave back is taken too.
        disk.fill();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    fs::remove_file(filler).unwrap();
    for request in &during_requests {
        Sender::new(port).send_until_taken(request, RESEND).await;
    }
    let all = [before, during].concat();
    check(&server, all.len() as u64, spans(&all)).await;
    let (status, _) = tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    assert_eq!(status.code(), Some(0));
}
