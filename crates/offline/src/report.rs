//! What a comparison tells: for programs as it stands, for people once it is drawn.

use serde::Serialize;

/// Bytes of a GiB.
const GIB: f64 = (1u64 << 30) as f64;

/// What the requests held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Recorded {
    /// Time of the first and of the last request, Unix nanoseconds.
    pub from: u64,
    /// As above.
    pub to: u64,
    /// Between them; at least 1.
    pub seconds: f64,
    /// Requests.
    pub requests: u64,
    /// Requests that a server would have refused.
    pub refused_requests: u64,
    /// Spans that were taken in.
    pub spans: u64,
    /// Spans that a server would have refused.
    pub refused_spans: u64,
    /// Transactions that they are of.
    pub transactions: u64,
    /// Bytes of their spans as protobuf.
    pub bytes: u64,
}

/// Sums of transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All.
    pub transactions: u64,
    /// Those whose spans are kept.
    pub kept: u64,
    /// Bytes of all.
    pub bytes: u64,
    /// Bytes of those that are kept.
    pub kept_bytes: u64,
}

/// What one set of rules comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Side {
    /// Sums.
    #[serde(flatten)]
    pub counts: Counts,
    /// Transactions whose spans are not kept.
    pub dropped: u64,
    /// Bytes that are kept a day, at the pace of what was recorded.
    pub bytes_per_day: f64,
    /// What they cost, in the currency of the price.
    pub cost_per_day: f64,
}

impl Side {
    pub(crate) fn new(counts: Counts, per_day: f64, price: f64) -> Self {
        let bytes_per_day = counts.kept_bytes as f64 * per_day;
        let dropped = counts.transactions - counts.kept;
        Self { counts, dropped, bytes_per_day, cost_per_day: bytes_per_day / GIB * price }
    }
}

/// A type, a policy or an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Under the rules of before; all 0 where there are none.
    pub old: Counts,
    /// Under the new ones.
    pub new: Counts,
    /// Transactions that the new rules keep and the old ones did not; 0 for a policy.
    pub newly_kept: u64,
    /// The other way round.
    pub newly_dropped: u64,
}

/// What a comparison tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// What the requests held.
    pub recorded: Recorded,
    /// Price of a GiB of spans that costs count with.
    pub price_per_gib: f64,
    /// The rules of before, where there are any.
    pub old: Option<Side>,
    /// The new ones.
    pub new: Side,
    /// By type of transaction.
    pub types: Vec<Line>,
    /// By the policy that kept.
    pub policies: Vec<Line>,
    /// By outcome.
    pub outcomes: Vec<Line>,
    /// Some transactions that the new rules keep and the old ones did not.
    pub newly_kept: Vec<String>,
    /// The other way round.
    pub newly_dropped: Vec<String>,
}
