//! The whole system: the real binary, the real engine, the bank's transfers over OTLP/gRPC, and what is in the store at the end.
#![allow(
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has nothing better to do than stop, and one that is skipped says why"
)]

mod answers;
mod datasets;
mod ends;
mod figures;
mod full_disk;
mod incidents;
mod joins;
mod kills;
mod load;
mod make_run;
mod pages;
mod reload;
mod replays;
mod rows;
mod slo;
mod soak;
mod transfers;
mod truth;

/// Hundreds of thousands of spans wait in small pieces until they are due: the system's allocator took longer over them than everything else.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
