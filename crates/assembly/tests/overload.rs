//! Overload is shed from those that ask for more than their part: tenants, and types of a tenant. Weights tell how many there were all the same.
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{
    World, quick_rules,
    traffic::{Seeded, Traffic, request},
};
use serde_json::{Value, json};
use throughline_assembly::{
    records::Transaction,
    rules::{Rules, TypeSettings},
    transactions::Transactions,
};

const LIMIT: u64 = 30;

fn all() -> Value {
    json!([{"name": "all", "type": "always_sample"}])
}

fn rules(policies: Value) -> Arc<Rules> {
    quick_rules(policies, |settings| {
        settings.sampling.max_transactions_per_second = LIMIT;
        let kind = |name: &str, root: &str| TypeSettings {
            name: name.into(),
            matches: format!("root.name == \"{root}\""),
            terminal: None,
            settle: 0,
            max_age: None,
            deadline: None,
        };
        settings.transactions.types = vec![kind("look", "GET /accounts"), kind("order", "POST /orders")];
    })
}

/// Tenant, type's root, and how many a second.
type Load = (&'static str, &'static str, u64);

/// So many seconds of that load; the order of who comes in a second is drawn.
fn send(world: &mut World, seeded: &mut Seeded, loads: &[Load], seconds: u64) {
    for _ in 0..seconds {
        let mut pieces: Vec<(&str, Vec<Traffic>)> = Vec::new();
        for (tenant, name, count) in loads {
            for _ in 0..count.div_ceil(5) {
                let traffic = || Traffic { name, spans: 1, ..Traffic::random(seeded) };
                let count = (*count).min(5) as usize;
                pieces.push((tenant, std::iter::repeat_with(traffic).take(count).collect()));
            }
        }
        for at in (1..pieces.len()).rev() {
            pieces.swap(at, seeded.below(at as u64 + 1) as usize);
        }
        for (tenant, traffic) in pieces {
            world.tenants.insert(world.spans.len() as u64, tenant);
            world.append(Some(request(&traffic)));
        }
        world.tick(1);
    }
}

/// Rows by tenant and type.
fn rows(world: &World) -> BTreeMap<(String, String), Vec<Transaction>> {
    let mut rows: BTreeMap<_, Vec<Transaction>> = BTreeMap::new();
    for closed in world.closed() {
        let row = closed.row.clone().unwrap();
        rows.entry((row.tenant.clone(), row.r#type.clone())).or_default().push(row);
    }
    rows
}

fn kept(rows: &[Transaction]) -> usize {
    rows.iter().filter(|row| row.kept).count()
}

/// Sum of weights and variance of it.
fn estimate(rows: &[Transaction]) -> (f64, f64) {
    let sum = rows.iter().map(|row| row.weight).sum();
    let variance = rows.iter().filter(|row| row.kept).map(|row| row.weight * (row.weight - 1.0)).sum();
    (sum, variance)
}

#[test]
fn a_flood_of_one_tenant_is_shed_and_nobody_elses() {
    let limited = json!([{"name": "limited", "type": "throughput_limiting",
        "throughput_limiting": {"transactions_per_second": 1_000_000}}]);
    for (policies, seeds) in [(all(), 0..8), (limited, 8..12)] {
        let (mut sum, mut variance, mut sent) = (0.0, 0.0, 0);
        for seed in seeds {
            let mut world = World::new(rules(policies.clone()));
            world.tick(2);
            let loads =
                [("quiet", "GET /accounts", 5), ("", "POST /orders", 2), ("flood", "GET /accounts", 200)];
            send(&mut world, &mut Seeded(seed), &loads, 15);
            world.tick(15);
            let rows = rows(&world);
            for ((tenant, _), rows) in rows.iter().filter(|((tenant, _), _)| tenant != "flood") {
                assert!(
                    rows.iter().all(|row| row.kept && row.weight == 1.0),
                    "seed {seed}, {tenant:?}: {rows:?}"
                );
                assert_eq!(rows.len(), if tenant == "quiet" { 75 } else { 30 });
            }
            let flood = &rows[&("flood".to_owned(), "look".to_owned())];
            assert_eq!(flood.len(), 3000, "each has its row");
            // In the first second nobody knows; then it has what others leave, here 23 a second.
            let passed = kept(flood) - 200;
            assert!((200..450).contains(&passed), "seed {seed}: {passed}");
            assert!(flood.iter().all(|row| row.kept || row.keep_reason.starts_with("overload: one in ")));
            let (of, its) = estimate(flood);
            (sum, variance, sent) = (sum + of, variance + its, sent + flood.len());
        }
        assert!(
            (sum - sent as f64).abs() <= 3.0 * f64::sqrt(variance),
            "{sum} of {sent}, {}",
            variance.sqrt()
        );
    }
}

#[test]
fn a_flood_of_one_type_leaves_the_others_of_its_tenant_alone() {
    let mut world = World::new(rules(all()));
    world.tick(2);
    let loads = [("bank", "GET /accounts", 300), ("bank", "POST /orders", 5), ("bank", "other", 4)];
    send(&mut world, &mut Seeded(1), &loads, 15);
    world.tick(15);
    let rows = rows(&world);
    let (mut quiet, mut flood) = (0, 0);
    for ((_, kind), rows) in &rows {
        if kind == "look" {
            flood += kept(rows);
            let (sum, variance) = estimate(rows);
            assert!((sum - 4500.0).abs() <= 3.0 * variance.sqrt(), "{sum}, {}", variance.sqrt());
        } else {
            assert!(rows.iter().all(|row| row.weight == 1.0), "{kind}");
            quiet += rows.len();
        }
    }
    assert_eq!(quiet, 15 * 9);
    assert!((500..700).contains(&flood), "300 of the first second, and 21 of each other: {flood}");
}

/// Ever new names: those that were there before keep what they have, and what is remembered is bounded.
#[test]
fn a_flood_of_new_tenants_takes_little_of_those_that_are_known() {
    let mut world = World::new(rules(all()));
    let mut seeded = Seeded(3);
    world.tick(2);
    let quiet = [("quiet", "GET /accounts", 1), ("other", "GET /accounts", 1)];
    send(&mut world, &mut seeded, &quiet, 5);
    for second in 0..10 {
        let new = (0..400).map(|number| {
            let name: &'static str = String::leak(format!("new-{second}-{number}"));
            (name, "GET /accounts", 1)
        });
        let loads: Vec<Load> = new.chain(quiet).collect();
        send(&mut world, &mut seeded, &loads, 1);
    }
    world.tick(15);
    let (mut flood, mut truth) = (Vec::new(), 0);
    for ((tenant, _), rows) in rows(&world) {
        if tenant.starts_with("new") {
            truth += rows.len();
            flood.extend(rows);
        } else {
            assert_eq!(rows.len(), 15);
            assert!(rows.iter().all(|row| row.weight == 1.0), "{tenant}: {rows:?}");
        }
    }
    assert_eq!(truth, 4000);
    let passed = kept(&flood) - 400;
    assert!(passed < 9 * 60, "{passed}");
    let (sum, variance) = estimate(&flood);
    assert!((sum - 4000.0).abs() <= 3.0 * variance.sqrt(), "{sum}, {}", variance.sqrt());
    let state = world.transactions.snapshot(Vec::new()).unwrap();
    let mut more = World::new(rules(all()));
    more.transactions = Transactions::restore(0, &state).unwrap();
    assert_eq!(more.transactions.snapshot(Vec::new()).unwrap(), state);
}

/// What is shed is a part of the state: a fold that is restored in between sheds the same.
#[test]
fn a_restart_changes_nothing_of_what_is_shed() {
    let loads = [("quiet", "GET /accounts", 5), ("flood", "POST /orders", 100)];
    let run = |restart: bool| {
        let mut world = World::new(rules(all()));
        let mut seeded = Seeded(5);
        world.tick(2);
        for _ in 0..12 {
            send(&mut world, &mut seeded, &loads, 1);
            if restart {
                let state = world.transactions.snapshot(Vec::new()).unwrap();
                world.transactions = Transactions::restore(0, &state).unwrap();
            }
        }
        world.tick(15);
        rows(&world)
    };
    let whole = run(false);
    assert!(whole.values().flatten().any(|row| !row.kept));
    assert_eq!(run(true), whole);
}
