//! The disk's own speed, measured beside the load: what an answer that waits for it can be compared with.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Writes of 400 KiB to a file that is written over, each followed by fdatasync, twenty a second, until told to stop; their times.
pub(crate) fn watch(dir: &Path, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<Duration>> {
    let path = dir.join("fdatasync");
    std::thread::spawn(move || {
        let mut file = File::create(&path).unwrap();
        let block = vec![7u8; 400 << 10];
        file.write_all(&vec![0; 16 << 20]).unwrap();
        file.sync_all().unwrap();
        let mut times = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let started = Instant::now();
            file.write_all_at(&block, (times.len() % 40 * (400 << 10)) as u64).unwrap();
            file.sync_data().unwrap();
            times.push(started.elapsed());
            std::thread::sleep(Duration::from_millis(50));
        }
        times
    })
}
