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

/// The allocator's settings, read when it starts. Memory of large blocks is used again like any other: the allocator would hand it back to the system at once,
/// and get it back page by page. What is free for a second goes back, by threads of the allocator's own: without them a thread that falls idle keeps what it
/// freed for ever, which was half a gigabyte after some requests of the largest size.
// SAFETY: the allocator's own name for it, defined nowhere else; it ends with a zero.
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_OPTIONS: &[u8; 64] = b"oversize_threshold:0,background_thread:true,dirty_decay_ms:1000\0";

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    process::logging::install(&cli.logging);
    process::panic::install();
    process::exit::report(command::run(cli.command))
}
