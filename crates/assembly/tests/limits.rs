//! Limits of a decision's record: what does not fit is left out, and counted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{BASE, quick_rules};
use serde_json::json;
use throughline_assembly::{
    decide::{Decided, Decider, DeciderCounts},
    place::Place,
    records::{Closed, ClosedBy, Key, Resource, Root, TraceSummary},
    transactions::{Closing, Member, TraceHead},
};
use throughline_sampling::Sampler;

/// The decision over a transaction of one trace, which is kept.
fn decide(decider: &mut Decider, summary: &TraceSummary) -> Closed {
    let rules = quick_rules(json!([{"name": "all", "type": "always_sample"}]), |_| ());
    let place = Place::new(0, 7);
    let closing = Closing {
        sequence: 0,
        name: TraceHead::from(summary).name(),
        closed_by: ClosedBy::Quiet,
        members: vec![Member::new(place)],
        covered: 0,
        previous: None,
        kept_from: None,
        version: 1,
        share: 0.0,
        begun: 0,
        verdict: None,
        take_back: false,
    };
    match decider.decide((&rules, &Sampler::default()), &closing, &[(place, summary)], None, None) {
        Decided::Closed(closed) => *closed,
        Decided::Offer(..) => panic!("nothing hangs on what came before"),
    }
}

/// A root and so many children of a long time each, one after the other.
fn summary(children: usize) -> TraceSummary {
    let spans = 1 + children;
    let long = 1u64 << 40;
    let mut start = vec![0];
    start.extend((0..children as u64).map(|number| number * long));
    let mut duration = vec![spans as u64 * long];
    duration.resize(spans, long);
    let mut parent_id = vec![0];
    parent_id.resize(spans, 1);
    TraceSummary {
        trace_id: vec![1; 16].into(),
        string_ends: vec![0],
        span_id: (1..=spans as u64).collect(),
        parent_id,
        start,
        duration,
        flags: vec![1; spans],
        operation: vec![0; spans],
        resource: vec![0; spans],
        peer: vec![0; spans],
        record: vec![0; spans],
        offset: (0..spans as u32).collect(),
        records: vec![1],
        resources: vec![Resource::default()],
        root: Some(Root::default()),
        base: BASE,
        ..TraceSummary::default()
    }
}

#[test]
fn a_list_that_does_not_fit_is_cut_and_counted() {
    let mut decider = Decider::default();
    let keys = |count: usize| {
        let key = |number| Key { place: 0, value: format!("{number:01024}") };
        TraceSummary { keys: (0..count).map(key).collect(), ..summary(1) }
    };
    assert_eq!(decide(&mut decider, &keys(128)).row.unwrap().keys.len(), 128);
    assert_eq!(decider.take_counts(), DeciderCounts::default());
    assert_eq!(decide(&mut decider, &keys(129)).row.unwrap().keys.len(), 128);
    assert_eq!(decider.take_counts(), DeciderCounts { lists_cut: 1, without_times: 0 });
    assert_eq!(decider.take_counts(), DeciderCounts::default(), "told once");
}

#[test]
fn times_that_do_not_fit_are_left_out_and_counted() {
    let mut decider = Decider::default();
    let few = decide(&mut decider, &summary(1000));
    assert_eq!((few.kept.len(), few.kept[0].self_.len()), (1, 1001));
    assert_eq!(decider.take_counts(), DeciderCounts::default());
    let many = decide(&mut decider, &summary(200_000));
    assert_eq!((many.kept.len(), many.kept[0].self_.len(), many.kept[0].critical.len()), (1, 0, 0));
    assert!(many.kept[0].skip.is_empty(), "its spans are written all the same");
    assert_eq!(decider.take_counts(), DeciderCounts { lists_cut: 0, without_times: 1 });
}
