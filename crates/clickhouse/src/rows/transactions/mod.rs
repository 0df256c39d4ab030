//! Transactions to the table `transactions_data`, which its view `transactions` makes readable.

mod columns;
mod hops;
mod names;
mod words;

pub(crate) use columns::COLUMNS;
pub(in crate::rows) use columns::TransactionsBlock;
pub(in crate::rows) use hops::checked;
pub(in crate::rows) use words::{Words, kind_word};
