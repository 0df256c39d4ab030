//! How long transactions of a type usually take: learnt by the fold from its decisions, asked by policies, the same after a replay and a crash.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{
    Stored, World, apply_stored, quick_rules,
    traffic::{Traffic, request, run},
};
use serde_json::{Value, json};
use throughline_assembly::{
    records::{Outcome, Transaction},
    rules::Rules,
    time::SECOND,
    transactions::Transactions,
};

const MS: u64 = 1_000_000;

/// Transactions that took so many times what is usual.
const RATIO: f64 = 1.6;

fn slow() -> Value {
    json!({"name": "slow", "type": "cel", "cel": {"condition": format!("ratio > {RATIO:.1}")}})
}

/// The policy alone, and beside a limit, so that it is asked of an offer.
fn rules_of() -> [Arc<Rules>; 2] {
    let limit = json!({"name": "limit", "type": "throughput_limiting", "throughput_limiting": {"transactions_per_second": 2}});
    [quick_rules(json!([slow()]), |_| ()), quick_rules(json!([slow(), limit]), |_| ())]
}

fn rows(world: &World) -> Vec<Transaction> {
    world.closed().iter().map(|closed| closed.row.clone().unwrap()).collect()
}

fn by_id(world: &World) -> BTreeMap<String, Transaction> {
    rows(world).into_iter().map(|row| (row.transaction_id.clone(), row)).collect()
}

fn is_slow(row: &Transaction) -> bool {
    row.kept && row.kept_by == "slow"
}

/// Until enough of a type were seen nothing is kept by it; from then on what takes far longer than the median is, and nothing else.
#[test]
fn what_is_usual_is_learnt_by_type_and_asked_by_policies() {
    for rules in rules_of() {
        let mut world = World::new(rules);
        run(&mut world, 3, 30, 40);
        let all = rows(&world);
        let mut durations: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        let (mut kept, mut early) = (0, 0);
        for row in &all {
            let duration = row.end - row.start;
            let seen = durations.entry(&row.r#type).or_default();
            seen.sort_unstable();
            let median = seen.get(seen.len() / 2).copied().unwrap_or(u64::MAX);
            if seen.len() < 25 {
                early += 1;
                assert!(!is_slow(row), "nothing is known yet: {row:?}");
            } else if seen.len() > 100 {
                // The median moves a little with each, and is known within a twentieth.
                assert!(!is_slow(row) || duration as f64 > 1.3 * median as f64, "{duration} of {median}");
                assert!(is_slow(row) || (duration as f64) < 1.9 * median as f64, "{duration} of {median}");
            }
            kept += usize::from(is_slow(row));
            if row.outcome() == Outcome::Ok {
                seen.push(duration);
            }
        }
        assert!(early > 100 && kept > 50 && kept < all.len() / 3, "{early} early, {kept} kept");
        let (sampler, now) = (world.transactions.sampler(), world.transactions.now());
        assert_eq!(sampler.usual_types(), 6);
        let usual = sampler.usual("bff GET /accounts", now).unwrap();
        assert!((150 * MS..270 * MS).contains(&usual), "{usual}");
        assert_eq!(sampler.usual("unheard of", now), None);
    }
}

/// What failed, and what comes late, does not say what is usual.
#[test]
fn only_what_went_well_says_what_is_usual() {
    let mut world = World::new(Arc::clone(&rules_of()[0]));
    world.tick(2);
    let one = |id: u128, failed, millis| Traffic {
        id,
        spans: 2,
        service: "bff",
        name: "GET /accounts",
        failed,
        millis,
        trace_state: String::new(),
        channel: "mobile",
        amount: 1.0,
        first: 1,
    };
    let failed: Vec<_> = (1..=200).map(|id| one(id, true, 5000)).collect();
    let fine: Vec<_> = (1001..=1040).map(|id| one(id, false, 100)).collect();
    world.append(Some(request(&failed)));
    world.append(Some(request(&fine)));
    world.tick(20);
    let late: Vec<_> = fine.iter().map(|one| Traffic { first: 900, spans: 1, ..one.clone() }).collect();
    world.append(Some(request(&late)));
    world.tick(20);
    assert!(world.closed().iter().any(|closed| closed.version > 1), "rows were amended");
    let usual = world.transactions.sampler().usual("bff GET /accounts", world.transactions.now()).unwrap();
    assert!(usual.abs_diff(99 * MS) < 6 * MS, "{usual}");
}

/// From any snapshot the same state, and nothing is decided anew.
#[test]
fn a_replay_comes_to_the_same() {
    for rules in rules_of() {
        let mut world = World::new(Arc::clone(&rules));
        run(&mut world, 4, 12, 40);
        assert!(rows(&world).iter().any(is_slow));
        let end = world.transactions.snapshot(Vec::new()).unwrap();
        let mut fold = Transactions::new(0, rules);
        for position in 0..=world.log.0.len() {
            if position % 83 == 0 {
                let mut restored = Transactions::restore(0, &fold.snapshot(Vec::new()).unwrap()).unwrap();
                for (position, record) in world.log.0.iter().enumerate().skip(position) {
                    apply_stored(&mut restored, position as u64, record);
                }
                assert_eq!(restored.closing(0).count() + restored.settled(0).count(), 0);
                assert_eq!(restored.snapshot(Vec::new()).unwrap(), end, "after {position}");
            }
            if let Some(record) = world.log.0.get(position) {
                apply_stored(&mut fold, position as u64, record);
            }
        }
    }
}

/// A crash loses decisions that were not durable: those that are made instead are the same, whatever of their neighbours was durable.
#[test]
fn a_crash_at_any_record_changes_no_decision() {
    for rules in rules_of() {
        let of = || {
            let mut world = World::new(Arc::clone(&rules));
            run(&mut world, 5, 12, 40);
            world
        };
        let whole = of();
        let expected = by_id(&whole);
        let length = whole.log.0.len();
        for step in 1..30 {
            let mut world = of();
            let lost_from = length * step / 30;
            world.crash(lost_from / 2, lost_from);
            assert_eq!(by_id(&world), expected, "lost from {lost_from} of {length}");
        }
    }
}

/// Other rules: what is usual goes on, and a policy that asks it for the first time need not wait.
#[test]
fn what_is_usual_survives_other_rules() {
    let mut world = World::new(quick_rules(json!([]), |_| ()));
    run(&mut world, 6, 12, 40);
    assert!(rows(&world).iter().all(|row| !row.kept));
    world.change_rules(&rules_of()[0]);
    let before = world.closed().len();
    run(&mut world, 7, 3, 40);
    assert!(rows(&world)[before..].iter().any(is_slow));
    assert!(world.transactions.now() > 20 * SECOND);
    assert!(world.log.0.iter().any(|record| matches!(record.body, Stored::Rules(_))));
}
