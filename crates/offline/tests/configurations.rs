//! A new configuration, named by an attribute of resources, is compared and suspected as a new version is; without a server too.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use std::time::Duration;

use prost::Message;
use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, SuspectKind, Thresholds};
use throughline_assembly::{rules::RulesSettings, time::SECOND};
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, generate, to_otlp},
};
use throughline_offline::Diagnosing;

use self::common::settings;

const BASE: u64 = 1_767_225_600 * SECOND;
const PER_SECOND: f64 = 4.0;
/// The bad one comes here and stays so long, seconds.
const NEW: (u64, u64) = (540, 240);

/// What a bad version of the fraud check brings; `name` is what resources call their version.
fn incidents(rules: &RulesSettings, name: &str) -> Vec<Incident> {
    let fault = Fault::new(FaultKind::BadVersion, Duration::from_secs(NEW.0), Duration::from_secs(NEW.1));
    let options = PlanOptions {
        seed: 5,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults: vec![fault],
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let mut diagnosing = Diagnosing::new(rules).unwrap();
    let transfers = generate(&options, (PER_SECOND * (NEW.0 + NEW.1) as f64) as usize);
    for mut request in to_otlp(&transfers) {
        let resources = request.resource_spans.iter_mut().filter_map(|spans| spans.resource.as_mut());
        for attribute in resources.flat_map(|resource| &mut resource.attributes) {
            if attribute.key == "service.version" {
                attribute.key = name.to_owned();
            }
        }
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        let time = spans.map(|span| span.end_time_unix_nano).max().unwrap();
        diagnosing.take(time, &request.encode_to_vec());
    }
    let mut incidents = diagnosing.finish().incidents;
    incidents.retain(|incident| incident.detected_at >= BASE + NEW.0 * SECOND);
    incidents
}

/// Only comparisons say anything.
fn comparisons_alone() -> RulesSettings {
    let thresholds = Thresholds { enabled: false, ..Thresholds::default() };
    let diagnosis = DiagnosisSettings { thresholds, ..DiagnosisSettings::default() };
    RulesSettings { diagnosis, change_attributes: vec!["app.config".to_owned()], ..settings() }
}

#[test]
fn a_bad_configuration_is_compared_and_blamed_without_a_server() {
    let incidents = incidents(&comparisons_alone(), "app.config");
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("fraud-check", SuspectKind::Configuration));
    assert!(incident.summary.starts_with("Configuration "), "{}", incident.summary);
}

#[test]
fn a_bad_version_is_compared_and_blamed_without_a_server() {
    let incidents = incidents(&comparisons_alone(), "service.version");
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("fraud-check", SuspectKind::Version));
    assert!(incident.summary.starts_with("Version "), "{}", incident.summary);
}

#[test]
fn the_whole_diagnosis_tells_of_it_once() {
    let rules = RulesSettings { diagnosis: DiagnosisSettings::default(), ..comparisons_alone() };
    let incidents = incidents(&rules, "app.config");
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("fraud-check", SuspectKind::Configuration));
    assert!(!first.version.is_empty());
    assert!(first.evidence.iter().any(|said| said.contains("is worse than")), "{:?}", first.evidence);
    let said = &incident.summary;
    assert!(
        said.contains("a change of its configuration, ") && said.contains("It came with a change"),
        "{said}"
    );
    assert!(!said.contains("its own work") && !said.contains("inside"), "{said}");
}
