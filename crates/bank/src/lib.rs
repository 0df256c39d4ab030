//! A simulated bank that sends real OpenTelemetry traces over OTLP/gRPC, by the OpenTelemetry SDK.
//!
//! Eighteen services in seven departments, and partner banks beside them, carry out transfers of five kinds. Each transfer is two to four traces,
//! joined by `payment.uetr` and by links from consumers to producers. Faults can be switched on for a time ([`Fault`]), and what really happened to
//! each transfer is known to the nanosecond ([`truth`]), for whoever wants to check an answer against it.
//!
//! [`plan`] is pure: a seed gives the same transfers each time, as plain structs or as OTLP requests, without a clock. [`run`] sends them in real time.
//! [`cli`] holds the flags of `throughline bank`.
//!
//! Not here: reading recorded data back, or judging anything. The bank knows nothing of Throughline; it is a client like any other.
//!
//! Limits: ids, times and amounts come from the seed; clocks of the simulated hosts agree exactly; TLS is not spoken. A partial success is answered
//! to the SDK, which logs it and counts such spans as sent; so does [`Report`].

pub mod cli;
mod driver;
mod error;
mod fault;
mod options;
mod pending;
pub mod plan;
mod sdk;
pub mod truth;

pub use driver::run;
pub use error::{BankError, FaultError};
pub use fault::{Fault, FaultKind, parse_fault};
pub use options::{OnProgress, Options, Progress, Report};
