//! Recordings without a status: what failed is told by attributes.

#![allow(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use throughline_analysis::diagnosis::Incident;
use throughline_assembly::rules::RulesSettings;
use throughline_bank::FaultKind;

use self::common::{bank, settings};

/// Attributes by which the bank's spans tell of failures.
const TOLD: [&str; 4] =
    ["error.type", "http.response.status_code", "rpc.grpc.status_code", "db.response.status_code"];

/// What is found where each failed span has this attribute instead of its status and all else that tells of it.
fn incidents(rules: &RulesSettings, key: &str, value: &Value) -> Vec<Incident> {
    bank::incidents(rules, FaultKind::Errors, (540, 180), |request| {
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            span.attributes.retain(|attribute| !TOLD.contains(&attribute.key.as_str()));
            span.events.clear();
            if span.status.take().is_some_and(|status| status.code == 2) {
                let value = Some(AnyValue { value: Some(value.clone()) });
                span.attributes.push(KeyValue { key: key.to_owned(), value, ..KeyValue::default() });
            }
        }
    })
}

/// Whether an incident speaks of failures.
fn tells_of_failures(incidents: &[Incident]) -> bool {
    incidents
        .iter()
        .flat_map(|incident| &incident.suspects)
        .any(|suspect| suspect.evidence.iter().any(|said| said.contains("fail")))
}

#[test]
fn attributes_tell_of_failures() {
    let cases = [
        ("error", Value::BoolValue(true)),
        ("error", Value::StringValue("true".into())),
        ("otel.status_code", Value::StringValue("ERROR".into())),
        ("http.status_code", Value::IntValue(503)),
        ("rpc.grpc.status_code", Value::IntValue(14)),
    ];
    for (key, value) in cases {
        let found = incidents(&settings(), key, &value);
        assert!(tells_of_failures(&found), "{key}: {found:#?}");
    }
}

#[test]
fn not_where_the_configuration_says_that_only_a_status_counts() {
    let mut rules = settings();
    rules.traces.error_attributes = Some(false);
    let found = incidents(&rules, "error", &Value::BoolValue(true));
    assert!(!tells_of_failures(&found), "{found:#?}");
}

#[test]
fn an_error_of_the_client_is_none() {
    let found = incidents(&settings(), "http.status_code", &Value::IntValue(404));
    assert!(!tells_of_failures(&found), "{found:#?}");
}
