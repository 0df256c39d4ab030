//! What the diagnosis is told: finished transactions, borrowed from whoever holds them.

use crate::HopKind;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It did what it was for, or nothing says otherwise.
    #[default]
    Ok,
    /// It failed.
    Error,
    /// A step that it should have had never came.
    Incomplete,
}

/// One finished transaction.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finished<'a> {
    /// Its id: a business key, or a trace id in hex.
    pub id: &'a str,
    /// Whose it is; empty where there is one tenant.
    pub tenant: &'a str,
    /// Its type. Baselines are held for each type of each tenant.
    pub transaction_type: &'a str,
    /// First start of any span, Unix nanoseconds.
    pub start: u64,
    /// Last end of any span, Unix nanoseconds.
    pub end: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// What says so: for an error the operation, for an incomplete one the step that is missing; may be empty.
    pub reason: &'a str,
    /// Its terminal step did not come in time.
    pub missing_terminal: bool,
    /// Money that it moved, in the currency of its own; `None` where it moves none or none is known.
    pub amount: Option<f64>,
    /// Who asked for it, to count those who are hit; empty where unknown.
    pub customer: &'a str,
    /// Its attributes, each key once.
    pub attributes: &'a [(&'a str, &'a str)],
    /// Its hops, each after its caller, neighbours in the order of their start.
    pub hops: &'a [FinishedHop<'a>],
}

/// One hop of a finished transaction, or several identical neighbours: then counts and times are sums. Times are nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FinishedHop<'a> {
    /// Who owns it.
    pub department: &'a str,
    /// Name of the service.
    pub service: &'a str,
    /// Name of the operation.
    pub operation: &'a str,
    /// Version of the service.
    pub version: &'a str,
    /// Instance of the service: a pod, say.
    pub instance: &'a str,
    /// Machine that it ran on; empty where unknown.
    pub host: &'a str,
    /// Revision of the service's configuration; empty where unknown.
    pub configuration: &'a str,
    /// Region that it ran in; empty where unknown, as the two below.
    pub region: &'a str,
    /// Zone of it.
    pub zone: &'a str,
    /// Cluster that it ran in.
    pub cluster: &'a str,
    /// What its own work is.
    pub kind: HopKind,
    /// Index of the calling hop, below this one's own; negative at a root.
    pub parent: i32,
    /// How many are folded here.
    pub count: u32,
    /// Start of the first, from the start of the transaction.
    pub start: i64,
    /// From its start to its end.
    pub duration: u64,
    /// Own time in which no child ran.
    pub self_time: u64,
    /// Time that the caller saw and the callee did not.
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

#[cfg(test)]
pub(crate) mod tests {
    use super::Finished;

    /// One with these attributes and no hops.
    pub(crate) fn finished<'a>(attributes: &'a [(&'a str, &'a str)]) -> Finished<'a> {
        Finished { id: "t", transaction_type: "type", start: 1, end: 2, attributes, ..Finished::default() }
    }
}
