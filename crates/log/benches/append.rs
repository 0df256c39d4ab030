//! What the log costs at a steady rate: CPU by thread, answer times, memory; readers at the end as the folds are.
//!
//! `cargo bench -p throughline-log --bench append -- [folder] [MiB a second] [seconds] [KiB a record] [trim after MiB, 0: never] [ms between groups]`.
//! Each append has one record for each of two partitions, as a request has.
#![allow(clippy::print_stdout, reason = "a program whose output is its result")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench has nothing better to do than stop")]

mod common;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use common::{Disk, cpu_by_thread, kernel_cpu, memory, percentile, process_cpu};
use throughline_log::{Kind, Log, NewRecord, Position, Settings};

const PARTITIONS: u32 = 2;

/// What a fold does with a record near the end: a look at each span, some 600 bytes apart.
fn look(payload: &[u8]) -> u64 {
    payload.iter().step_by(600).map(|byte| u64::from(*byte)).sum()
}

async fn read(log: Log, partition: u32, wakes: Arc<AtomicU64>) {
    let mut reader = log.reader(partition, log.start(partition));
    drop(log);
    while let Ok(record) = reader.next().await {
        wakes.fetch_add(1, Ordering::Relaxed);
        std::hint::black_box(look(&record.payload));
        while let Ok(Some(record)) = reader.try_next() {
            std::hint::black_box(look(&record.payload));
        }
    }
}

fn append(log: &Log, payload: &[u8]) -> impl Future<Output = Vec<Position>> + Send + use<> {
    let record = |partition| {
        let record = NewRecord {
            kind: Kind::Spans,
            tenant: "".into(),
            cause: None,
            payload: Bytes::copy_from_slice(payload),
            cache: None,
        };
        (partition, record)
    };
    let answer = log.append((0..PARTITIONS).map(record).collect());
    async move { answer.await.unwrap() }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let parent = arguments.first().map_or_else(std::env::temp_dir, PathBuf::from);
    let number = |at: usize, default: f64| arguments.get(at).map_or(default, |text| text.parse().unwrap());
    let (rate, seconds) = (number(1, 100.0) * f64::from(1 << 20), number(2, 10.0));
    let record = number(3, 100.0) as usize * 1024;
    let keep = number(4, 0.0) as u64 * (1 << 20);
    let dir = tempfile::Builder::new().prefix("append-bench").tempdir_in(parent).unwrap();
    let mut settings = Settings::new(dir.path().join("log"), "bench", PARTITIONS);
    settings.gather = Duration::from_secs_f64(number(5, settings.gather.as_secs_f64() * 1e3) / 1e3);
    run(settings, rate, seconds, record, keep).await;
}

async fn run(settings: Settings, rate: f64, seconds: f64, record: usize, keep: u64) {
    let log = Log::open(settings.clone()).unwrap();
    let payload: Vec<u8> = (0..record).map(|at| (at * 31) as u8).collect();
    let wakes = Arc::new(AtomicU64::new(0));
    for partition in 0..PARTITIONS {
        tokio::spawn(read(log.clone(), partition, Arc::clone(&wakes)));
    }
    let stop = Arc::new(AtomicBool::new(false));
    let disk = Disk::watch(&settings.dir.with_file_name("disk"), Arc::clone(&stop));
    append(&log, &payload).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (idle, threads, kernel, whole) = (memory(), cpu_by_thread(), kernel_cpu(), process_cpu());
    let every = Duration::from_secs_f64((record * PARTITIONS as usize) as f64 / rate);
    let began = Instant::now();
    let (mut peak, mut count) = (0, 0_u32);
    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let mut times: Vec<Duration> = Vec::with_capacity((seconds / every.as_secs_f64()) as usize + 1);
    while began.elapsed().as_secs_f64() < seconds {
        let due = began + every * count;
        tokio::time::sleep_until(due.into()).await;
        let answer = append(&log, &payload);
        let answered = answered.clone();
        tokio::spawn(async move {
            answer.await;
            let _ = answered.send(due.elapsed());
        });
        count += 1;
        if count.is_multiple_of(64) {
            peak = peak.max(memory());
            while let Ok(time) = answers.try_recv() {
                times.push(time);
            }
            for partition in (0..PARTITIONS).filter(|_| keep > 0) {
                log.trim(partition, Position(log.end(partition).0.saturating_sub(keep)));
            }
        }
    }
    drop(answered);
    while let Some(time) = answers.recv().await {
        times.push(time);
    }
    let (after, kernel) = (cpu_by_thread(), kernel_cpu() - kernel);
    stop.store(true, Ordering::Relaxed);
    let mut disk = disk.join().unwrap();
    let whole_after = process_cpu();
    let gib = f64::from(count) * (record * PARTITIONS as usize) as f64 / f64::from(1 << 30);
    let of = |name: &str| {
        (after.get(name).copied().unwrap_or(0.0) - threads.get(name).copied().unwrap_or(0.0)) / gib
    };
    println!(
        "{:.0} MiB/s, {} KiB records | CPU s/GiB: write {:.2} sync {:.2} keep {:.2} sum {:.2}, workers {:.2}, process {:.2}, kernel {:.2}",
        gib * 1024.0 / seconds,
        record / 1024,
        of("log-write"),
        of("log-sync"),
        of("log-keep"),
        of("log-write") + of("log-sync") + of("log-keep"),
        of("tokio-rt-worker") + of("append"),
        (whole_after.0 + whole_after.1 - whole.0 - whole.1) / gib,
        kernel / gib,
    );
    println!(
        "  answer p50 {:.2} p99 {:.2} ms | disk p50 {:.2} p99 {:.2} ms, bar {:.2} ms | readers woken {:.0}/s | anonymous memory idle {:.1}, peak {:.1} MiB",
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut disk, 0.5),
        percentile(&mut disk, 0.99),
        2.0 * percentile(&mut disk, 0.99) + 10.0,
        wakes.load(Ordering::Relaxed) as f64 / seconds,
        idle as f64 / f64::from(1 << 20),
        peak as f64 / f64::from(1 << 20),
    );
}
