//! Transactions to the table `transactions_data`, which its view `transactions` makes readable.

mod columns;
mod hops;
mod names;

pub(crate) use columns::COLUMNS;
pub use columns::TransactionsBlock;
pub(in crate::rows) use hops::HopColumns;
pub(crate) use names::KINDS;
