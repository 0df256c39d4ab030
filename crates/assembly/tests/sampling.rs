//! Policies that hang on what came before, as a part of the fold: replay, snapshots, crashes, rules that change, overload, weights.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{
    Stored, World, apply_stored, quick_rules,
    traffic::{Seeded, Traffic, request, run},
};
use serde_json::{Value, json};
use throughline_assembly::{records::Transaction, rules::Rules, transactions::Transactions};

/// Limits, samplers that adapt and floors together, so that each has a say.
fn stateful() -> Value {
    json!([
        {"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "floor", "type": "floor", "floor": {"field_list": ["type"], "per": "5s"}},
        {"name": "keyed", "type": "ema_dynamic",
         "ema_dynamic": {"goal_sample_rate": 20, "adjustment_interval": "3s", "field_list": ["type", "bank.channel"]}},
        {"name": "limit", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 20}},
        {"name": "fair", "type": "throughput_limiting",
         "throughput_limiting": {"transactions_per_second": 3, "fair_by": ["type"]}},
    ])
}

fn stateful_rules() -> Arc<Rules> {
    quick_rules(stateful(), |_| ())
}

/// What was decided, by transaction: all versions.
fn decisions(world: &World) -> BTreeMap<String, Vec<Transaction>> {
    let mut rows: BTreeMap<String, Vec<Transaction>> = BTreeMap::new();
    for closed in world.closed() {
        let row = closed.row.clone().unwrap();
        rows.entry(row.transaction_id.clone()).or_default().push(row);
    }
    rows
}

/// Traffic with late spans, so that some rows are amended.
fn busy(rules: Arc<Rules>, seed: u64) -> World {
    let mut world = World::new(rules);
    let sent = run(&mut world, seed, 8, 25);
    let late: Vec<_> =
        sent.iter().step_by(9).map(|one| Traffic { first: 50, spans: 1, ..one.clone() }).collect();
    world.append(Some(request(&late)));
    run(&mut world, seed + 1000, 4, 25);
    world
}

/// The state is a function of the log: replayed from any snapshot it is the same, and decides nothing anew.
#[test]
fn replay_from_any_snapshot_gives_the_same_state_and_decides_nothing_anew() {
    for seed in 0..3 {
        let world = busy(stateful_rules(), seed);
        assert!(world.log.0.iter().filter(|record| matches!(record.body, Stored::Offer(_))).count() > 250);
        assert!(world.closed().iter().any(|closed| closed.version > 1), "some are amended");
        let end = world.transactions.snapshot(Vec::new()).unwrap();
        let mut fold = Transactions::new(0, stateful_rules());
        for position in 0..=world.log.0.len() {
            if position % 97 == seed as usize {
                let mut restored = Transactions::restore(0, &fold.snapshot(Vec::new()).unwrap()).unwrap();
                for (position, record) in world.log.0.iter().enumerate().skip(position) {
                    apply_stored(&mut restored, position as u64, record);
                }
                assert_eq!(restored.closing(0).count() + restored.settled(0).count(), 0, "after {position}");
                assert_eq!(restored.snapshot(Vec::new()).unwrap(), end, "after {position}");
            }
            if let Some(record) = world.log.0.get(position) {
                apply_stored(&mut fold, position as u64, record);
            }
        }
    }
}

/// A crash loses records that were not durable: what is decided after it is what would have been decided without it.
#[test]
fn a_crash_at_any_record_changes_no_decision() {
    let whole = busy(stateful_rules(), 5);
    let expected = decisions(&whole);
    let length = whole.log.0.len();
    let mut seeded = Seeded(11);
    for _ in 0..40 {
        let mut world = busy(stateful_rules(), 5);
        let lost_from = seeded.below(length as u64) as usize;
        world.crash(seeded.below(lost_from as u64 + 1) as usize, lost_from);
        assert_eq!(decisions(&world), expected, "lost from {lost_from} of {length}");
    }
}

/// Other rules come while transactions wait for the end of their window: they are settled by those that they were offered to, and all are decided.
#[test]
fn rules_that_change_settle_who_waits() {
    let mut world = World::new(stateful_rules());
    let mut seeded = Seeded(3);
    world.tick(2);
    let mut sent = Vec::new();
    for second in 0..12 {
        let traffic: Vec<_> = (0..30).map(|_| Traffic::random(&mut seeded)).collect();
        world.append(Some(request(&traffic)));
        sent.extend(traffic);
        world.tick(1);
        if second == 6 {
            assert!(world.transactions.offered().0 > 0, "some wait");
            world.change_rules(&quick_rules(
                json!([{"name": "limit", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 5}}]),
                |_| (),
            ));
            assert_eq!(world.transactions.offered(), (0, 0));
        }
    }
    world.tick(15);
    let rows = decisions(&world);
    assert_eq!(rows.len(), sent.len());
    let names: std::collections::BTreeSet<_> =
        rows.values().flatten().filter(|row| row.kept).map(|row| row.kept_by.clone()).collect();
    assert!(names.contains("fair") && names.contains("limit"), "{names:?}");
    let mut fold = Transactions::new(0, stateful_rules());
    for (position, record) in world.log.0.iter().enumerate() {
        apply_stored(&mut fold, position as u64, record);
    }
    assert_eq!(fold.snapshot(Vec::new()).unwrap(), world.transactions.snapshot(Vec::new()).unwrap());
}
