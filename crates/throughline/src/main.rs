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

/// Memory of large blocks is used again like any other: the allocator would hand it back to the system at once, and get it back page by page.
#[unsafe(export_name = "_rjem_malloc_conf")]
static ALLOCATOR_OPTIONS: &[u8; 21] = b"oversize_threshold:0\0";

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    process::logging::install(&cli.logging);
    process::panic::install();
    process::exit::report(command::run(cli.command))
}
