//! A new configuration, named by an attribute of resources, is compared and suspected as a new version is; without a server too.

#![allow(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, SuspectKind, Thresholds};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::FaultKind;

use self::common::{bank, settings};

/// What a bad version of the fraud check brings; `name` is what resources call their version.
fn incidents(rules: &RulesSettings, name: &str) -> Vec<Incident> {
    bank::incidents(rules, FaultKind::BadVersion, (540, 240), |request| {
        let resources = request.resource_spans.iter_mut().filter_map(|spans| spans.resource.as_mut());
        for attribute in resources.flat_map(|resource| &mut resource.attributes) {
            if attribute.key == "service.version" {
                attribute.key = name.to_owned();
            }
        }
    })
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
