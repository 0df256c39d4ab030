//! What policies see of a transaction.

use crate::trace_state::{Randomness, Threshold};

/// Bits of [`TransactionFacts::statuses`].
pub mod status {
    /// A span whose status is unset.
    pub const UNSET: u8 = 1;
    /// A span whose status is Ok.
    pub const OK: u8 = 1 << 1;
    /// A span whose status is Error.
    pub const ERROR: u8 = 1 << 2;
}

/// The facts of one transaction that the index of spans holds. What any span of any of its traces has, the transaction has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionFacts<'a> {
    /// Its final id: what draws are made by.
    pub id: &'a str,
    /// Bits of the questions that any span or its resource answered with yes.
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

/// The hop that most of the critical path was spent in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorstHop<'a> {
    /// Who owns it.
    pub department: &'a str,
    /// Its service.
    pub service: &'a str,
    /// Its operation.
    pub operation: &'a str,
    /// `own`, `database`, `partner`, `network` or `queue`.
    pub kind: &'a str,
    /// Its part of the critical path, nanoseconds.
    pub critical_ns: u64,
}

/// Everything that policies can ask of a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Transaction<'a> {
    /// What the index of spans holds.
    pub facts: TransactionFacts<'a>,
    /// Bytes of its spans in the log.
    pub bytes: u64,
    /// Its type.
    pub kind: &'a str,
    /// Its tenant.
    pub tenant: &'a str,
    /// `ok`, `error` or `incomplete`.
    pub outcome: &'a str,
    /// Its traces.
    pub traces: u64,
    /// Hops of its path.
    pub hops: u64,
    /// Departments that it crossed.
    pub departments: &'a [&'a str],
    /// Where most of the critical path was spent.
    pub worst: WorstHop<'a>,
    /// Its type has a terminal step, and that was not seen.
    pub missing_terminal: bool,
    /// How long such a transaction usually takes at this time, nanoseconds; `None` where that is not known.
    pub usual_ns: Option<u64>,
    /// Texts of the attributes that policies read, in the order of [`crate::Policies::attributes`].
    pub attributes: &'a [Option<&'a str>],
    /// `rv` of its trace state: the randomness that all samplers on its way share.
    pub randomness: Option<Randomness>,
    /// `th` of its trace state: how it was sampled before it came here.
    pub sampled_before: Option<Threshold>,
}

impl<'a> From<TransactionFacts<'a>> for Transaction<'a> {
    fn from(facts: TransactionFacts<'a>) -> Self {
        Self { facts, ..Self::default() }
    }
}

impl<'a> Transaction<'a> {
    /// The text of an attribute by its place in [`crate::Policies::attributes`].
    pub(crate) fn attribute(&self, slot: usize) -> Option<&'a str> {
        self.attributes.get(slot).copied().flatten()
    }
}
