//! One giant, or a flood of new keys: what others sent comes out as if they were alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::needless_pass_by_value)]

mod common;

use std::sync::Arc;

use common::{
    BASE, World, quick_rules, text,
    traffic::{Seeded, Traffic, request},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use serde_json::json;
use throughline_assembly::{records::ClosedBy, rules::Rules};

/// Keys of the flood, where the environment says no other number.
const KEYS: u64 = 10_000;

fn rules() -> Arc<Rules> {
    let errors = json!({"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}});
    let fair = json!({"name": "fair", "type": "throughput_limiting",
        "throughput_limiting": {"transactions_per_second": 60, "fair_by": ["type"]}});
    quick_rules(json!([errors, fair]), |settings| settings.traces.max_spans = 100_000)
}

/// What others send in a second.
fn others(seeded: &mut Seeded) -> Vec<Traffic> {
    (0..5).map(|_| Traffic { service: "cards", name: "GET /accounts", ..Traffic::random(seeded) }).collect()
}

/// Every one of them has one row, of all its spans, and is kept.
fn check(world: &World, sent: &[Traffic]) {
    let rows = world.rows();
    for one in sent {
        let row = rows[&one.name()].row.as_ref().unwrap();
        assert_eq!(u64::from(row.spans), one.spans, "{row:?}");
        assert_eq!((row.r#type.as_str(), row.trace_ids.len(), row.weight), ("cards GET /accounts", 1, 1.0));
        assert!(row.kept, "{row:?}");
    }
    assert_eq!(world.transactions.offered(), (0, 0));
}

/// A trace of 150,000 spans is cut at the limit, its rest joins what it is of, and nobody else notices.
#[test]
fn a_giant_trace_starves_nobody() {
    let mut world = World::new(rules());
    let mut seeded = Seeded(21);
    let giant =
        Traffic { service: "batch", name: "POST /orders", failed: false, ..Traffic::random(&mut seeded) };
    let mut sent = Vec::new();
    world.tick(2);
    for second in 0..15 {
        let mut traffic = others(&mut seeded);
        sent.extend(traffic.iter().cloned());
        traffic.push(Traffic { first: 1 + second * 10_000, spans: 10_000, ..giant.clone() });
        world.append(Some(request(&traffic)));
        world.tick(1);
    }
    world.tick(30);
    check(&world, &sent);
    let rows = world.rows();
    assert_eq!(rows.len(), sent.len() + 1, "the giant is one transaction");
    let row = rows[&giant.name()].row.as_ref().unwrap();
    assert_eq!((u64::from(row.spans), row.r#type.as_str()), (150_000, "batch POST /orders"));
    assert!(row.kept, "a giant passes, too");
    assert!(world.closed().iter().any(|closed| closed.row.as_ref().unwrap().closed_by() != ClosedBy::Limit));
    assert_eq!(world.traces.sizes().0, 0, "nothing of it stays open");
}

/// Each of the flood is a key, a type and a trace of its own.
#[test]
fn a_flood_of_new_keys_starves_nobody() {
    let keys = std::env::var("FLOOD_KEYS").ok().and_then(|keys| keys.parse().ok()).unwrap_or(KEYS);
    let mut world = World::new(rules());
    let mut seeded = Seeded(22);
    let mut sent = Vec::new();
    world.tick(2);
    // Those that are known are known before it comes.
    for second in 0..15 {
        let traffic = others(&mut seeded);
        sent.extend(traffic.iter().cloned());
        if second >= 5 {
            let new = (0..keys / 10).map(|number| Traffic {
                name: String::leak(format!("GET /accounts/{second}/{number}")),
                service: "bff",
                failed: false,
                spans: 1,
                ..Traffic::random(&mut seeded)
            });
            for piece in new.collect::<Vec<_>>().chunks(1000) {
                world.append(Some(request(piece)));
            }
        }
        world.append(Some(request(&traffic)));
        world.tick(1);
    }
    world.tick(30);
    check(&world, &sent);
    let rows = world.rows();
    assert_eq!(rows.len() as u64, sent.len() as u64 + keys / 10 * 10, "each has its row");
    let flood =
        || rows.values().filter_map(|closed| closed.row.as_ref()).filter(|row| row.r#type.starts_with("bff"));
    let kept = flood().filter(|row| row.kept).count();
    assert!(kept > 100 && kept < 1500, "{kept} of the flood are kept");
    let sum: f64 = flood().map(|row| row.weight).sum();
    let variance: f64 = flood().map(|row| row.weight * (row.weight - 1.0).max(0.0)).sum();
    assert!(
        (sum - keys as f64).abs() <= 3.0 * variance.sqrt(),
        "{sum} of {keys}, deviation {}",
        variance.sqrt()
    );
    assert!(world.transactions.sampler().usual_types() <= throughline_sampling::MAX_USUAL_TYPES);
    assert_eq!(world.transactions.sizes().0, 0, "nothing stays open");
}

/// Few names in ever new combinations: what finds no room in the table of resources is of the one that stands for all of those.
#[test]
fn more_resources_than_there_is_room_for_are_one() {
    const SERVICES: u64 = 520;
    const INSTANCES: u64 = 510;
    let mut world = World::new(rules());
    world.tick(2);
    for service in 0..SERVICES {
        let resource_spans = (0..INSTANCES).map(|instance| {
            let attributes = vec![
                text("service.name", &format!("service-{service}")),
                text("service.instance.id", &format!("instance-{instance}")),
            ];
            let span = Span {
                trace_id: u128::from(service + 1).to_be_bytes().to_vec(),
                span_id: (instance + 1).to_be_bytes().to_vec(),
                name: "GET /".into(),
                start_time_unix_nano: BASE,
                end_time_unix_nano: BASE + 1_000_000,
                ..Span::default()
            };
            ResourceSpans {
                resource: Some(Resource { attributes, ..Resource::default() }),
                scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
                ..ResourceSpans::default()
            }
        });
        let request = ExportTraceServiceRequest { resource_spans: resource_spans.collect() };
        world.append(Some(request.encode_to_vec().into()));
    }
    world.tick(10);
    assert!(world.traces.take_counts().strings_over_limit > 0);
    let rows = world.closed();
    assert_eq!(rows.len() as u64, SERVICES);
    let services = |at: usize| &rows[at].row.as_ref().unwrap().services;
    assert_eq!(services(0), &["service-0"]);
    assert_eq!(services(rows.len() - 1), &["(other)"]);
}
