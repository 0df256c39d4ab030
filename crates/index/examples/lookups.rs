//! What an entry costs: `cargo run --release -p throughline-index --example lookups -- [folder] [entries]`.
//!
//! Adds chunks as a fold does, a snapshot after every fourth, then asks for keys that are not there and for some that are. CPU is of the
//! whole process, merges included.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program whose output is its result")]

use std::{env, fs, hint::black_box, path::PathBuf, time::Instant};

use throughline_index::{Chunk, Runs, Settings};

const CHUNK: u64 = 65_536;
const SNAPSHOT_EVERY: u64 = 4;

/// Spread over all 16 bytes, as trace ids are; never the same for two numbers.
fn key(number: u64) -> [u8; 16] {
    let mixed = |salt: u64| {
        let x = (number ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let x = (x ^ (x >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        x ^ (x >> 32)
    };
    let mut key = [0; 16];
    key[..8].copy_from_slice(&mixed(0).to_le_bytes());
    key[8..].copy_from_slice(&mixed(7 << 60).to_le_bytes());
    key
}

/// CPU seconds of the process, by hundredths.
fn cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn anonymous_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().filter(|line| line.starts_with("RssAnon")).collect()
}

fn add(runs: &mut Runs, entries: u64) {
    let (cpu_before, start) = (cpu(), Instant::now());
    let mut adding = 0.0;
    for number in 0..entries / CHUNK {
        let entries = (number * CHUNK..(number + 1) * CHUNK).map(|n| (key(n), n)).collect();
        let chunk = Chunk { number, since: number, until: number, entries };
        let start = Instant::now();
        runs.add(&chunk).unwrap();
        adding += start.elapsed().as_secs_f64();
        if number % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1 {
            runs.sync(number + 1).unwrap();
            runs.saved();
        }
    }
    let each = |seconds: f64| seconds * 1e9 / entries as f64;
    println!(
        "add: {:.0} ns an entry in the caller, {:.0} ns wall, {:.0} ns CPU, fsync and merges so far included",
        each(adding),
        each(start.elapsed().as_secs_f64()),
        each(cpu() - cpu_before)
    );
}

/// As snapshots go on, until nothing is left to merge.
fn settle(runs: &mut Runs, next: u64, entries: u64) {
    let (cpu_before, mut files, mut since) = (cpu(), runs.files(), Instant::now());
    while since.elapsed().as_secs_f64() < 2.0 + entries as f64 / 20e6 {
        runs.sync(next).unwrap();
        runs.saved();
        if runs.files() != files {
            (files, since) = (runs.files(), Instant::now());
        }
        std::thread::yield_now();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    println!(
        "the rest of the merges: {:.0} ns CPU an entry; {files} files",
        (cpu() - cpu_before) * 1e9 / entries as f64
    );
}

fn ask(runs: &Runs, what: &str, questions: u64, number: impl Fn(u64) -> u64) {
    for round in 0..3 {
        let start = Instant::now();
        let found = (0..questions).filter(|n| !black_box(runs.get(&key(number(*n)))).is_empty()).count();
        let each = start.elapsed().as_secs_f64() * 1e9 / questions as f64;
        println!("{what}, round {round}: {each:.0} ns, {found} of {questions} found");
    }
}

fn main() {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().map_or_else(|| env::temp_dir().join("throughline-lookups"), PathBuf::from);
    let entries: u64 = arguments.next().map_or(4_000_000, |entries| entries.parse().unwrap());
    let entries = entries / CHUNK * CHUNK;
    let mut runs = Runs::open(&folder, "lookups", Settings { max_entries: 100_000_000 }).unwrap();
    runs.restore(0).unwrap();
    add(&mut runs, entries);
    settle(&mut runs, entries / CHUNK, entries);
    ask(&runs, "never seen", 2_000_000, |n| (1 << 40) + n);
    ask(&runs, "seen", 300_000, |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % entries);
    drop(runs);
    let start = Instant::now();
    let runs = Runs::open(&folder, "lookups", Settings { max_entries: 100_000_000 }).unwrap();
    println!("open: {:.3} s, {} entries, {}", start.elapsed().as_secs_f64(), runs.len(), anonymous_memory());
    drop(runs);
    fs::remove_dir_all(&folder).unwrap();
}
