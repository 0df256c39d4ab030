//! Shorthands for policies and facts.
#![allow(dead_code, reason = "each test file uses some of it")]

use serde_json::{Value, json};
use throughline_otlp::plan::Matcher;
use throughline_sampling::{MatcherTable, Policies, PolicyFault, PolicySettings, TransactionFacts, status};

/// Settings from JSON.
pub(crate) fn settings(list: Value) -> Vec<PolicySettings> {
    serde_json::from_value(list).unwrap()
}

/// Compiled policies and what they ask of attributes.
pub(crate) fn compile(list: Value) -> (Policies, Vec<Matcher>) {
    let mut matchers = MatcherTable::default();
    let policies = Policies::compile(&settings(list), &mut matchers).unwrap();
    (policies, matchers.into_matchers())
}

/// The faults of settings.
pub(crate) fn faults(list: Value) -> Vec<PolicyFault> {
    Policies::compile(&settings(list), &mut MatcherTable::default()).unwrap_err()
}

/// A policy named as its type.
pub(crate) fn policy(kind: &str, block: Value) -> Value {
    json!({"name": kind, "type": kind, kind: block})
}

/// Whether a single policy keeps.
pub(crate) fn keeps(policy: &Value, facts: &TransactionFacts<'_>) -> bool {
    compile(json!([policy])).0.decide(facts).keep
}

/// A healthy transaction of one short trace.
pub(crate) fn facts() -> TransactionFacts<'static> {
    TransactionFacts {
        id: "transfer-1",
        statuses: status::UNSET,
        spans: 3,
        longest_trace_ns: 10_000_000,
        duration_ns: 10_000_000,
        ..TransactionFacts::default()
    }
}
