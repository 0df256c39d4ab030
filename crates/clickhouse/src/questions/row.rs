//! A transaction as it is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One row of `transactions`. Times are Unix nanoseconds, durations nanoseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TransactionRow {
    /// Whose it is.
    pub tenant: String,
    /// Its id.
    pub transaction_id: String,
    /// All its business keys, sorted.
    pub keys: Vec<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it began.
    pub start: u64,
    /// When its last span ended.
    pub end: u64,
    /// From start to end.
    pub duration: u64,
    /// `ok`, `error` or `incomplete`.
    pub outcome: String,
    /// Why it is not `ok`.
    pub outcome_reason: String,
    /// Its traces, hex, sorted.
    pub trace_ids: Vec<String>,
    /// Distinct spans.
    pub spans: u32,
    /// Those with status Error.
    pub errors: u32,
    /// Services, sorted.
    pub services: Vec<String>,
    /// Departments, sorted.
    pub departments: Vec<String>,
    /// Whether its spans are kept.
    pub kept: bool,
    /// The policy that kept it.
    pub kept_by: String,
    /// Why it was kept or not.
    pub keep_reason: String,
    /// What each policy voted that voted anything.
    #[serde(default)]
    pub votes: BTreeMap<String, String>,
    /// How many like it there were.
    pub weight: f64,
    /// Spans whose bytes were gone when it was kept.
    pub spans_lost: u32,
    /// Sum of the shifts for clock skew.
    pub skew_corrected: u64,
    /// What closed it.
    pub closed_by: String,
    /// Attributes kept for every transaction.
    pub attributes: BTreeMap<String, String>,
    /// Its hops, in columns.
    pub hops: Hops,
}

/// Hops in columns, one entry a hop; what each means is as in the table.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the table's columns, under their names")]
pub struct Hops {
    pub department: Vec<String>,
    pub service: Vec<String>,
    pub operation: Vec<String>,
    pub version: Vec<String>,
    pub instance: Vec<String>,
    pub kind: Vec<String>,
    pub parent: Vec<i32>,
    pub count: Vec<u32>,
    pub start: Vec<i64>,
    pub duration: Vec<u64>,
    #[serde(rename = "self")]
    pub own: Vec<u64>,
    pub network: Vec<u64>,
    pub queue: Vec<u64>,
    pub critical: Vec<u64>,
    pub critical_network: Vec<u64>,
    pub critical_queue: Vec<u64>,
    pub errors: Vec<u32>,
}

/// What a row is read with.
pub(super) const COLUMNS: &str = "Tenant AS tenant, TransactionId AS transaction_id, Keys AS keys, Type AS type, \
    toUnixTimestamp64Nano(Start) AS start, toUnixTimestamp64Nano(End) AS end, Duration AS duration, Outcome AS outcome, \
    OutcomeReason AS outcome_reason, TraceIds AS trace_ids, Spans AS spans, Errors AS errors, Services AS services, \
    Departments AS departments, Kept AS kept, KeptBy AS kept_by, KeepReason AS keep_reason, Votes AS votes, Weight AS weight, \
    SpansLost AS spans_lost, SkewCorrected AS skew_corrected, ClosedBy AS closed_by, Attributes AS attributes, \
    CAST(tuple(Hops.Department, Hops.Service, Hops.Operation, Hops.Version, Hops.Instance, Hops.Kind, Hops.Parent, \
    Hops.Count, Hops.Start, Hops.Duration, Hops.Self, Hops.Network, Hops.Queue, Hops.Critical, Hops.CriticalNetwork, \
    Hops.CriticalQueue, Hops.Errors), 'Tuple(department Array(String), service Array(String), operation Array(String), \
    version Array(String), instance Array(String), kind Array(String), parent Array(Int32), count Array(UInt32), \
    start Array(Int64), duration Array(UInt64), self Array(UInt64), network Array(UInt64), queue Array(UInt64), \
    critical Array(UInt64), critical_network Array(UInt64), critical_queue Array(UInt64), errors Array(UInt32))') AS hops";
