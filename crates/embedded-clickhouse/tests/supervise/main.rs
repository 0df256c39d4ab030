//! The engine as a supervised child: killed, started again, stopped; nothing acknowledged is lost.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a panic is the report")]

#[path = "../common/child.rs"]
mod child;
mod client;
mod deduplication;
mod kills;
mod lifecycle;

#[test]
#[ignore = "the engine itself: other tests start it"]
fn engine_process() {
    // long enough for the statements here that do end, short for the one that does not
    child::run(|options| options.drain_timeout = std::time::Duration::from_secs(3));
}

#[test]
#[ignore = "a parent to be killed: another test starts it"]
fn supervising_parent() {
    lifecycle::supervise_for_ever();
}
