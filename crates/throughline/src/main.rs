//! Throughline: follows business transactions through every department that they touch.
//!
//! This crate is the command line and the wiring, and holds no logic of its own. `cli` says what can be asked for, `command` has one
//! file for each of these, `serve` composes the stages, `client` asks a running server and `draw` shows its
//! answers, `process` is what every command shares: exit codes, logs, signals.

mod cli;
mod client;
mod command;
mod draw;
mod process;
mod serve;

use std::process::ExitCode;

use clap::Parser;

/// Measured by `make bench`; exchanging it is this line.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The allocator's settings, read when it starts: what is free for ten seconds goes back to the system, by threads of its own: else a thread that falls idle
/// keeps what it freed for ever, half a gigabyte after some requests of the largest size. Until then memory of blocks below 16 MiB is used again like any
/// other: it would go back at once, and come again page by page. Larger ones are those of requests of the largest size: each thread would keep its own,
/// 870 MiB in all after twenty gzip bombs, where it is 440 so.
// SAFETY: the allocator's own name for it, defined nowhere else; it ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_SETTINGS: &[u8; 51] = b"background_thread:true,oversize_threshold:16777216\0";

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    process::logging::install(&cli.logging);
    process::panic::install();
    process::exit::report(command::run(cli.command))
}
