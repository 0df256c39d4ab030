//! OTLP/gRPC: tonic's transport, and one method that takes raw bytes.

mod message;
mod serve;
mod service;

pub(crate) use serve::serve;
