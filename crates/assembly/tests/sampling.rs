//! Policies that hang on what came before, as a part of the fold: replay, snapshots, crashes, rules that change, overload, weights.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

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

/// Weights of rows estimate the true count under every sampler, and under sets of them: over seeds, within 3 standard errors.
#[test]
fn sums_of_weights_estimate_true_counts_under_every_sampler() {
    let fields = json!(["type", "bank.channel"]);
    let one = |kind: &str, block: Value| json!([{"name": kind, "type": kind, kind: block}]);
    let sets = [
        one("probabilistic", json!({"sampling_percentage": 7})),
        one("rate_limiting", json!({"spans_per_second": 40})),
        one("bytes_limiting", json!({"bytes_per_second": 5000, "burst_capacity": 9000})),
        one("throughput_limiting", json!({"transactions_per_second": 9, "fair_by": ["type"]})),
        one("deterministic", json!({"sample_rate": 6})),
        one("dynamic", json!({"sample_rate": 5, "clear_frequency": "3s", "field_list": fields})),
        one("ema_dynamic", json!({"goal_sample_rate": 5, "adjustment_interval": "2s", "field_list": fields})),
        one(
            "ema_throughput",
            json!({"goal_throughput_per_sec": 20, "adjustment_interval": "2s", "field_list": fields}),
        ),
        one(
            "windowed_throughput",
            json!({"goal_throughput_per_sec": 20, "lookback_frequency": "4s", "field_list": fields}),
        ),
        one(
            "total_throughput",
            json!({"goal_throughput_per_sec": 20, "clear_frequency": "2s", "field_list": fields}),
        ),
        stateful(),
    ];
    for policies in sets {
        let rules = quick_rules(policies.clone(), |_| ());
        let (mut sum, mut variance, mut count, mut kept) = (0.0, 0.0, 0.0, 0);
        for seed in 0..12 {
            let mut world = World::new(Arc::clone(&rules));
            count += run(&mut world, 100 + seed, 8, 40).len() as f64;
            for closed in world.rows().into_values() {
                let row = closed.row.as_ref().unwrap();
                assert_eq!(row.kept, row.weight >= 1.0);
                sum += row.weight;
                variance += row.weight * (row.weight - 1.0).max(0.0);
                kept += u32::from(row.kept);
            }
        }
        let off = (sum - count).abs();
        assert!(f64::from(kept) < 0.9 * count, "{policies}: it samples");
        assert!(
            off <= 3.0 * f64::sqrt(variance),
            "{policies}: {sum} of {count}, deviation {}",
            variance.sqrt()
        );
    }
}

/// Under more than the configured load a share by hash is left to policies, the weights say so, and so do the rows of the rest.
#[test]
fn overload_sheds_by_hash_with_its_weight() {
    let keep_all = json!([{"name": "all", "type": "always_sample"}]);
    let rules = quick_rules(keep_all, |settings| settings.sampling.max_transactions_per_second = 10);
    let mut world = World::new(rules);
    let sent = run(&mut world, 4, 20, 50);
    let rows = world.rows();
    let rows: Vec<_> = rows.values().map(|closed| closed.row.as_ref().unwrap()).collect();
    assert_eq!(rows.len(), sent.len(), "each has its row");
    let (kept, shed): (Vec<&Transaction>, Vec<&Transaction>) = rows.into_iter().partition(|row| row.kept);
    assert!(shed.len() > sent.len() / 2);
    assert!(shed.iter().all(|row| row.keep_reason == "overload: one in 5 is left to policies"));
    let sum: f64 = kept.iter().map(|row| row.weight).sum();
    let variance: f64 = kept.iter().map(|row| row.weight * (row.weight - 1.0)).sum();
    assert!((sum - sent.len() as f64).abs() <= 3.0 * variance.sqrt(), "{sum} of {}", sent.len());
}

/// A dry run keeps all, and says what would have been.
#[test]
fn a_dry_run_keeps_all_and_says_what_would_have_been() {
    let mut world = World::new(quick_rules(stateful(), |settings| settings.sampling.dry_run = true));
    let mut real = World::new(stateful_rules());
    let sent = run(&mut world, 6, 10, 30);
    run(&mut real, 6, 10, 30);
    let real = real.rows();
    assert_eq!(world.rows().len(), sent.len());
    for (id, closed) in world.rows() {
        let (row, would) = (closed.row.as_ref().unwrap(), real[&id].row.as_ref().unwrap());
        assert!(row.kept && !closed.kept.is_empty(), "its spans are written");
        assert_eq!((row.kept_by.as_str(), row.weight), ("dry_run", 1.0));
        let expected = if would.kept {
            format!("would be kept by {}", would.kept_by)
        } else {
            "would not be kept".to_owned()
        };
        assert_eq!(row.keep_reason, expected);
        assert_eq!(row.votes, would.votes);
    }
}

/// A flood of one type does not take the share of the others, and a giant does not starve the rest.
#[test]
fn a_flood_of_one_key_does_not_starve_the_others() {
    let fair = json!([{"name": "fair", "type": "throughput_limiting",
        "throughput_limiting": {"transactions_per_second": 10, "fair_by": ["type"]}}]);
    let mut world = World::new(quick_rules(fair, |_| ()));
    let mut seeded = Seeded(9);
    world.tick(2);
    for _ in 0..10 {
        let of = |service, seeded: &mut Seeded| Traffic {
            service,
            name: "GET /accounts",
            ..Traffic::random(seeded)
        };
        let mut traffic: Vec<_> = (0..200).map(|_| of("bff", &mut seeded)).collect();
        traffic.extend((0..3).map(|_| of("cards", &mut seeded)));
        world.append(Some(request(&traffic)));
        world.tick(1);
    }
    world.tick(15);
    let kept = |kind: &str| {
        let rows = world.rows();
        let rows = rows.values().filter_map(|closed| closed.row.as_ref()).filter(|row| row.r#type == kind);
        rows.filter(|row| row.kept).count()
    };
    assert_eq!(kept("cards GET /accounts"), 30, "all of the small one");
    assert!((40..=90).contains(&kept("bff GET /accounts")), "{}", kept("bff GET /accounts"));
}

/// How a transaction was sampled before it came here is read from its trace state, and multiplies its weight.
#[test]
fn sampling_on_the_way_here_is_honoured() {
    let half =
        json!([{"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}}]);
    let rules = quick_rules(half, |_| ());
    let keep = |trace_state: &str| {
        let mut world = World::new(Arc::clone(&rules));
        world.tick(2);
        let one = Traffic { trace_state: trace_state.into(), ..Traffic::random(&mut Seeded(1)) };
        world.append(Some(request(&[one])));
        world.tick(10);
        let row = world.closed().pop().unwrap().row.clone().unwrap();
        (row.kept, row.weight)
    };
    // The randomness that it brings decides, not a hash.
    assert_eq!(keep("ot=rv:80000000000000"), (true, 2.0));
    assert_eq!(keep("ot=rv:7fffffffffffff"), (false, 0.0));
    // A quarter was left before, by the same randomness: it stands for four, and half of all is more than that.
    assert_eq!(keep("vendor=x,ot=th:c;rv:f0000000000000"), (true, 4.0));
    // Without it the draws are independent.
    let (kept, weight) = keep("ot=th:c");
    assert!(!kept || weight == 8.0);
    assert_eq!(keep("ot=th:zz;rv:1").0, keep("").0, "what cannot be read is not there");
}

/// Kept by chance and then by an error that came late: it would have been kept for sure, so it stands for itself alone.
#[test]
fn what_is_kept_twice_takes_the_smaller_weight() {
    let rules = quick_rules(
        json!([{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
            {"name": "limit", "type": "throughput_limiting", "throughput_limiting": {"transactions_per_second": 5}}]),
        |_| (),
    );
    let mut world = World::new(rules);
    let sent = run(&mut world, 2, 6, 40);
    let healthy: Vec<_> = sent.iter().filter(|one| !one.failed).cloned().collect();
    let first = world.rows();
    assert!(healthy.iter().any(|one| first[&one.name()].row.as_ref().unwrap().weight > 2.0));
    let late: Vec<_> =
        healthy.iter().map(|one| Traffic { first: 70, spans: 1, failed: true, ..one.clone() }).collect();
    world.append(Some(request(&late)));
    world.tick(20);
    let second = world.rows();
    for one in &healthy {
        let (before, after) = (&first[&one.name()], &second[&one.name()]);
        let (was, row) = (before.row.as_ref().unwrap(), after.row.as_ref().unwrap());
        assert_eq!((after.version, row.kept, row.weight), (2, true, 1.0), "{row:?}");
        assert_eq!(row.kept_by, if was.kept { "limit" } else { "errors" }, "what kept it first stays");
        let spans: usize = after.kept.iter().map(|kept| kept.critical.len()).sum();
        assert_eq!(spans as u64, if was.kept { 1 } else { one.spans + 1 }, "late spans, or all");
    }
}
