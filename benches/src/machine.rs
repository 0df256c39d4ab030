//! The machine's own figures, beside what is measured on it: most of what a span costs is memory that is not in a cache, and on a shared host that
//! differs by the hour.

use std::{hint::black_box, time::Instant};

/// Larger than what a core has of its own, about what a server under load works on.
const TABLE: usize = 64 << 20;

/// Reads at random, one after the other.
const READS: usize = 2_000_000;

/// Times that the table is copied.
const COPIES: usize = 8;

pub(crate) fn report() {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split(':').nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine     {cores} cores,{}", model.unwrap_or(" unknown"));
    let table = table();
    println!("memory      {:.0} ns a read at random, {:.1} GB/s copied", read_ns(&table), copied(&table));
}

/// One cycle through all entries: each says where to read next.
fn table() -> Vec<u32> {
    let length = TABLE / size_of::<u32>();
    // An odd factor and an odd summand give a generator of full period over a power of two (Knuth 3.2.1.2).
    (0..length).map(|at| (at.wrapping_mul(1_664_525).wrapping_add(1_013_904_223) % length) as u32).collect()
}

fn read_ns(table: &[u32]) -> f64 {
    let started = Instant::now();
    let mut at = 0;
    for _ in 0..READS {
        at = table.get(at as usize).copied().unwrap_or_default();
    }
    black_box(at);
    started.elapsed().as_secs_f64() * 1e9 / READS as f64
}

fn copied(table: &[u32]) -> f64 {
    let mut target = table.to_vec();
    let started = Instant::now();
    for _ in 0..COPIES {
        black_box(&mut target).copy_from_slice(black_box(table));
    }
    (COPIES * TABLE) as f64 / started.elapsed().as_secs_f64() / 1e9
}
