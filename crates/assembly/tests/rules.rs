//! Rules that change while transactions wait: what both know of them stays.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::{World, rules, settings, span};
use throughline_assembly::{
    records::{ClosedBy, Outcome},
    rules::{Rules, RulesSettings, TypeSettings},
    time::SECOND,
};

/// A type before the one that is there, so that it and its terminal step are numbered anew.
fn other_types() -> RulesSettings {
    let mut other = settings();
    let refund = TypeSettings {
        name: "refund".into(),
        matches: r#"root.name == "POST /refunds""#.into(),
        terminal: Some(r#"span.name == "refund.done""#.into()),
        settle: SECOND,
        max_age: None,
        deadline: None,
    };
    other.transactions.types.insert(0, refund);
    other
}

fn compiled(settings: RulesSettings) -> Arc<Rules> {
    Arc::new(Rules::compile(settings).unwrap())
}

#[test]
fn a_transfer_that_waits_goes_on_waiting_for_its_terminal_step() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1")]);
    world.tick(10);
    world.change_rules(&compiled(other_types()));
    world.tick(120);
    assert!(world.closed().is_empty(), "quiet time does not close it");
    world.send(&[span(2, 1, 0, "settlement.confirm").with("payment.uetr", "U-1")]);
    world.tick(20);
    let closed = world.closed();
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!(
        (row.closed_by(), row.outcome(), row.r#type.as_str()),
        (ClosedBy::Terminal, Outcome::Ok, "transfer")
    );
}

/// What only a policy of before asked for is in no row after it.
#[test]
fn rows_have_what_the_rules_in_force_want() {
    let mut before = settings();
    before.policies = serde_json::from_str(
        r#"[{"name":"one","type":"cel","cel":{"condition":"attributes[\"customer\"] == \"x\""}}]"#,
    )
    .unwrap();
    let mut world = World::new(compiled(before));
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.amount", "7").with("customer", "x")]);
    world.tick(10);
    world.change_rules(&rules());
    world.tick(60);
    let closed = world.closed();
    let attributes: Vec<_> =
        closed[0].row.as_ref().unwrap().attributes.iter().map(|kept| kept.key.as_str()).collect();
    assert_eq!(attributes, ["payment.amount"]);
}

/// A trace whose first span came before the change and whose key came after it is one trace, in one transaction.
#[test]
fn a_trace_that_is_open_stays_open() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.amount", "7")]);
    world.tick(1);
    let mut other = settings();
    other.transactions.keys.insert(0, "payment.end_to_end_id".into());
    other.transactions.attributes.insert(0, "payment.currency".into());
    world.change_rules(&compiled(other));
    world.send(&[span(1, 2, 1, "GET /two").with("payment.uetr", "U-1").with("payment.currency", "EUR")]);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!((row.transaction_id.as_str(), row.spans), ("U-1", 2));
    let attributes: Vec<_> =
        row.attributes.iter().map(|kept| (kept.key.as_str(), kept.value.as_str())).collect();
    assert_eq!(attributes, [("payment.amount", "7"), ("payment.currency", "EUR")]);
    // Its spans are to be looked at again for what policies match.
    assert_eq!(world.summaries()[0].rules_version, 0);
}

#[test]
fn a_terminal_step_that_was_seen_stays_seen() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1")]);
    world.send(&[span(2, 1, 0, "settlement.confirm").with("payment.uetr", "U-1")]);
    world.tick(7);
    assert!(world.closed().is_empty(), "it settles");
    world.change_rules(&compiled(other_types()));
    world.tick(20);
    assert_eq!(world.closed()[0].row.as_ref().unwrap().closed_by(), ClosedBy::Terminal);
}

#[test]
fn a_type_that_is_gone_closes_by_quiet_time() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1")]);
    world.tick(10);
    let mut none = settings();
    none.transactions.types.clear();
    world.change_rules(&compiled(none));
    world.tick(60);
    let closed = world.closed();
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!((row.closed_by(), row.r#type.as_str()), (ClosedBy::Quiet, "bff POST /transfers"));
}

#[test]
fn a_summary_shows_its_terminal_steps_under_any_rules() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(2, 1, 0, "settlement.confirm").with("payment.uetr", "U-1")]);
    world.tick(7);
    let summary = world.summaries().remove(0);
    assert_eq!((summary.terminals, world.rules.terminals_of(&summary)), (1, 1));
    assert_eq!(compiled(other_types()).terminals_of(&summary), 2);
}
