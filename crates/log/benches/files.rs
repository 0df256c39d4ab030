//! Ways to have a file ready for appends that are made durable: what each costs in CPU, and how long an answer takes.
//!
//! `cargo bench -p throughline-log --bench files -- [folder] [MiB a second] [seconds] [rounds] [milliseconds between groups]`. Two files are written side by side in
//! groups of what has come due, each group followed by one `fdatasync` a file, as the log does. Run in turns: the machine is noisy.
#![allow(clippy::print_stdout, reason = "a program whose output is its result")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench has nothing better to do than stop")]

mod common;

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel},
    thread,
    time::{Duration, Instant},
};

use common::{cpu_by_thread, kernel_cpu, percentile};
use rustix::fs::{FallocateFlags, OFlags, fallocate};

const FILE: u64 = 64 << 20;
const CHUNK: usize = 1 << 20;
const RECORD: u64 = 100 << 10;
const PAGE: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// Blocks allotted, zeros written through the page cache.
    Zeros,
    /// Blocks allotted, zeros written past the page cache.
    DirectZeros,
    /// Blocks allotted only.
    Allotted,
    /// Nothing: the file grows.
    Grown,
    /// An earlier file is written over.
    Recycled,
    /// The same, and appends go past the page cache.
    RecycledDirect,
    /// Blocks allotted only, and appends go past the page cache.
    AllottedDirect,
}

const WAYS: [Way; 7] = [
    Way::Zeros,
    Way::DirectZeros,
    Way::Allotted,
    Way::Grown,
    Way::Recycled,
    Way::RecycledDirect,
    Way::AllottedDirect,
];

/// Bytes at an address that direct writes accept.
struct Aligned(Vec<u8>, usize);

impl Aligned {
    fn new(bytes: usize, fill: u8) -> Self {
        let buffer = vec![fill; bytes + PAGE];
        let skip = buffer.as_ptr().align_offset(PAGE);
        Self(buffer, skip)
    }

    fn get(&self, bytes: usize) -> &[u8] {
        &self.0[self.1..self.1 + bytes]
    }
}

fn open(path: &Path, direct: bool) -> File {
    let mut options = File::options();
    options.read(true).write(true).create(true);
    if direct {
        options.custom_flags(OFlags::DIRECT.bits() as i32);
    }
    options.open(path).unwrap()
}

fn zero(file: &File) {
    let zeros = Aligned::new(CHUNK, 0);
    for at in (0..FILE).step_by(CHUNK) {
        file.write_all_at(zeros.get(CHUNK), at).unwrap();
    }
}

fn make(way: Way, path: &Path) -> File {
    let file = open(path, false);
    if !matches!(way, Way::Grown | Way::Recycled | Way::RecycledDirect) {
        fallocate(&file, FallocateFlags::empty(), 0, FILE).unwrap();
    }
    match way {
        Way::Zeros => zero(&file),
        Way::DirectZeros => zero(&open(path, true)),
        _ => {}
    }
    file.sync_all().unwrap();
    File::open(path.parent().unwrap()).unwrap().sync_all().unwrap();
    match way {
        Way::RecycledDirect | Way::AllottedDirect => open(path, true),
        _ => file,
    }
}

/// Makes files ahead, on a thread of its own, as the log does.
fn keeper(way: Way, dir: &Path, ready: &SyncSender<File>) {
    let mut number = 0;
    loop {
        // What is recycled was written before the clock began.
        let name = if matches!(way, Way::Recycled | Way::RecycledDirect) { number % 6 } else { number };
        let file = make(way, &dir.join(format!("{name}")));
        number += 1;
        if ready.send(file).is_err() {
            return;
        }
    }
}

type Jobs = Sender<(File, SyncSender<()>)>;

fn syncer(jobs: &Receiver<(File, SyncSender<()>)>) {
    for (file, done) in jobs {
        file.sync_data().unwrap();
        done.send(()).unwrap();
    }
}

struct Outcome {
    answers: Vec<Duration>,
    syncs: Vec<Duration>,
    bytes: u64,
}

fn write(ready: &Receiver<File>, rate: f64, seconds: f64, gather: Duration) -> (Outcome, Jobs) {
    let (jobs, receiver) = channel();
    thread::Builder::new().name("sync".into()).spawn(move || syncer(&receiver)).unwrap();
    let mut files: Vec<(File, u64)> = (0..2).map(|_| (ready.recv().unwrap(), 0)).collect();
    let payload = Aligned::new(16 << 20, 0x5A);
    let every = Duration::from_secs_f64(RECORD as f64 / rate);
    let mut outcome = Outcome { answers: Vec::new(), syncs: Vec::new(), bytes: 0 };
    let (began, mut sent) = (Instant::now(), 0_u32);
    let mut group = began;
    while began.elapsed().as_secs_f64() < seconds {
        let due = (began.elapsed().as_secs_f64() / every.as_secs_f64()) as u32;
        if due == sent {
            thread::sleep((began + every * (sent + 1)).saturating_duration_since(Instant::now()));
            continue;
        }
        if let Some(early) = gather.checked_sub(group.elapsed()) {
            thread::sleep(early);
            continue;
        }
        group = Instant::now();
        let due = due.min(sent + 100);
        let mut touched = [false; 2];
        for (at, (file, offset)) in files.iter_mut().enumerate() {
            touched[at] = false;
            let records = (sent..due).filter(|number| *number as usize % 2 == at).count() as u64;
            let bytes = (records * RECORD).next_multiple_of(PAGE as u64);
            if *offset + bytes > FILE {
                (*file, *offset) = (ready.recv().unwrap(), 0);
            }
            if bytes == 0 {
                continue;
            }
            touched[at] = true;
            file.write_all_at(payload.get(bytes as usize), *offset).unwrap();
            *offset += bytes;
            outcome.bytes += bytes;
        }
        let syncing = Instant::now();
        let (done, answer) = sync_channel(1);
        if touched == [true; 2] {
            jobs.send((files[1].0.try_clone().unwrap(), done)).unwrap();
            files[0].0.sync_data().unwrap();
            answer.recv().unwrap();
        } else {
            files[usize::from(touched[1])].0.sync_data().unwrap();
        }
        outcome.syncs.push(syncing.elapsed());
        let now = began.elapsed();
        outcome.answers.extend((sent..due).map(|number| now.saturating_sub(every * (number + 1))));
        sent = due;
    }
    (outcome, jobs)
}

fn run(way: Way, dir: &Path, rate: f64, seconds: f64, gather: Duration) {
    let dir = dir.join("files-bench");
    fs::create_dir_all(&dir).unwrap();
    if matches!(way, Way::Recycled | Way::RecycledDirect) {
        for number in 0..6 {
            make(Way::DirectZeros, &dir.join(format!("{number}")));
        }
    }
    let (ready, files) = sync_channel(1);
    let of = dir.clone();
    thread::Builder::new().name("keep".into()).spawn(move || keeper(way, &of, &ready)).unwrap();
    thread::sleep(Duration::from_millis(700));
    let (before, kernel) = (cpu_by_thread(), kernel_cpu());
    // A thread of its own, so that its CPU is told apart; it waits to be read.
    let (result, outcome) = channel();
    let (end, ended) = channel::<()>();
    let writer = thread::Builder::new().name("write".into());
    let writer = writer.spawn(move || {
        result.send(write(&files, rate, seconds, gather)).unwrap();
        let _ = ended.recv();
    });
    let (mut outcome, jobs) = outcome.recv().unwrap();
    let (after, kernel) = (cpu_by_thread(), kernel_cpu() - kernel);
    let of = |name: &str| {
        after.get(name).copied().unwrap_or(0.0)
            - if name != "keep" { 0.0 } else { before.get(name).copied().unwrap_or(0.0) }
    };
    let gib = outcome.bytes as f64 / f64::from(1 << 30);
    println!(
        "{:<16} {:>6.0} MiB/s | CPU s/GiB: write {:.2} sync {:.2} keep {:.2} sum {:.2} kernel {:.2} | answer p50 {:>6.2} p99 {:>6.2} ms | sync p50 {:>6.2} p99 {:>6.2} ms, {} groups",
        format!("{way:?}"),
        outcome.bytes as f64 / f64::from(1 << 20) / seconds,
        of("write") / gib,
        of("sync") / gib,
        of("keep") / gib,
        (of("write") + of("sync") + of("keep")) / gib,
        kernel / gib,
        percentile(&mut outcome.answers, 0.5),
        percentile(&mut outcome.answers, 0.99),
        percentile(&mut outcome.syncs, 0.5),
        percentile(&mut outcome.syncs, 0.99),
        outcome.syncs.len(),
    );
    drop((end, jobs));
    writer.unwrap().join().unwrap();
    // The keeper ends with the channel; what it is just making goes with the folder.
    thread::sleep(Duration::from_millis(500));
    let _ = fs::remove_dir_all(&dir);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let dir = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let number = |at: usize, default: f64| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let (rate, seconds) = (number(1, 60.0) * f64::from(1 << 20), number(2, 8.0));
    let rounds = number(3, 2.0) as usize;
    let gather = Duration::from_secs_f64(number(4, 0.0) / 1e3);
    for _ in 0..rounds {
        for way in WAYS.into_iter().filter(|way| {
            arguments.get(5).is_none_or(|wanted| wanted.split(',').any(|name| name == format!("{way:?}")))
        }) {
            run(way, &dir, rate, seconds, gather);
        }
    }
}
