//! As much of ClickHouse's SQL as it takes to route a request: is it an insert, where does its data begin, in which
//! format is the answer. Everything else is the engine's business.

mod insert;
mod lexer;
mod statement;

pub(crate) use insert::{Shape, shape};
pub(crate) use statement::Statement;
