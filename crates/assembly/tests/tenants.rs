//! Tenants have nothing to do with each other, even where they send the same trace ids, keys and links.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{
    TestSpan, World, quick_rules, span,
    traffic::{Seeded, Traffic},
};
use serde_json::json;
use throughline_assembly::{
    records::{ClosedBy, KeptTrace, Transaction},
    traces::{MAX_CLOSED_TRACES, TraceKey, Traces},
};

const TENANTS: [&str; 3] = ["", "north", "south"];

/// What is sent in one second by whom.
type Script = Vec<Vec<(&'static str, Vec<TestSpan>)>>;

/// Spans of few trace ids and span ids: every tenant has all of them, some come again, some come late, some bring a key or a link.
fn script(seed: u64) -> Script {
    let mut seeded = Seeded(seed);
    let one = |seeded: &mut Seeded| {
        let trace = 1 + seeded.below(8) as u8;
        let id = 1 + seeded.below(12);
        let mut one = span(trace, id, if id == 1 { 0 } else { 1 }, ["GET /", "work"][usize::from(id > 1)]);
        match seeded.below(12) {
            0 => one = one.with("payment.uetr", &format!("U-{}", seeded.below(3))),
            1 => one = one.linked(1 + seeded.below(8) as u8, 1),
            2 => one = one.failed(),
            3 => one = one.with("payment.amount", &format!("{}.50", seeded.below(90))),
            _ => {}
        }
        one
    };
    let second = |seeded: &mut Seeded| {
        let tenants = TENANTS.into_iter().filter(|_| seeded.below(3) == 0).collect::<Vec<_>>();
        let mut sent: Vec<_> = tenants
            .into_iter()
            .map(|tenant| {
                let count = 1 + seeded.below(4);
                (tenant, (0..count).map(|_| one(seeded)).collect::<Vec<_>>())
            })
            .collect();
        let rotate = if sent.is_empty() { 0 } else { seeded.below(sent.len() as u64) as usize };
        sent.rotate_left(rotate);
        sent
    };
    (0..60).map(|_| second(&mut seeded)).collect()
}

type Rows = BTreeMap<(String, String), (Transaction, Vec<KeptTrace>)>;

/// The rows in the end, and what of them was kept when they were written last.
fn run(script: &Script, only: Option<&str>) -> Rows {
    let policies = json!([{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}}]);
    let mut world = World::new(quick_rules(policies, |_| ()));
    world.tick(2);
    for second in script {
        world.tick(1);
        for (tenant, spans) in second.iter().filter(|(tenant, _)| only.is_none_or(|only| only == *tenant)) {
            world.send_as(tenant, spans);
        }
    }
    world.tick(60);
    let mut rows = Rows::new();
    for closed in world.closed() {
        let id = |row: &Transaction| (row.tenant.clone(), row.transaction_id.clone());
        match (&closed.row, &closed.before) {
            (Some(row), _) => {
                assert_ne!(row.closed_by(), ClosedBy::Late, "all is remembered here");
                // Where the summaries lie differs.
                let places = |kept: &KeptTrace| KeptTrace { summary: 0, ..kept.clone() };
                rows.insert(id(row), (row.clone(), closed.kept.iter().map(places).collect()));
            }
            (None, Some(before)) => drop(rows.remove(&id(before))),
            (None, None) => {}
        }
    }
    rows
}

#[test]
fn rows_of_a_tenant_are_the_same_whatever_others_send() {
    let (mut rows, mut kept) = (0, 0);
    for seed in 0..40 {
        let script = script(seed);
        let together = run(&script, None);
        let mut apart = Rows::new();
        for tenant in TENANTS {
            apart.extend(run(&script, Some(tenant)));
        }
        assert_eq!(together, apart, "seed {seed}");
        rows += together.len();
        kept += together.values().filter(|(row, _)| row.kept).count();
    }
    assert!(rows > 500 && kept > 100, "{rows} rows, {kept} kept");
}

#[test]
fn the_same_trace_id_of_two_tenants_is_two_transactions() {
    let mut world = World::new(quick_rules(json!([]), |_| ()));
    world.tick(2);
    world.send_as("north", &[span(1, 1, 0, "GET /"), span(1, 2, 1, "work")]);
    world.send_as("south", &[span(1, 1, 0, "POST /"), span(1, 3, 1, "other")]);
    world.send_as("north", &[span(1, 4, 1, "more")]);
    let fold = Traces::restore(0, &world.traces.snapshot(Vec::new()).unwrap()).unwrap();
    assert_eq!((fold.sizes().0, fold.sizes().1), (2, 5), "a snapshot keeps them apart too");
    world.traces = fold;
    world.tick(30);
    // Late: of both, the same span.
    world.send_as("south", &[span(1, 2, 1, "late")]);
    world.send_as("north", &[span(1, 3, 1, "late")]);
    world.tick(30);
    let mut spans = BTreeMap::new();
    for closed in world.closed() {
        let row = closed.row.as_ref().unwrap();
        spans.insert(row.tenant.clone(), (row.r#type.clone(), row.spans, row.trace_ids.len()));
    }
    let expected = [("north", ("bff GET /".to_owned(), 4, 1)), ("south", ("bff POST /".to_owned(), 3, 1))];
    assert_eq!(spans, expected.map(|(tenant, row)| (tenant.to_owned(), row)).into());
    assert_eq!(world.traces.take_counts().duplicates, 0);
}

/// Closed traces that left the fold's memory are found again under their tenant.
#[test]
fn what_left_the_memory_is_found_again_for_its_tenant_alone() {
    let mut world = World::new(quick_rules(json!([]), |settings| settings.batch_rows = 1_000_000));
    world.tick(2);
    let first = [span(1, 1, 0, "GET /")];
    world.send_as("north", &first);
    world.tick(5);
    let count = MAX_CLOSED_TRACES as u64 + 10;
    for from in (0..count).step_by(5000) {
        world.append(Some(common::many(from..count.min(from + 5000))));
        world.tick(3);
    }
    world.traces.take_counts();
    world.send_as("south", &first);
    assert_eq!(world.traces.take_counts().duplicates, 0);
    world.send_as("north", &first);
    assert_eq!(world.traces.take_counts().duplicates, 1);
}

/// Whoever sends without a tenant chooses its trace ids, also one under which another's trace is remembered.
#[test]
fn a_trace_that_is_remembered_under_the_same_key_is_not_taken_for_another() {
    let id = |bytes: [u8; 16]| throughline_otlp::TraceId(bytes);
    let key = TraceKey::of("north", id([1; 16]));
    assert_eq!(TraceKey::of("", id(key.0)), key);
    let own = |number: u64| {
        let mut one = Traffic::random(&mut Seeded(1));
        (one.id, one.spans, one.first) = (u128::from_be_bytes(key.0), 2, number);
        common::traffic::request(&[one])
    };
    let mut world = World::new(quick_rules(json!([]), |_| ()));
    world.tick(2);
    world.send_as("north", &[span(1, 1, 0, "GET /").with("payment.uetr", "U-1")]);
    world.tick(10);
    world.append(Some(own(1)));
    world.tick(10);
    let rows = world.closed();
    let row = rows.last().unwrap().row.as_ref().unwrap();
    assert_eq!((row.tenant.as_str(), row.spans, row.keys.len()), ("", 2, 0));
    assert_eq!(row.closed_by(), ClosedBy::Quiet, "it is no late piece of something");
    // Both are remembered, each for its own.
    world.append(Some(own(1)));
    world.send_as("north", &[span(1, 1, 0, "GET /"), span(1, 2, 1, "late")]);
    assert_eq!(world.traces.take_counts().duplicates, 3);
    world.tick(10);
    let rows = world.closed();
    let row = rows.last().unwrap().row.as_ref().unwrap();
    assert_eq!((row.tenant.as_str(), row.transaction_id.as_str(), row.spans), ("north", "U-1", 2));
}
