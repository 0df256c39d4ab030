//! Sends sealed batches to ClickHouse, in the order of their cuts, until each is acknowledged.
//!
//! A partition's cuts go one after the other; within a cut, tables go side by side and the audit last, so that what it names is stored. Partitions go
//! side by side too. A batch is sent again, the same bytes under the same name, until the store says yes: what it has already it drops. Nothing is ever
//! given up: what cannot succeed without somebody's help is said loudly and tried again slowly.

mod backoff;
mod expired;
mod insert;
mod run;
mod settings;

pub use run::{Sink, SinkHandle};
pub use settings::SinkSettings;
