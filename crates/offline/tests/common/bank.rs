//! What is found of the bank under a fault, where its requests are changed first.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use throughline_analysis::diagnosis::Incident;
use throughline_assembly::{rules::RulesSettings, time::SECOND};
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, generate, to_otlp},
};
use throughline_offline::Diagnosing;

const BASE: u64 = 1_767_225_600 * SECOND;
const PER_SECOND: f64 = 4.0;

/// Incidents from the fault on, which begins after so many seconds and lasts so many.
pub(crate) fn incidents(
    rules: &RulesSettings,
    kind: FaultKind,
    (after, lasts): (u64, u64),
    mut change: impl FnMut(&mut ExportTraceServiceRequest),
) -> Vec<Incident> {
    let fault = Fault::new(kind, Duration::from_secs(after), Duration::from_secs(lasts));
    let options = PlanOptions {
        seed: 5,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults: vec![fault],
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let mut diagnosing = Diagnosing::new(rules).unwrap();
    let transfers = generate(&options, (PER_SECOND * (after + lasts) as f64) as usize);
    for mut request in to_otlp(&transfers) {
        change(&mut request);
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        let time = spans.map(|span| span.end_time_unix_nano).max().unwrap();
        diagnosing.take(time, &request.encode_to_vec());
    }
    let mut incidents = diagnosing.finish().incidents;
    incidents.retain(|incident| incident.detected_at >= BASE + after * SECOND);
    incidents
}
