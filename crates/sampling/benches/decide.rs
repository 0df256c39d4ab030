//! Decisions a second with 20 policies: `cargo bench -p throughline-sampling`.
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints, and fails by a panic")]

use std::{hint::black_box, time::Instant};

use serde_json::json;
use throughline_sampling::{MatcherTable, Policies, PolicySettings, TransactionFacts, status};

const DECISIONS: u64 = 2_000_000;

fn main() {
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
    let settings: Vec<PolicySettings> = serde_json::from_value(list.into()).expect("settings");
    let policies = Policies::compile(&settings, &mut MatcherTable::default()).expect("policies");
    let ids: Vec<String> = (0..1024).map(|index| format!("00f067aa-0ba9-02b7-{index:016x}")).collect();
    let begun = Instant::now();
    let mut kept = 0;
    for index in 0..DECISIONS {
        let facts = TransactionFacts {
            id: &ids[index as usize % ids.len()],
            matches: 1 << (1 + index % 16),
            statuses: status::UNSET,
            spans: 25,
            longest_trace_ns: 100_000_000,
            duration_ns: 300_000_000,
        };
        kept += u64::from(black_box(policies.decide(black_box(&facts))).keep);
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{:.0} decisions a second with {} policies, {kept} of {DECISIONS} kept",
        DECISIONS as f64 / seconds,
        list_len(&policies)
    );
}

fn list_len(policies: &Policies) -> usize {
    policies.names().count()
}
