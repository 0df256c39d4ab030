//! Operations that have an id in their names each time share one normal.

#![allow(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, Method};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::{FaultKind, plan::TERMINAL};

use self::common::{bank, settings};

/// What makes a transfer one stays as it is.
const KEPT: [&str; 2] = ["POST /transfers", TERMINAL];

/// What a lock brings where all other operations have a number in their names that never comes again.
fn incidents(without: Vec<Method>) -> Vec<Incident> {
    let diagnosis = DiagnosisSettings { without, deployments: false, ..DiagnosisSettings::default() };
    let rules = RulesSettings { diagnosis, ..settings() };
    let mut number = 10_000;
    bank::incidents(&rules, FaultKind::DatabaseLock, (300, 120), |request| {
        let scopes = request.resource_spans.iter_mut().flat_map(|resource| &mut resource.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            number += 1;
            if !KEPT.contains(&span.name.as_str()) {
                span.name = format!("{}/{number}", span.name);
            }
        }
    })
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
