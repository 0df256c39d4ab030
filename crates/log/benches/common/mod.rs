//! What both benches share: CPU seconds by thread, the disk's own speed, percentiles.
#![allow(unreachable_pub, missing_docs, dead_code, reason = "shared by two benches, each using a part")]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

/// CPU seconds of this process so far, by thread name; threads of one name are added up.
pub fn cpu_by_thread() -> BTreeMap<String, f64> {
    let mut by_name = BTreeMap::new();
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        // A thread may end while we look.
        let (Ok(name), Ok(times)) =
            (fs::read_to_string(task.path().join("comm")), fs::read_to_string(task.path().join("schedstat")))
        else {
            continue;
        };
        let nanoseconds: f64 = times.split(' ').next().unwrap().parse().unwrap();
        *by_name.entry(name.trim().to_owned()).or_default() += nanoseconds / 1e9;
    }
    by_name
}

/// CPU seconds of the kernel's own threads so far: what writing back costs beside the caller. Resolution: 10 ms a thread.
pub fn kernel_cpu() -> f64 {
    let mut ticks = 0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(stat) = fs::read_to_string(process.path().join("stat")) else { continue };
        let Some((_, rest)) = stat.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        if fields[1] == "2" {
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    ticks as f64 / 100.0
}

/// CPU seconds of this process: user, system.
pub fn process_cpu() -> (f64, f64) {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    (fields[11].parse::<f64>().unwrap() / 100.0, fields[12].parse::<f64>().unwrap() / 100.0)
}

/// The time below which `share` of all lie, in milliseconds.
pub fn percentile(times: &mut [Duration], share: f64) -> f64 {
    times.sort_unstable();
    let at = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
    times.get(at).copied().unwrap_or_default().as_secs_f64() * 1e3
}

/// Bytes resident without files.
pub fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The disk's own speed: 400 KiB over what is there, then `fdatasync`, twenty a second.
pub struct Disk;

impl Disk {
    pub fn watch(path: &Path, stop: Arc<AtomicBool>) -> JoinHandle<Vec<Duration>> {
        let file = File::create(path).unwrap();
        let block = vec![7; 400 << 10];
        file.write_all_at(&vec![0; 16 << 20], 0).unwrap();
        file.sync_all().unwrap();
        let watch = move || {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                file.write_all_at(&block, (times.len() % 40 * block.len()) as u64).unwrap();
                file.sync_data().unwrap();
                times.push(began.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            times
        };
        std::thread::Builder::new().name("disk".into()).spawn(watch).unwrap()
    }
}
