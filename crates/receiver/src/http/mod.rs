//! OTLP/HTTP: `POST /v1/traces`, HTTP/1.1 and HTTP/2 on one port.

mod content;
mod cors;
mod serve;
mod service;

pub(crate) use serve::serve;
