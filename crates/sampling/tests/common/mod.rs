//! Shorthands for policies and facts.
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod stream;

use serde_json::{Value, json};
use throughline_otlp::plan::Matcher;
use throughline_sampling::{
    MatcherTable, Offer, Options, Policies, PolicyFault, PolicySettings, Sampler, SpanQuestions, Transaction,
    TransactionFacts, status,
};

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
    Policies::compile_with(&settings(list), &Options::default(), &mut MatcherTable::default()).unwrap_err()
}

/// Any policies, with what they ask of spans.
pub(crate) fn compile_all(list: Value) -> (Policies, Vec<Matcher>, SpanQuestions) {
    let mut table = MatcherTable::default();
    let policies = Policies::compile_with(&settings(list), &Options::default(), &mut table).unwrap();
    let (matchers, questions) = table.into_parts();
    (policies, matchers, questions)
}

/// A healthy transaction of one short trace, with an id.
pub(crate) fn transaction(id: &str) -> Transaction<'_> {
    Transaction {
        facts: TransactionFacts { id, ..facts() },
        bytes: 1000,
        kind: "transfer",
        outcome: "ok",
        traces: 1,
        hops: 3,
        ..Transaction::default()
    }
}

/// What becomes of a transaction that is offered alone.
pub(crate) fn alone(policies: &Policies, transaction: &Transaction<'_>) -> (bool, Option<String>, f64) {
    let mut sampler = Sampler::new(policies);
    let decision = match sampler.offer(policies, transaction, 0) {
        Offer::Decided(decision) => decision,
        Offer::Pending(_) => sampler.flush(policies, 1_000_000_000).remove(0).decision,
    };
    (decision.keep, decision.policy.map(str::to_owned), decision.weight)
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
