//! Open traces are shown as they will be once they close, and nothing changes by it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{collections::BTreeSet, sync::Arc};

use common::{World, many, rules, settings, span};
use throughline_assembly::{
    records::TraceSummary,
    rules::Rules,
    traces::{Most, Traces, Wanted},
};

const ENOUGH: Most = Most { traces: 1000, spans: 1000 };

/// All that is wanted, looked for a few places at a time.
fn look(fold: &mut Traces, wanted: &Wanted, most: Most) -> Vec<TraceSummary> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(next) = fold.look(wanted, (place, 2), most, &mut found) {
        assert_eq!(next, place + 2);
        place = next;
    }
    found
}

fn named(keys: &[(u32, &str)], traces: &[u8]) -> Wanted {
    Wanted::Named {
        tenant: String::new(),
        keys: keys.iter().map(|(place, value)| (*place, (*value).to_owned())).collect(),
        traces: traces.iter().map(|trace| [*trace; 16]).collect(),
    }
}

fn ids(found: &[TraceSummary]) -> BTreeSet<u8> {
    found.iter().map(|summary| summary.trace_id[0]).collect()
}

fn some_open(rules: Arc<Rules>) -> World {
    let mut world = World::new(rules);
    world.tick(2);
    world.send(&[
        span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1").with("payment.amount", "12.50"),
        span(1, 2, 1, "book").of("ledger-a"),
        span(2, 1, 0, "clearing").with("payment.uetr", "U-1").with("bank.transfer.id", "T-1"),
        span(3, 1, 0, "confirm").with("bank.transfer.id", "T-1").failed(),
        span(4, 1, 0, "notify").linked(1, 2),
        span(5, 1, 0, "GET /"),
    ]);
    world
}

#[test]
fn traces_are_found_by_key_by_id_and_by_link() {
    let mut world = some_open(rules());
    let mut found =
        |keys: &[(u32, &str)], traces: &[u8]| ids(&look(&mut world.traces, &named(keys, traces), ENOUGH));
    assert_eq!(found(&[(0, "U-1")], &[]), [1, 2].into());
    assert_eq!(found(&[(1, "T-1")], &[]), [2, 3].into());
    assert_eq!(found(&[(1, "U-1")], &[]), [].into(), "a name is a key and its value");
    assert_eq!(found(&[], &[5]), [5].into());
    assert_eq!(found(&[(1, "T-1")], &[1]), [1, 2, 3, 4].into(), "the fourth links to the first");
    let other =
        Wanted::Named { tenant: "acme".into(), keys: vec![(0, "U-1".into())], traces: [[5; 16]].into() };
    assert!(look(&mut world.traces, &other, ENOUGH).is_empty(), "of another tenant");
    assert_eq!(ids(&look(&mut world.traces, &Wanted::All, ENOUGH)), [1, 2, 3, 4, 5].into());
    let mut apart = settings();
    apart.transactions.links = false;
    let mut world = some_open(Arc::new(Rules::compile(apart).unwrap()));
    assert_eq!(
        ids(&look(&mut world.traces, &named(&[], &[1]), ENOUGH)),
        [1].into(),
        "span links do not join"
    );
}

#[test]
fn what_is_shown_is_what_closes_and_the_fold_is_as_before() {
    let mut world = some_open(rules());
    let before = world.traces.snapshot(Vec::new()).unwrap();
    let mut shown = look(&mut world.traces, &Wanted::All, ENOUGH);
    assert!(world.traces.snapshot(Vec::new()).unwrap() == before, "a look changes nothing");
    world.tick(60);
    let mut closed: Vec<TraceSummary> = world.summaries().iter().map(|summary| (**summary).clone()).collect();
    for list in [&mut shown, &mut closed] {
        list.sort_by(|one, other| one.trace_id.cmp(&other.trace_id));
    }
    assert_eq!(shown.len(), 5);
    closed.iter_mut().for_each(|summary| summary.closed_by = 0);
    assert_eq!(shown, closed);
    assert!(look(&mut world.traces, &Wanted::All, ENOUGH).is_empty(), "closed ones are shown elsewhere");
}

#[test]
fn no_more_is_shown_than_is_enough() {
    let mut world = World::new(rules());
    world.append(Some(many(0..100)));
    let mut shown = |traces, spans| look(&mut world.traces, &Wanted::All, Most { traces, spans }).len();
    assert_eq!((shown(1000, 1000), shown(7, 1000), shown(1000, 9)), (100, 7, 9));
}
