//! ClickHouse inside one binary: libchdb, loaded at run time, behind ClickHouse's own HTTP interface.
//!
//! What it is: the store of a machine that runs alone. The `clickhouse` crate, clickhouse-go (so Grafana's plugin),
//! clickhouse-connect and curl use it like a server: statements in the body or the URL, settings and parameters in the
//! URL or a form, any format, compressed bodies, `X-ClickHouse-*` headers, exceptions with their codes. [`serve`] runs
//! it in this process; [`supervise`] runs it as a child, so that the engine's death is not ours.
//!
//! What it is not: a cluster, a server for several users, or a place for sessions. Every request is the user `default`
//! without a password, so listen on the loopback device. `session_id` is taken and means nothing: settings hold for the
//! request that brings them, temporary tables end with it, and `session_check=1` is answered with code 372. `query_id`, or
//! one that is made up, comes back in `X-ClickHouse-Query-Id` and stands in the statement's `log_comment`, by which it is
//! found in `system.processes`; the engine's own `query_id` is another one. Native is written as for protocol revision 0.
//! An insert with data takes its `FORMAT` right before the data.
//!
//! Limits, all in [`Options`] or named in `options.rs`: statements at a time, waiting for a turn, run time, body size,
//! statement size, connections, stalled clients. Formats whose chunks cannot simply follow each other (JSON, Parquet,
//! Pretty, …) are built in memory, whole; the engine's memory limit bounds that. Everything else is streamed.
//!
//! Durability: an insert is acknowledged when its parts are on the disk, folder entries included (see `config_file.rs`).
//! A token that a crash left behind without its part is forgotten at the next start, so that the batch is taken when it is
//! sent again (see `deduplication.rs`).

mod cancel;
mod codec;
mod config_file;
mod data_dir;
mod deduplication;
mod engine;
mod error;
mod exception;
mod exchange;
mod execute;
mod ffi;
mod formats;
mod headers;
mod library;
pub mod metrics;
mod multipart;
mod options;
mod request;
mod serve;
mod sql;
pub mod supervise;

pub use error::{LibraryMissing, ServeError};
pub use exception::Exception;
pub use library::{ENGINE_VERSION, locate_library};
pub use options::Options;
pub use serve::{serve, serve_announced};
