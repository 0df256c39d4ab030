//! A real server under test or measure: started with a configuration and a data directory of its own, asked over its ports, stopped or killed; and a client
//! that sends encoded requests as they are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "what cannot go on in a test has nothing better to do than stop"
)]

mod proc;
mod send;
mod server;

pub use send::Sender;
pub use server::{Ports, Server, Start};
