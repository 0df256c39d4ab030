//! Sums of transactions' hops by minute, as signed counts: an amendment adds the exact negative of what it replaces, then what replaces it.

mod cell;
mod edges;
mod operations;
mod sums;

pub(crate) use edges::COLUMNS as EDGE_COLUMNS;
pub(in crate::rows) use edges::EdgeMinutes;
pub(crate) use operations::COLUMNS as OPERATION_COLUMNS;
pub(in crate::rows) use operations::OperationMinutes;
