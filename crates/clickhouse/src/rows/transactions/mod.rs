//! Transactions to the table `transactions_data`, which its view `transactions` makes readable.

mod columns;
mod hops;
mod names;

pub use columns::TransactionsBlock;
pub(crate) use columns::COLUMNS;
pub(in crate::rows) use hops::HopColumns;
pub(crate) use names::KINDS;
pub(in crate::rows) use names::put_name;
