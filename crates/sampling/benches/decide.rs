//! Decisions a second with 20 policies over facts, with 20 conditions in CEL, and with a limit and a sampler that adapts: `cargo bench -p throughline-sampling`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and fails by a panic")]

use std::{hint::black_box, time::Instant};

use serde_json::{Value, json};
use throughline_sampling::{
    MatcherTable, Offer, Options, Policies, PolicySettings, Sampler, Transaction, TransactionFacts, status,
};

const DECISIONS: u64 = 2_000_000;

/// Transactions that close in a second of log time.
const A_SECOND: u64 = 50_000;

fn main() {
    report("facts", &facts_only());
    report("conditions in CEL", &conditions());
    report("a limit and a sampler", &stateful());
}

fn facts_only() -> Vec<Value> {
    let mut list = vec![
        json!({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}),
        json!({"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}}),
        json!({"name": "rest", "type": "probabilistic", "probabilistic": {"sampling_percentage": 5}}),
        json!({"name": "probes", "type": "drop", "drop": {"drop_sub_policy": [
            {"name": "probe", "type": "string_attribute", "string_attribute": {"key": "url.path", "values": ["/health"]}},
            {"name": "share", "type": "probabilistic", "probabilistic": {"sampling_percentage": 99}}]}}),
    ];
    list.extend((0..16).map(|index| {
        json!({"name": format!("team-{index}"), "type": "and", "and": {"and_sub_policy": [
            {"name": "team", "type": "string_attribute", "string_attribute": {"key": "team", "values": [index.to_string()]}},
            {"name": "share", "type": "probabilistic", "probabilistic": {"sampling_percentage": 10 + index}}]}})
    }));
    list
}

fn conditions() -> Vec<Value> {
    let condition = |index: u64| {
        format!(
            "type == \"type-{index}\" && amount > {} && duration > duration(\"1s\") && \"treasury\" in departments",
            index * 1000
        )
    };
    (0..20)
        .map(
            |index| json!({"name": index.to_string(), "type": "cel", "cel": {"condition": condition(index)}}),
        )
        .collect()
}

fn stateful() -> Vec<Value> {
    vec![
        json!({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}}),
        json!({"name": "slow", "type": "latency", "latency": {"threshold_ms": 2000}}),
        json!({"name": "floor", "type": "floor", "floor": {"field_list": ["type"]}}),
        json!({"name": "keyed", "type": "ema_dynamic", "ema_dynamic": {"goal_sample_rate": 50, "field_list": ["type", "outcome"]}}),
        json!({"name": "limit", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 20_000}}),
    ]
}

fn report(about: &str, list: &[Value]) {
    let settings: Vec<PolicySettings> = serde_json::from_value(list.into()).expect("settings");
    let policies = Policies::compile_with(&settings, &Options::default(), &mut MatcherTable::default())
        .expect("policies");
    let ids: Vec<String> = (0..1024).map(|index| format!("00f067aa-0ba9-02b7-{index:016x}")).collect();
    let types: Vec<String> = (0..20).map(|index| format!("type-{index}")).collect();
    let mut sampler = Sampler::new(&policies);
    let begun = Instant::now();
    let mut kept = 0;
    for index in 0..DECISIONS {
        let transaction = Transaction {
            facts: TransactionFacts {
                id: &ids[index as usize % ids.len()],
                matches: 1 << (1 + index % 16),
                statuses: status::UNSET,
                spans: 25,
                longest_trace_ns: 100_000_000,
                duration_ns: 300_000_000,
            },
            bytes: 10_000,
            kind: &types[index as usize % types.len()],
            outcome: "ok",
            departments: &["payments", "treasury"],
            attributes: &[Some("12500.00")],
            ..Transaction::default()
        };
        let now = index * 1_000_000_000 / A_SECOND;
        for settled in sampler.window_end(&policies, now) {
            kept += u64::from(settled.decision.keep);
        }
        if let Offer::Decided(decision) = black_box(sampler.offer(&policies, black_box(&transaction), now)) {
            kept += u64::from(decision.keep);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{about}: {:.0} decisions a second with {} policies, {kept} of {DECISIONS} kept",
        DECISIONS as f64 / seconds,
        policies.names().count()
    );
}
