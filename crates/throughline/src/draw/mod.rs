//! Answers as a person reads them at a terminal.

pub(crate) mod compare;
pub(crate) mod diagnosis;
pub(crate) mod explanation;
pub(crate) mod figures;
pub(crate) mod incidents;
pub(crate) mod policy;
pub(crate) mod screen;
mod table;
mod time;
mod timeline;
pub(crate) mod transactions;
mod waterfall;
