//! What a server would have made of recorded requests comes out, in the time of the requests.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message;
use throughline_assembly::{
    records::{ClosedBy, Outcome, Transaction},
    rules::{RulesSettings, SamplingSettings, TraceSettings, TransactionSettings, TypeSettings},
    time::SECOND,
};
use throughline_offline::{Comparison, Event, MAX_GAP, Offline, Report};

const BASE: u64 = 1_700_000_000 * SECOND;

fn settings() -> RulesSettings {
    RulesSettings {
        partitions: 4,
        traces: TraceSettings {
            quiet_time: 5 * SECOND,
            quiet_time_without_root: 30 * SECOND,
            max_age: 600 * SECOND,
            max_spans: 1000,
            max_skew: SECOND,
            error_attributes: None,
        },
        partners: Vec::new(),
        departments: Vec::new(),
        network_department: None,
        database_department: None,
        transactions: TransactionSettings {
            keys: vec!["payment.uetr".into(), "bank.transfer.id".into()],
            links: true,
            quiet_time: 30 * SECOND,
            max_age: 3600 * SECOND,
            max_traces: 100,
            types: vec![TypeSettings {
                name: "transfer".into(),
                matches: r#"root.name == "POST /transfers""#.into(),
                terminal: Some(r#"span.name == "settle""#.into()),
                settle: 10 * SECOND,
                max_age: None,
                deadline: None,
            }],
            attributes: Vec::new(),
        },
        policies: serde_json::from_str(
            r#"[{"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}}]"#,
        )
        .unwrap(),
        sampling: SamplingSettings::default(),
        diagnosis: throughline_analysis::diagnosis::DiagnosisSettings::default(),
        change_attributes: Vec::new(),
        batch_rows: 1000,
        batch_delay: 5 * SECOND,
        retention: 7200 * SECOND,
    }
}

/// A request of one span, a second long, that ends at `end` seconds. Traces 1 and 2 are of one transfer, 3 and 4 of another, and so on.
fn request(trace: u8, name: &str, end: u64, failed: bool) -> Vec<u8> {
    request_of(trace, name, end, failed, &[("payment.uetr", &format!("U{}", trace.div_ceil(2)))])
}

fn request_of(trace: u8, name: &str, end: u64, failed: bool, attributes: &[(&str, &str)]) -> Vec<u8> {
    let text = |key: &str, value: &str| KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(Value::StringValue(value.into())) }),
        ..KeyValue::default()
    };
    let span = Span {
        trace_id: vec![trace; 16],
        span_id: u64::from(trace).to_be_bytes().to_vec(),
        name: name.into(),
        kind: 2,
        start_time_unix_nano: BASE + (end - 1) * SECOND,
        end_time_unix_nano: BASE + end * SECOND,
        attributes: attributes.iter().map(|(key, value)| text(key, value)).collect(),
        status: Some(Status { code: if failed { 2 } else { 0 }, ..Status::default() }),
        ..Span::default()
    };
    let resource = Resource { attributes: vec![text("service.name", "bff")], ..Resource::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// What comes of requests that come as their spans end: rows with their version, bytes and time in seconds.
fn rows(requests: &[(u8, &str, u64, bool)]) -> Vec<(Transaction, u32, u64, u64)> {
    let mut rows = Vec::new();
    let mut see = |event: Event<'_>| {
        if let Event::Closed { closed, row, bytes, at } = event {
            rows.push((row.clone(), closed.version, bytes, (at - BASE) / SECOND));
        }
    };
    let mut offline = Offline::new(&settings()).unwrap();
    for (trace, name, end, failed) in requests {
        let taken = offline.take("", BASE + end * SECOND, &request(*trace, name, *end, *failed), &mut see);
        assert_eq!(taken.unwrap().spans, 1);
    }
    offline.finish(&mut see);
    rows
}

#[test]
fn traces_of_one_key_are_one_transaction_that_closes_in_the_time_of_the_requests() {
    let rows =
        rows(&[(1, "POST /transfers", 1, false), (2, "settle", 9, false), (3, "POST /transfers", 10, true)]);
    assert_eq!(rows.len(), 2, "{rows:#?}");
    let (row, version, bytes, at) = &rows[0];
    assert_eq!((row.transaction_id.as_str(), row.trace_ids.len(), *version), ("U1", 2, 1));
    assert_eq!((row.r#type.as_str(), row.outcome(), row.kept), ("transfer", Outcome::Ok, false));
    let sent = request(1, "POST /transfers", 1, false).len() + request(2, "settle", 9, false).len();
    assert!(*bytes > 100 && *bytes < sent as u64, "{bytes} of {sent}: spans without their resources");
    // The second trace is quiet for 5 s at 14 s, and 10 s later its terminal step has settled.
    assert!((23..=27).contains(at), "{at}");
    let (row, _, _, at) = &rows[1];
    assert_eq!(
        (row.transaction_id.as_str(), row.outcome(), row.kept_by.as_str()),
        ("U2", Outcome::Error, "errors")
    );
    assert!((3600..3640).contains(at), "its terminal step never came: {at}");
}

#[test]
fn what_comes_late_amends() {
    let rows = rows(&[(1, "settle", 1, false), (3, "settle", 60, false), (2, "late", 61, true)]);
    let of_first: Vec<_> = rows.iter().filter(|(row, ..)| row.transaction_id == "U1").collect();
    assert_eq!(of_first.len(), 2, "{rows:#?}");
    assert!(!of_first[0].0.kept);
    assert_eq!((of_first[1].1, of_first[1].0.trace_ids.len(), of_first[1].0.kept), (2, 2, true));
}

/// Two transactions of different keys are closed when a third trace, with both keys, says that they are one.
#[test]
fn what_turns_out_to_be_one_transaction_is_one_row_and_the_other_is_taken_back() {
    let mut rows = std::collections::BTreeMap::new();
    let mut taken_back = 0;
    let mut see = |event: Event<'_>| {
        if let Event::Closed { closed, row, .. } = event {
            if closed.row.is_none() {
                taken_back += 1;
                rows.remove(&row.transaction_id);
            } else {
                rows.insert(row.transaction_id.clone(), row.trace_ids.len());
            }
        }
    };
    let (uetr, id) = (("payment.uetr", "U"), ("bank.transfer.id", "T"));
    let mut offline = Offline::new(&settings()).unwrap();
    for (trace, end, attributes) in [(1, 1, &[uetr][..]), (2, 2, &[id]), (3, 100, &[uetr, id])] {
        let request = request_of(trace, "GET /", end, false, attributes);
        offline.take("", BASE + end * SECOND, &request, &mut see).unwrap();
    }
    offline.finish(&mut see);
    assert_eq!((rows.into_iter().collect::<Vec<_>>(), taken_back), (vec![("U".to_owned(), 3)], 1));
}

#[test]
fn what_comes_after_all_is_forgotten_is_a_row_of_its_own() {
    let rows = rows(&[(1, "settle", 1, false), (5, "settle", 4000, false), (2, "late", 4001, false)]);
    let late: Vec<_> = rows.iter().filter(|(row, ..)| row.closed_by() == ClosedBy::Late).collect();
    assert_eq!(late.len(), 1, "{rows:#?}");
    assert!(late[0].0.transaction_id.starts_with("U1@") && late[0].0.trace_ids.len() == 1);
}

#[test]
fn days_without_a_request_pass() {
    let days = 10 * 24 * 3600;
    let rows = rows(&[(1, "GET /", 1, false), (3, "GET /", days, false)]);
    assert_eq!(rows.len(), 2);
    assert!(rows[0].3 < MAX_GAP / SECOND * 10 && rows[1].3 >= days, "{rows:?}");
}

#[test]
fn a_request_that_is_none_is_refused_and_what_follows_is_taken() {
    let mut offline = Offline::new(&settings()).unwrap();
    let mut closed = 0;
    let mut see = |event: Event<'_>| closed += u64::from(matches!(event, Event::Closed { .. }));
    assert!(offline.take("", BASE, b"\x0a\xff", &mut see).is_err());
    offline.take("", BASE + SECOND, &request(1, "GET /", 1, false), &mut see).unwrap();
    offline.finish(&mut see);
    assert_eq!(closed, 1);
}

/// Requests under the rules of before, which keep errors, and under others.
fn compared(old: Option<&RulesSettings>, policies: &str) -> Report {
    let new = RulesSettings { policies: serde_json::from_str(policies).unwrap(), ..settings() };
    let mut comparison = Comparison::new(old, &new).unwrap();
    for trace in 0..40u8 {
        let name = if trace % 4 == 0 { "POST /transfers" } else { "GET /" };
        let end = u64::from(trace) * 60 + 1;
        comparison.take("", BASE + end * SECOND, &request(trace * 2 + 2, name, end, trace % 10 == 0));
    }
    comparison.take("", BASE, b"\x0a\xff");
    comparison.finish(0.5)
}

#[test]
fn two_sets_of_rules_are_compared_over_the_same_requests() {
    let all = r#"[{"name":"transfers","type":"latency","latency":{"threshold_ms":1}}]"#;
    let report = compared(Some(&settings()), all);
    let recorded = report.recorded;
    assert_eq!((recorded.requests, recorded.refused_requests, recorded.transactions), (41, 1, 40));
    let old = report.old.unwrap();
    assert_eq!((old.counts.kept, old.dropped, report.new.counts.kept, report.new.dropped), (4, 36, 40, 0));
    assert_eq!((report.newly_kept.len(), report.newly_dropped.len()), (5, 0));
    let names: Vec<_> = report.types.iter().map(|line| line.name.as_str()).collect();
    assert_eq!(names, ["bff GET /", "transfer"]);
    let transfers = &report.types[1];
    assert_eq!((transfers.new.transactions, transfers.old.kept, transfers.newly_kept), (10, 2, 8));
    let policies: Vec<_> =
        report.policies.iter().map(|line| (line.name.as_str(), line.old.kept, line.new.kept)).collect();
    assert_eq!(policies, [("transfers", 0, 40), ("errors", 4, 0)]);
    let failed = report.outcomes.iter().find(|line| line.name == "error").unwrap();
    assert_eq!((failed.old.kept, failed.new.kept, failed.new.transactions), (4, 4, 4));
    // 40 minutes were recorded: a day has 36 times as much, and half of a GiB's price a GiB.
    assert!((recorded.seconds - 2340.0).abs() < 2.0, "{recorded:?}");
    let per_day = recorded.bytes as f64 * 86_400.0 / recorded.seconds;
    assert!((report.new.bytes_per_day - per_day).abs() < 1.0, "{report:?}");
    assert!((report.new.cost_per_day - per_day / f64::from(1 << 30) * 0.5).abs() < 1e-9);
}

#[test]
fn without_rules_of_before_nothing_is_compared() {
    let none = r#"[{"name":"slow","type":"latency","latency":{"threshold_ms":60000}}]"#;
    let report = compared(None, none);
    assert!(report.old.is_none() && report.newly_kept.is_empty() && report.newly_dropped.is_empty());
    assert_eq!((report.new.counts.kept, report.new.dropped), (0, 40));
    let report = compared(Some(&settings()), none);
    assert_eq!((report.newly_kept.len(), report.newly_dropped.len()), (0, 4));
}
