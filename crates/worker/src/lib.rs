//! Drives the core: records of the logs in, records and batches out.
//!
//! Each partition has two drivers, one for each fold, on threads of their own: a driver reads its log, hands each record to its fold, appends what the fold
//! causes, and writes the fold's state as a snapshot now and then. What a driver decides outside the log is only *when* to decide, to cut and to save; what
//! comes of it is in the log before it has an effect.
//!
//! Limits: [`limits`].

mod again;
mod analysis;
mod append;
mod batch;
mod drafts;
mod error;
mod events;
mod finding;
mod in_flight;
mod kept;
mod looking;
mod save;
mod stored;
mod summaries;
mod switch;
mod ticker;
mod traces;
mod transactions;
mod trim;
mod worker;

pub mod limits;
pub mod metrics;
mod passing;

pub use analysis::Incidents;
pub use error::WorkerError;
pub use finding::Behind;
pub use in_flight::{InFlight, OpenTransaction};
pub use switch::Switch;
pub use trim::Retention;
pub use worker::{Parts, Worker};
