//! Every policy, driven by the folds from spans on the wire to the stored decision.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod common;

use std::{collections::HashMap, sync::Arc};

use common::{
    World, quick_rules,
    traffic::{Seeded, Traffic, request, run},
};
use serde_json::{Value, json};
use throughline_assembly::records::Closed;

/// A policy named as its type.
fn policy(kind: &str, block: Value) -> Value {
    json!({"name": kind, "type": kind, kind: block})
}

/// What was sent, and what was decided of each, under these policies.
fn decided(policies: Value) -> Vec<(Traffic, Arc<Closed>)> {
    let mut world = World::new(quick_rules(policies, |_| ()));
    let sent = run(&mut world, 7, 12, 60);
    let mut rows = world.rows();
    assert_eq!(rows.len(), sent.len(), "one row each");
    assert_eq!(world.transactions.offered(), (0, 0), "nothing waits");
    sent.into_iter().map(|one| (one.clone(), rows.remove(&one.name()).unwrap())).collect()
}

/// Asserts that exactly those are kept of which `expected` says so.
fn keeps_exactly(policy: &Value, expected: impl Fn(&Traffic) -> bool) {
    all_keep_exactly(&json!([policy]), expected);
}

/// As above, of several policies together.
fn all_keep_exactly(policy: &Value, expected: impl Fn(&Traffic) -> bool) {
    let decided = decided(policy.clone());
    let mut kept = 0;
    for (one, closed) in &decided {
        let row = closed.row.as_ref().unwrap();
        assert_eq!(row.kept, expected(one), "{policy}: {one:?}");
        assert_eq!(row.weight, f64::from(u8::from(row.kept)), "{policy}: {one:?}");
        assert_eq!(row.kept_by.is_empty(), !row.kept);
        assert_eq!(closed.kept.is_empty(), !row.kept, "spans are written of what is kept");
        kept += u32::from(row.kept);
    }
    assert!(kept > 0 && (kept as usize) <= decided.len(), "{policy}");
}

/// Asserts that some are kept, by this name, and that their weights make up for the rest, roughly.
fn keeps_some(list: Value, names: &[&str]) {
    let decided = decided(list.clone());
    let kept: Vec<_> =
        decided.iter().filter_map(|(_, closed)| closed.row.as_ref()).filter(|row| row.kept).collect();
    assert!(!kept.is_empty() && kept.len() < decided.len(), "{list}: {} of {}", kept.len(), decided.len());
    for row in &kept {
        assert!(names.contains(&row.kept_by.as_str()), "{list}: {}", row.kept_by);
        assert!(row.weight >= 1.0 && !row.votes.is_empty(), "{list}: {row:?}");
    }
    let sum: f64 = kept.iter().map(|row| row.weight).sum();
    let variance: f64 = kept.iter().map(|row| row.weight * (row.weight - 1.0)).sum();
    let off = (sum - decided.len() as f64).abs();
    assert!(off <= 4.0 * variance.sqrt().max(1.0), "{list}: {sum} of {}, {variance}", decided.len());
}

#[test]
fn policies_over_facts_are_driven() {
    keeps_exactly(&policy("always_sample", json!({})), |_| true);
    keeps_exactly(&policy("status_code", json!({"status_codes": ["ERROR"]})), |one| one.failed);
    // The first span begins after a millisecond.
    keeps_exactly(&policy("latency", json!({"threshold_ms": 200})), |one| one.millis - 1 > 200);
    keeps_exactly(&policy("string_attribute", json!({"key": "bank.channel", "values": ["mobile"]})), |one| {
        one.channel == "mobile"
    });
    keeps_exactly(
        &policy("numeric_attribute", json!({"key": "payment.amount", "min_value": 900.0})),
        |one| one.amount >= 900.0,
    );
    keeps_exactly(&policy("boolean_attribute", json!({"key": "urgent", "value": true})), |one| {
        one.amount > 500.0
    });
    keeps_exactly(&policy("span_count", json!({"min_spans": 4})), |one| one.spans >= 4);
    let drop = policy("drop", json!({"drop_sub_policy": [policy("latency", json!({"threshold_ms": 100}))]}));
    all_keep_exactly(&json!([policy("always_sample", json!({})), drop]), |one| one.millis - 1 <= 100);
}

/// What is asked of whole spans and of their events is answered by the traces fold.
#[test]
fn questions_to_spans_are_driven() {
    let condition = |block| policy("ottl_condition", block);
    let by_name =
        json!({"span": ["name == \"POST /orders\" and attributes[\"bank.channel\"] == \"branch\""]});
    keeps_exactly(&condition(by_name), |one| one.name == "POST /orders" && one.channel == "branch");
    let by_event = json!({"spanevent": ["name == \"exception\" and attributes[\"kind\"] == \"timeout\""]});
    keeps_exactly(&condition(by_event), |one| one.failed);
    let rules = json!({"rules": [{"name": "mobile cards", "sample_rate": 1, "scope": "span", "conditions": [
        {"field": "service.name", "operator": "=", "value": "cards"},
        {"field": "bank.channel", "operator": "=", "value": "mobile"}]}, {"name": "rest", "drop": true}]});
    keeps_exactly(&policy("rules", rules), |one| one.service == "cards" && one.channel == "mobile");
}

/// Trace state and flags are read from the wire.
#[test]
fn trace_state_and_flags_are_driven() {
    let keep = |policies: Value, trace_state: &str| {
        let mut world = World::new(quick_rules(policies, |_| ()));
        let mut one = Traffic::random(&mut Seeded(3));
        one.trace_state = trace_state.into();
        world.tick(2);
        world.append(Some(request(&[one])));
        world.tick(10);
        world.closed().pop().unwrap().row.clone().unwrap()
    };
    let state = json!([policy("trace_state", json!({"key": "vendor", "values": ["gold"]}))]);
    assert!(keep(state.clone(), "vendor=gold,other=1").kept);
    assert!(!keep(state, "vendor=tin").kept);
    assert!(keep(json!([{"name": "flags", "type": "trace_flags"}]), "").kept);
}

/// Names that only a condition has are captured by the scan, and are no attributes of the row.
#[test]
fn conditions_in_cel_are_driven_and_names_in_them_are_captured() {
    let cel = |condition: &str| policy("cel", json!({"condition": condition}));
    keeps_exactly(&cel("attributes[\"bank.channel\"] == \"branch\" && amount > 500"), |one| {
        one.channel == "branch" && one.amount > 500.0
    });
    keeps_exactly(&cel("type == \"bff GET /accounts\""), |one| {
        one.service == "bff" && one.name == "GET /accounts"
    });
    keeps_exactly(&cel("outcome == \"error\" && spans > 1 && traces == 1"), |one| {
        one.failed && one.spans > 1
    });
    keeps_exactly(&cel("duration > duration(\"100ms\") && worst.service == \"loans\""), |one| {
        one.millis - 1 > 100 && one.service == "loans"
    });
    keeps_exactly(
        &cel("worst.critical > duration(\"1ms\") && worst.kind == \"own\" && worst.service == \"cards\""),
        |one| one.service == "cards",
    );
    // What is usual is not known of the first ones: what is asked of it is not so.
    for condition in ["ratio > 0.0", "usual < duration(\"1h\")"] {
        let decided = decided(json!([cel(condition)]));
        let kept: Vec<_> = decided.iter().map(|(_, closed)| closed.row.as_ref().unwrap().kept).collect();
        assert!(kept[..100].iter().all(|kept| !kept), "{condition}");
        assert!(kept[kept.len() - 100..].iter().all(|kept| *kept), "{condition}");
    }
    let (_, closed) = &decided(json!([cel("attributes[\"bank.channel\"] == \"branch\"")]))[0];
    let row = closed.row.as_ref().unwrap();
    assert_eq!(row.attributes.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), ["payment.amount"]);
}

/// Draws, limits and samplers that adapt: what they keep stands for the rest.
#[test]
fn policies_of_chance_are_driven() {
    let fields = json!(["type", "bank.channel"]);
    for one in [
        policy("probabilistic", json!({"sampling_percentage": 20})),
        policy("rate_limiting", json!({"spans_per_second": 60})),
        policy("bytes_limiting", json!({"bytes_per_second": 4000})),
        policy("throughput_limiting", json!({"transactions_per_second": 15, "fair_by": ["type"]})),
        policy("deterministic", json!({"sample_rate": 4})),
        policy("dynamic", json!({"sample_rate": 4, "clear_frequency": "3s", "field_list": fields})),
        policy(
            "ema_dynamic",
            json!({"goal_sample_rate": 4, "adjustment_interval": "3s", "field_list": fields}),
        ),
        policy(
            "ema_throughput",
            json!({"goal_throughput_per_sec": 20, "adjustment_interval": "3s", "field_list": fields}),
        ),
        policy("windowed_throughput", json!({"goal_throughput_per_sec": 20, "field_list": fields})),
        policy(
            "total_throughput",
            json!({"goal_throughput_per_sec": 20, "clear_frequency": "3s", "field_list": fields}),
        ),
    ] {
        let name = one["name"].as_str().unwrap().to_owned();
        keeps_some(json!([one]), &[&name]);
    }
    let all = json!({"name": "all", "type": "always_sample"});
    let failed = json!({"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}});
    let composite = json!({"max_total_spans_per_second": 90, "policy_order": ["failed", "all"],
        "composite_sub_policy": [failed, all], "rate_allocation": [{"policy": "failed", "percent": 20}]});
    keeps_some(json!([policy("composite", composite)]), &["composite/failed", "composite/all"]);
    let both = json!({"and_sub_policy": [all, policy("rate_limiting", json!({"spans_per_second": 60}))]});
    keeps_some(json!([policy("and", both)]), &["and"]);
    let draw = policy("probabilistic", json!({"sampling_percentage": 70}));
    keeps_some(json!([policy("not", json!({"not_sub_policy": draw}))]), &["not"]);
    let rules = json!({"rules": [
        {"name": "cards", "sample_rate": 3, "conditions": [{"field": "service.name", "operator": "=", "value": "cards"}]},
        {"name": "rest", "sampler": {"type": "dynamic", "dynamic": {"sample_rate": 5, "field_list": ["type"]}}}]});
    keeps_some(json!([policy("rules", rules)]), &["rules/cards", "rules/rest"]);
}

/// Never fewer than so many of each key in each period.
#[test]
fn floors_are_driven() {
    let floor = policy("floor", json!({"field_list": ["type"], "count": 2, "per": "5s"}));
    let rest = policy("probabilistic", json!({"sampling_percentage": 5}));
    let decided = decided(json!([floor, rest]));
    let mut kept: HashMap<String, u32> = HashMap::new();
    for (_, closed) in &decided {
        let row = closed.row.as_ref().unwrap();
        *kept.entry(row.r#type.clone()).or_default() += u32::from(row.kept_by == "floor");
    }
    assert_eq!(kept.len(), 6, "types");
    assert!(kept.values().all(|count| (4..=8).contains(count)), "{kept:?}");
}

/// Every type that can be written has its part in a test above.
#[test]
fn no_policy_is_left_out() {
    let source = include_str!("policies.rs");
    for kind in throughline_sampling::SUPPORTED {
        assert!(source.contains(&format!("\"{kind}\"")), "{kind} is in no test of the folds");
    }
}
