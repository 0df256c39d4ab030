//! Answers as a person reads them at a terminal.

pub(crate) mod explanation;
pub(crate) mod incidents;
mod table;
mod time;
pub(crate) mod transactions;
mod waterfall;
