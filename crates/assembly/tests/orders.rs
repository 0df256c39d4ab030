//! The order of arrival does not matter: the same spans, in any order and however they are spread over requests, are the same transactions with the same hops and
//! the same decisions, as long as all comes within the closing times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use common::{TestSpan, World, settings, span, traffic::Seeded};
use throughline_assembly::{
    records::Transaction,
    rules::{Rules, RulesSettings},
};

/// Orders that are tried.
const ORDERS: u64 = 100;

const TRANSACTIONS: u8 = 14;

const POLICIES: &str = r#"[
    {"name":"errors","type":"status_code","status_code":{"status_codes":["ERROR"]}},
    {"name":"slow","type":"latency","latency":{"threshold_ms":1500}},
    {"name":"rest","type":"probabilistic","probabilistic":{"sampling_percentage":40}}
]"#;

/// Transactions of one to three traces, tied by one key, by two, or by links; with fan-out, retries, clients and servers, queues and errors.
fn spans(seeded: &mut Seeded) -> Vec<TestSpan> {
    let mut all = Vec::new();
    for number in 0..TRANSACTIONS {
        let key = format!("U-{number}");
        let traces = 1 + seeded.below(3) as u8;
        for of in 0..traces {
            let trace = 1 + number * 3 + of;
            let begins = u64::from(of) * (700 + seeded.below(400));
            let root = span(trace, 1, 0, if of == 0 { "POST /payments" } else { "consume" });
            let mut root = root.at(begins, begins + 600 + seeded.below(300));
            match (of, seeded.below(3)) {
                (0, _) => {
                    root = root.with("payment.uetr", &key).with("bank.transfer.id", &format!("T-{number}"));
                }
                (_, 0) => root = root.with("bank.transfer.id", &format!("T-{number}")),
                (_, 1) => root = root.with("payment.uetr", &key),
                // To a producer of the trace before.
                _ => {
                    root = root.linked(trace - 1, 2);
                    root.kind = 5;
                }
            }
            let mut producer = span(trace, 2, 1, "publish").at(begins + 20, begins + 40 + seeded.below(20));
            producer.kind = 4;
            all.extend([root, producer]);
            for child in 0..seeded.below(5) {
                let (from, long) = (begins + 50 + seeded.below(200), 10 + seeded.below(150));
                let id = 10 + child * 2;
                let mut client = span(trace, id, 1, "call").at(from, from + long);
                client.kind = 3;
                let mut server = span(trace, id + 1, id, "work").of("ledger").at(from + 2, from + long - 2);
                if seeded.below(12) == 0 {
                    server = server.failed();
                }
                all.extend([client, server.with("payment.amount", &format!("{}.50", seeded.below(900)))]);
            }
        }
    }
    all
}

fn shuffle<T>(list: &mut [T], seeded: &mut Seeded) {
    for at in (1..list.len()).rev() {
        list.swap(at, seeded.below(at as u64 + 1) as usize);
    }
}

/// The rows in the end, by id.
fn run(rules: &Arc<Rules>, spans: &[TestSpan], seeded: &mut Seeded) -> BTreeMap<String, Transaction> {
    let mut world = World::new(Arc::clone(rules));
    world.tick(2);
    let mut rest = spans;
    let mut seconds = 0;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(1 + seeded.below(40) as usize));
        world.send(now);
        rest = later;
        // Within the shortest quiet time of a trace.
        if seconds < 3 && seeded.below(8) == 0 {
            world.tick(1);
            seconds += 1;
        }
    }
    world.tick(400);
    let mut rows = BTreeMap::new();
    for closed in world.closed() {
        if let Some(before) = &closed.before {
            rows.remove(&before.transaction_id);
        }
        if let Some(row) = &closed.row {
            rows.insert(row.transaction_id.clone(), row.clone());
        }
    }
    rows
}

#[test]
fn the_order_of_arrival_does_not_matter() {
    let policies = serde_json::from_str(POLICIES).unwrap();
    let rules = Arc::new(Rules::compile(RulesSettings { policies, ..settings() }).unwrap());
    let mut seeded = Seeded(1);
    let mut all = spans(&mut seeded);
    let wanted = run(&rules, &all, &mut seeded);
    assert_eq!(wanted.len(), usize::from(TRANSACTIONS));
    assert!(wanted.values().any(|row| row.kept) && wanted.values().any(|row| !row.kept));
    assert!(wanted.values().any(|row| row.trace_ids.len() == 3));
    for order in 0..ORDERS {
        let mut seeded = Seeded(100 + order);
        shuffle(&mut all, &mut seeded);
        let found = run(&rules, &all, &mut seeded);
        assert_eq!(found.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "order {order}");
        for (id, row) in &found {
            assert_eq!(row, &wanted[id], "order {order}, {id}");
        }
    }
}
