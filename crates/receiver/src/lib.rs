//! OTLP as a server: gRPC and HTTP in, bytes in the log, then the answer.
//!
//! A request is taken as bytes ([`Receiver`]), never decoded into objects, and handed to an [`Intake`]; [`LogIntake`] scans it, splits it by
//! partition and appends it to the log. A client hears "success" only after that. What each refusal looks like on the wire is decided in one place
//! (`answer`), for both transports.
//!
//! What it is not: it knows nothing of traces, transactions or sampling, and it queues nothing; where memory or the log is short the client is told to
//! come again.
//!
//! Its limits: bytes of requests held at one time ([`Limits::max_in_flight_bytes`]), the size of one request ([`GrpcSettings::max_recv_msg_size_mib`],
//! [`HttpSettings::max_request_body_size_mib`], both count after decompression), requests at one time, time to send a request, connections. All that a
//! request costs is taken from a [`Budget`] before memory is.

mod answer;
mod body;
mod budget;
pub mod decompress;
mod export;
mod failure;
mod grpc;
mod http;
mod intake;
mod layers;
mod log_intake;
pub mod metrics;
mod server;
mod settings;
mod tenant;

pub use budget::{Budget, Exhausted, Held};
pub use intake::{Accepted, Intake, Pressure, Refusal};
pub use log_intake::LogIntake;
pub use server::{BindError, Receiver, ServeError, Transport};
pub use settings::{CorsSettings, GrpcSettings, HttpSettings, Keepalive, Limits, Settings, SettingsError};
