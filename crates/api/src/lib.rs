//! The query API: gRPC and JSON on one port, over what is stored and over what is still in flight.
//!
//! Answers are built from rows of `transactions` ([`explain`]); what is wrong comes
//! from the analysis, which is also given alerts and what people say of its suspects: they are durable in its log before they are answered. This crate
//! holds no state. Limits: [`limits`].

mod alerts;
mod changes;
mod compare;
mod console;
mod convert;
mod departments;
mod deployments;
mod error;
mod extract;
mod incidents;
mod json;
mod page;
mod questions;
mod server;
mod time;

pub mod explain;
pub mod limits;
pub mod metrics;

pub use error::{ApiError, ServeError};
pub use incidents::incident;
pub use questions::{Advice, Questions};
pub use server::{Api, Settings};

/// Messages and services of `proto/throughline/v1/query.proto`.
#[allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, unused_qualifications)]
pub mod query {
    tonic::include_proto!("throughline.v1");
}
