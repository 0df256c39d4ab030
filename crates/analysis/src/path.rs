//! What the analysis answers.

/// Hops that a path lists, the one called `other` included: a row stays small, and a person reads no more.
pub const MAX_HOPS: usize = 128;

/// What a hop's own work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum HopKind {
    /// The service's own.
    #[default]
    Own = 0,
    /// A database's.
    Database = 1,
    /// Nothing but the network.
    Network = 2,
    /// Nothing but a wait in a queue.
    Queue = 3,
    /// A partner's.
    Partner = 4,
}

/// One hop, or several identical neighbours folded into one: then counts, errors and times are their sums. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hop {
    /// Who owns it.
    pub department: u32,
    /// The callee's, or the caller's for a database or a partner.
    pub service: u32,
    /// Name of the span; the callee's where caller and callee are one hop.
    pub operation: u32,
    /// Version of the service.
    pub version: u32,
    /// Instance of the service.
    pub instance: u32,
    /// Machine that it ran on: `host.name`; 0 where the span does not say.
    pub host: u32,
    /// What its own work is.
    pub kind: HopKind,
    /// Index of the calling hop, always below this one's own; -1 at a root.
    pub parent: i32,
    /// How many are folded here.
    pub count: u32,
    /// Start of the first, from the start of the transaction.
    pub start: i64,
    /// From its start to its end, the network included where the caller's side was seen, waits before its start not.
    pub duration: u64,
    /// Own time in which no child ran, network and queue not included.
    pub self_time: u64,
    /// Time that the caller saw and the callee did not, both ways.
    pub network: u64,
    /// Wait before it started.
    pub queue: u64,
    /// Its time on the critical path, network and queue included.
    pub critical: u64,
    /// How much of `network` lies on the critical path.
    pub critical_network: u64,
    /// How much of `queue` lies on the critical path.
    pub critical_queue: u64,
    /// How many of `count` failed.
    pub errors: u32,
}

/// The path of one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Earliest start of any span after correction of skew, Unix nanoseconds.
    pub start: u64,
    /// Latest end of any span after correction of skew, Unix nanoseconds.
    pub end: u64,
    /// All hops, each after its caller, neighbours in the order of their start; the sum of `critical` is `end - start`.
    pub hops: Vec<Hop>,
    /// For each input span, the nanoseconds in which none of its children ran.
    pub span_self: Vec<u64>,
    /// For each input span, its nanoseconds on the critical path between its own start and end: waits before its start are the hop's only.
    pub span_critical: Vec<u64>,
    /// For each trace the index of its root among the input spans: the earliest that has no parent here. `u32::MAX` for a trace without spans.
    pub roots: Vec<u32>,
    /// The trace whose root started first; 0 where there are no spans.
    pub first_trace: u32,
    /// Sum of the absolute shifts of subtrees moved for clock skew, nanoseconds.
    pub skew_corrected: u64,
    /// Subtrees that would have had to move by more than the limit and were left where they were.
    pub skew_refused: u32,
}
