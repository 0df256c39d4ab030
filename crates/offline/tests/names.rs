//! Operations that have an id in their names each time share one normal.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use std::time::Duration;

use prost::Message;
use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, Method};
use throughline_assembly::{rules::RulesSettings, time::SECOND};
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, TERMINAL, generate, to_otlp},
};
use throughline_offline::Diagnosing;

use self::common::settings;

const BASE: u64 = 1_767_225_600 * SECOND;
const PER_SECOND: f64 = 4.0;
/// From when on the ledger's database locks, and for how long, seconds.
const BAD: (u64, u64) = (300, 120);
/// What makes a transfer one stays as it is.
const KEPT: [&str; 2] = ["POST /transfers", TERMINAL];

/// What a lock brings where all other operations have a number in their names that never comes again.
fn incidents(without: Vec<Method>) -> Vec<Incident> {
    let fault = Fault::new(FaultKind::DatabaseLock, Duration::from_secs(BAD.0), Duration::from_secs(BAD.1));
    let options = PlanOptions {
        seed: 5,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults: vec![fault],
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let diagnosis = DiagnosisSettings { without, deployments: false, ..DiagnosisSettings::default() };
    let mut diagnosing = Diagnosing::new(&RulesSettings { diagnosis, ..settings() }).unwrap();
    let transfers = generate(&options, (PER_SECOND * (BAD.0 + BAD.1) as f64) as usize);
    let mut number = 10_000;
    for mut request in to_otlp(&transfers) {
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            number += 1;
            if !KEPT.contains(&span.name.as_str()) {
                span.name = format!("{}/{number}", span.name);
            }
        }
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        let time = spans.map(|span| span.end_time_unix_nano).max().unwrap();
        diagnosing.take(time, &request.encode_to_vec());
    }
    let mut incidents = diagnosing.finish().incidents;
    incidents.retain(|incident| incident.detected_at >= BASE + BAD.0 * SECOND);
    incidents
}

#[test]
fn names_with_ids_have_one_normal() {
    let incidents = incidents(Vec::new());
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert_eq!(incidents[0].suspects[0].service, "ledger");
}

#[test]
fn without_names_each_has_its_own_and_nothing_is_known() {
    let incidents = incidents(vec![Method::Names]);
    let named = incidents.iter().find(|incident| incident.suspects[0].service == "ledger");
    assert!(named.is_none(), "{named:#?}");
}
