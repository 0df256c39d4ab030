//! Sums of transactions' hops by minute, as signed counts: an amendment adds the exact negative of what it replaces, then what replaces it.

mod edges;
mod operations;
mod sums;

pub(crate) use edges::COLUMNS as EDGE_COLUMNS;
pub use edges::EdgeMinutes;
pub(crate) use operations::COLUMNS as OPERATION_COLUMNS;
pub use operations::OperationMinutes;
