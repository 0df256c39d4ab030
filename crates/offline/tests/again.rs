//! A recording that begins with a fault, read twice.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use std::time::Duration;

use prost::Message;
use throughline_analysis::diagnosis::Incident;
use throughline_assembly::time::SECOND;
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, generate, to_otlp},
};
use throughline_offline::{Diagnosing, LOOKS};

use self::common::settings;

const BASE: u64 = 1_767_225_600 * SECOND;
const PER_SECOND: f64 = 4.0;
const LASTS: u64 = 150;
const ALL: u64 = 900;

/// What is found while the security scan is slow, from the first transfer on, in the last of so many looks.
fn incidents(looks: u32) -> Vec<Incident> {
    let fault = Fault::new(FaultKind::SecurityScanSlow, Duration::ZERO, Duration::from_secs(LASTS));
    let options = PlanOptions {
        seed: 11,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults: vec![fault],
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let transfers = generate(&options, (PER_SECOND * ALL as f64) as usize);
    let mut diagnosing = Diagnosing::new(&settings()).unwrap();
    for look in 0..looks {
        if look > 0 {
            diagnosing = diagnosing.look_again().unwrap();
        }
        for request in to_otlp(&transfers) {
            let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
            let time = spans.map(|span| span.end_time_unix_nano).max().unwrap();
            diagnosing.take(time, &request.encode_to_vec());
        }
    }
    let diagnosed = diagnosing.finish();
    assert!(diagnosed.transactions > 0 && diagnosed.transactions <= transfers.len() as u64, "of one look");
    let mut incidents = diagnosed.incidents;
    incidents.retain(|incident| incident.detected_at < BASE + LASTS * SECOND);
    incidents
}

/// Scenario: the first two and a half minutes of a recording are hit by a fault, the rest is healthy.
/// Guarantee: one look says nothing of them, two name the department whose fault it is.
#[test]
fn a_fault_at_the_beginning_is_found_in_the_second_look() {
    assert!(incidents(1).is_empty());
    let incidents = incidents(LOOKS);
    let first = incidents.first().and_then(|incident| incident.suspects.first());
    assert_eq!(first.map(|first| first.service.as_str()), Some("security-scan"), "{incidents:#?}");
}
