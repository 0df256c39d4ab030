//! A row of `transactions` as it stands in the store.

use std::collections::HashMap;

use serde::Deserialize;
use throughline_harness::Server;

/// One transaction. Times in nanoseconds, `start` since 1970.
#[derive(Debug, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) keys: Vec<String>,
    pub(crate) kind: String,
    pub(crate) start: u64,
    pub(crate) duration: u64,
    pub(crate) outcome: String,
    pub(crate) traces: Vec<String>,
    pub(crate) spans: u64,
    pub(crate) errors: u64,
    pub(crate) departments: Vec<String>,
    pub(crate) services: Vec<String>,
    pub(crate) closed_by: String,
    pub(crate) skew: u64,
    /// In the order of the columns below.
    hops: Vec<HopRow>,
}

type HopRow = (String, String, String, String, String, String, i32, u64, Vec<i64>);

/// One hop of a row.
#[derive(Clone, Debug)]
pub(crate) struct HopOf {
    pub(crate) department: String,
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) version: String,
    pub(crate) instance: String,
    pub(crate) kind: String,
    /// Index in the row's hops, -1 at a root.
    pub(crate) parent: i32,
    pub(crate) count: u64,
    /// Start, duration, self, network, queue, critical, critical network, critical queue, errors: in this order.
    pub(crate) figures: Vec<i64>,
}

const SQL: &str = "SELECT TransactionId AS id, Keys AS keys, Type AS kind, toUnixTimestamp64Nano(Start) AS start, Duration AS duration, Outcome AS outcome, \
    TraceIds AS traces, Spans AS spans, Errors AS errors, Departments AS departments, Services AS services, ClosedBy AS closed_by, SkewCorrected AS skew, \
    arrayMap((d, s, o, v, i, k, p, c, f) -> (d, s, o, v, i, k, p, c, f), Hops.Department, Hops.Service, Hops.Operation, Hops.Version, Hops.Instance, Hops.Kind, \
    Hops.Parent, Hops.Count, arrayMap((a, b, c, d, e, f, g, h, i) -> [a, toInt64(b), toInt64(c), toInt64(d), toInt64(e), toInt64(f), toInt64(g), toInt64(h), \
    toInt64(i)], Hops.Start, Hops.Duration, Hops.Self, Hops.Network, Hops.Queue, Hops.Critical, Hops.CriticalNetwork, Hops.CriticalQueue, Hops.Errors)) AS hops \
    FROM transactions FORMAT JSONEachRow \
    SETTINGS output_format_json_quote_64bit_integers = 0, output_format_json_named_tuples_as_objects = 0";

/// All rows, by their id. Two rows of one id are a fault of their own.
pub(crate) async fn rows(server: &Server) -> HashMap<String, Row> {
    let text = server.query(SQL).await;
    let mut rows = HashMap::new();
    for line in text.lines() {
        let row: Row = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = row.id.clone();
        assert!(rows.insert(id.clone(), row).is_none(), "{id} has two rows");
    }
    rows
}

impl Row {
    /// Its hops, in their order.
    pub(crate) fn hops(&self) -> Vec<HopOf> {
        let hop = |row: &HopRow| {
            let (department, service, operation, version, instance, kind, parent, count, figures) =
                row.clone();
            HopOf { department, service, operation, version, instance, kind, parent, count, figures }
        };
        self.hops.iter().map(hop).collect()
    }
}
