//! The query API: gRPC and JSON on one port, over what is stored and over what is still in flight.
//!
//! Answers are built from rows of `transactions` ([`explain`]); this crate holds no state and writes nothing. Limits: [`limits`].

mod convert;
mod error;
mod json;
mod questions;
mod server;

pub mod explain;
pub mod limits;

pub use error::{ApiError, ServeError};
pub use questions::Questions;
pub use server::{Api, Settings};

/// Messages and services of `proto/throughline/v1/query.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod query {
    tonic::include_proto!("throughline.v1");
}
