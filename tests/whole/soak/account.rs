//! The store's account of all transfers against the bank's.

use std::{
    collections::HashMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde::Deserialize;
use throughline_harness::Server;

use super::{
    SHARE, SLOW,
    rough::{Sent, Told, TraceOf},
};

/// Exceptions that are printed; all are counted.
const PRINTED: usize = 40;

/// Times may differ from the bank's by a millisecond.
const TOLERANCE: u64 = 1_000_000;

#[derive(Debug, Deserialize)]
struct Row {
    id: String,
    traces: Vec<String>,
    outcome: String,
    start: u64,
    duration: u64,
    spans: u64,
    errors: u64,
    kept: bool,
    kept_by: String,
    weight: f64,
    lost: u64,
    closed_by: String,
}

const ROWS: &str = "SELECT TransactionId AS id, TraceIds AS traces, Outcome AS outcome, toUnixTimestamp64Nano(Start) AS start, Duration AS duration, \
    Spans AS spans, Errors AS errors, Kept AS kept, KeptBy AS kept_by, Weight AS weight, SpansLost AS lost, ClosedBy AS closed_by FROM transactions \
    FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0";

/// What lies in the store of one trace.
#[derive(Debug, Deserialize)]
struct Stored {
    trace: String,
    spans: u64,
    distinct: u64,
    ids: u64,
    /// The transactions that its spans name.
    of: Vec<String>,
}

const STORED: &str = "SELECT TraceId AS trace, count() AS spans, uniqExact(SpanId) AS distinct, \
    sumWithOverflow(reinterpretAsUInt64(reverse(unhex(SpanId)))) AS ids, groupUniqArray(TransactionId) AS of FROM otel_traces GROUP BY TraceId \
    FORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0";

/// Sums by minute and operation, as they are told, and as the rows have them.
const MINUTES: &str = "SELECT * FROM (SELECT Minute, Service, Operation, Version, sum(Told.1) AS Count, sum(Told.2) AS Errors, sum(Told.3) AS Duration, \
    sum(Told.4) AS Self, sum(Told.5) AS Critical FROM \
    (SELECT Minute, Service, Operation, Version, (Count, Errors, Duration, Self, Critical) AS Told FROM operation_minutes UNION ALL \
    SELECT toStartOfMinute(fromUnixTimestamp64Nano(toUnixTimestamp64Nano(Start) + H.1, 'UTC')) AS Minute, H.2 AS Service, H.3 AS Operation, H.4 AS Version, \
    (-toInt64(H.5), -toInt64(H.6), -toInt64(H.7), -toInt64(H.8), -toInt64(H.9)) AS Told FROM transactions \
    ARRAY JOIN arrayZip(Hops.Start, Hops.Service, Hops.Operation, Hops.Version, Hops.Count, Hops.Errors, Hops.Duration, Hops.Self, Hops.Critical) AS H) \
    GROUP BY Minute, Service, Operation, Version) WHERE (Count, Errors, Duration, Self, Critical) != (0, 0, 0, 0, 0)";

fn parsed<T: for<'a> Deserialize<'a>>(text: &str) -> Vec<T> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

/// Waits until all that was sent is in rows, and all that rows say is stored is. Where that never comes, the account says what is missing.
pub(crate) async fn settled(server: &Server, sent: &Sent, patience: Duration) {
    let until = Instant::now() + patience;
    let wanted = format!("{}\t{}", sent.transfers.len(), sent.spans);
    while Instant::now() < until {
        let rows = server.try_query("SELECT count(), sum(Spans) FROM transactions").await;
        if rows.as_ref() == Some(&wanted) {
            let stored =
                "SELECT (SELECT count() FROM otel_traces) = (SELECT sumIf(Spans, Kept) FROM transactions)";
            if server.try_query(stored).await.as_deref() == Some("1") {
                return;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Compares everything; panics where anything is not as the bank knows it.
pub(crate) async fn check(server: &Server, sent: &Sent) {
    let mut wrong = Wrong::default();
    let rows: Vec<Row> = parsed(&server.query(ROWS).await);
    let stored: Vec<Stored> = parsed(&server.query(STORED).await);
    let mut by_id: HashMap<&str, &Row> = HashMap::new();
    for row in &rows {
        if by_id.insert(&row.id, row).is_some() {
            wrong.add(&row.id, "it has two rows");
        }
    }
    let mut stored: HashMap<&str, &Stored> =
        stored.iter().map(|trace| (trace.trace.as_str(), trace)).collect();
    for told in &sent.transfers {
        let Some(row) = by_id.remove(told.uetr.as_str()) else {
            wrong.add(&told.uetr, "it has no row");
            continue;
        };
        let traces: Vec<_> = told.traces.keys().map(|trace| stored.remove(trace.as_str())).collect();
        let is_joined = traces.iter().flatten().any(|trace| trace.of.iter().any(|name| *name != row.id));
        compare(row, told, is_joined, &mut wrong);
        for ((trace, spans), stored) in told.traces.iter().zip(traces) {
            compare_trace(row, spans, (trace, stored), &mut wrong);
        }
    }
    by_id.values().for_each(|row| wrong.add(&row.id, format!("a row of no transfer: {row:?}")));
    stored.values().for_each(|trace| wrong.add(&trace.trace, format!("spans of no transfer: {trace:?}")));
    let minutes = server.query(&format!("{MINUTES} LIMIT {PRINTED}")).await;
    minutes.lines().for_each(|minute| wrong.add("operation_minutes", format!("differs by {minute}")));
    let doubled = server.count("SELECT count() - uniqExact(Name) FROM batches").await;
    if doubled > 0 {
        wrong.add("batches", format!("{doubled} are told twice"));
    }
    compare_share(&rows, &mut wrong);
    wrong.assert_none(sent.transfers.len());
}

fn compare(row: &Row, told: &Told, is_joined: bool, wrong: &mut Wrong) {
    let mut same = |what: &str, stored: &dyn std::fmt::Debug, wanted: &dyn std::fmt::Debug| {
        let (stored, wanted) = (format!("{stored:?}"), format!("{wanted:?}"));
        if stored != wanted {
            wrong.add(
                &told.uetr,
                format!("{what}: {stored}, not {wanted} ({}, {})", row.closed_by, row.kept_by),
            );
        }
    };
    same("traces", &row.traces, &told.traces.keys().collect::<Vec<_>>());
    same("outcome", &row.outcome, &told.outcome);
    same("spans", &row.spans, &told.traces.values().map(|trace| trace.spans).sum::<u64>());
    same("errors", &row.errors, &told.errors);
    same("start", &row.start, &told.start);
    same("duration", &(row.duration.abs_diff(told.duration) <= TOLERANCE), &true);
    same("spans lost", &row.lost, &0);
    same("named by what kept it", &!row.kept_by.is_empty(), &row.kept);
    // Policies that keep whatever they see: errors, and what is slow. Of the rest a share is kept, and stands for all.
    let is_sure = told.errors > 0 || told.duration >= SLOW.as_nanos() as u64;
    same("kept, or drawn", &(row.kept || !is_sure), &true);
    // What the draw of a name of before kept stays, and stands for nothing.
    let by_name_of_before = row.kept && !is_sure && is_joined && row.weight == 0.0;
    let weight = match (row.kept, is_sure) {
        (false, _) => 0.0,
        _ if by_name_of_before => 0.0,
        (true, true) => 1.0,
        (true, false) => 1.0 / SHARE,
    };
    same("weight", &row.weight, &weight);
}

fn compare_trace(row: &Row, told: &TraceOf, (id, stored): (&str, Option<&Stored>), wrong: &mut Wrong) {
    match stored {
        None if row.kept => {
            wrong.add(&row.id, format!("kept by {}, but nothing of trace {id} is stored", row.kept_by));
        }
        None => {}
        Some(stored) if !row.kept => wrong.add(&row.id, format!("dropped, but stored: {stored:?}")),
        Some(stored) => {
            let found = TraceOf { spans: stored.distinct, ids: stored.ids };
            if found != *told || stored.spans != told.spans {
                wrong.add(&row.id, format!("of {told:?} there is {stored:?}"));
            }
            // What was written before its key was known has the name of then.
            if stored.of.iter().any(|name| *name != row.id && !row.traces.contains(name)) {
                wrong.add(&row.id, format!("spans of trace {id} name {:?}", stored.of));
            }
        }
    }
}

/// Of what no policy is sure of, the share that is kept is the policy's, within four standard deviations.
fn compare_share(rows: &[Row], wrong: &mut Wrong) {
    let rest: Vec<&Row> = rows.iter().filter(|row| row.weight != 1.0).collect();
    let kept = rest.iter().filter(|row| row.weight > 0.0).count() as f64;
    let count = rest.len() as f64;
    if (kept - count * SHARE).abs() > 4.0 * (count * SHARE * (1.0 - SHARE)).sqrt() {
        wrong.add("share", format!("{kept} of {count} are kept"));
    }
}

/// What is not as it should be.
#[derive(Default)]
struct Wrong {
    count: usize,
    text: String,
}

impl Wrong {
    fn add(&mut self, who: &str, what: impl std::fmt::Display) {
        self.count += 1;
        if self.count <= PRINTED {
            let _infallible = writeln!(self.text, "{who}: {what}");
        }
    }

    fn assert_none(self, transfers: usize) {
        assert!(self.count == 0, "{} exceptions in {transfers} transfers:\n{}", self.count, self.text);
    }
}
