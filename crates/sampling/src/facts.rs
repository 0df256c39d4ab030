//! What policies see of a transaction.

/// Bits of [`TransactionFacts::statuses`].
pub mod status {
    /// A span whose status is unset.
    pub const UNSET: u8 = 1;
    /// A span whose status is Ok.
    pub const OK: u8 = 1 << 1;
    /// A span whose status is Error.
    pub const ERROR: u8 = 1 << 2;
}

/// The facts of one transaction. What any span of any of its traces has, the transaction has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionFacts<'a> {
    /// Its final id: what draws are made by.
    pub id: &'a str,
    /// Bits of the matchers that any span or its resource answered with yes.
    pub matches: u64,
    /// Statuses seen on any span, see [`status`].
    pub statuses: u8,
    /// Spans of all traces.
    pub spans: u64,
    /// Duration of the longest trace, nanoseconds.
    pub longest_trace_ns: u64,
    /// Duration of the whole, waits included, nanoseconds.
    pub duration_ns: u64,
}
