//! What comes of a trace or a transaction that was closed: written once, weighed by what keeps it in the end.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{BASE, Stored, StoredRecord, World, apply_stored, quick_rules, rules, span};
use serde_json::json;
use throughline_assembly::{
    records::Closed,
    time::SECOND,
    traces::Traces,
    transactions::{CauseKey, Transactions},
};

/// The request that shows that a trace is quiet long enough brings spans of it too: one again, one that is late and does not know the key.
#[test]
fn spans_in_the_record_that_closes_their_trace_are_late_ones_of_it() {
    let mut world = World::new(rules());
    world.tick(2);
    let first = span(1, 1, 0, "GET /").with("payment.uetr", "U-1").failed();
    world.send(std::slice::from_ref(&first));
    world.tick(4);
    world.wall += SECOND;
    world.send(&[first, span(1, 2, 1, "work")]);
    assert_eq!(world.summaries().len(), 1, "that record closed it");
    world.tick(60);
    let closed = world.closed();
    let row = closed.last().unwrap().row.as_ref().unwrap();
    assert_eq!((row.transaction_id.as_str(), row.spans), ("U-1", 2));
    assert_eq!(world.traces.take_counts().duplicates, 1);
    assert_eq!(spans_written(&closed), 2, "each span is written once");
}

/// Two pieces of a trace have the same span, for the fold that made the second did not know the first any more; one piece was kept under the trace's own name.
#[test]
fn a_span_of_two_pieces_is_written_once() {
    let mut world = World::new(rules());
    world.tick(2);
    let shared = span(1, 1, 0, "GET /").failed();
    world.send(std::slice::from_ref(&shared));
    world.tick(60);
    world.traces = Traces::new(0, rules());
    world.send(&[shared, span(1, 2, 1, "work").with("payment.uetr", "U-1")]);
    world.send(&[span(2, 1, 0, "callback").with("payment.uetr", "U-1")]);
    world.tick(60);
    let closed = world.closed();
    let row = closed.last().unwrap().row.as_ref().unwrap();
    assert_eq!((row.transaction_id.as_str(), row.spans, row.trace_ids.len()), ("U-1", 3, 2));
    assert_eq!(spans_written(&closed), 3, "each span is written once");
}

/// Spans that decisions write.
fn spans_written(closed: &[Arc<Closed>]) -> usize {
    closed.iter().flat_map(|closed| &closed.kept).map(|kept| kept.critical.len() - kept.skip.len()).sum()
}

/// A trace is kept by a draw of its own name; then it turns out to be of a transaction whose draw does not keep it; then that has an error.
#[test]
fn what_another_draw_kept_and_an_error_keeps_too_stands_for_itself() {
    let policies = json!([{"name": "errors", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {"name": "half", "type": "probabilistic", "probabilistic": {"sampling_percentage": 50}}]);
    let mut world = World::new(quick_rules(policies, |_| ()));
    let mut tested = 0;
    world.tick(2);
    for number in 1..=20 {
        let key = format!("U-{number}");
        world.send(&[span(number, 1, 0, "GET /")]);
        world.tick(10);
        world.send(&[span(number, 2, 1, "work").with("payment.uetr", &key)]);
        world.tick(10);
        let joined = world.closed().pop().unwrap().row.clone().unwrap();
        assert_eq!((joined.transaction_id, joined.spans), (key, 2));
        world.send(&[span(number, 3, 1, "late").failed()]);
        world.tick(10);
        let last = world.closed().pop().unwrap().row.clone().unwrap();
        assert_eq!((last.kept, last.weight, last.spans), (true, 1.0, 3));
        if joined.kept && joined.weight == 0.0 {
            assert_eq!(last.kept_by, "errors");
            tested += 1;
        }
    }
    assert!(tested > 0, "no draw of a trace's own name kept what the key's did not");
}

/// An id that everything has: what came long ago is not read again with each piece.
#[test]
fn of_a_trace_without_end_the_newest_pieces_tell_resends() {
    let mut world = World::new(quick_rules(json!([]), |settings| settings.traces.max_spans = 10));
    let piece = |number: u64| (1..=10).map(|id| span(1, number * 10 + id, 0, "GET /")).collect::<Vec<_>>();
    world.tick(2);
    (0..70).for_each(|number| world.send(&piece(number)));
    assert_eq!(world.summaries().len(), 70);
    assert_eq!(world.traces.take_counts().recalled_over_limit, 1 + 2 + 3 + 4 + 5, "and says so");
    world.send(&piece(69));
    assert_eq!(world.traces.take_counts().duplicates, 10);
    world.send(&piece(6));
    assert_eq!(world.traces.take_counts().duplicates, 10, "the oldest of those that are read");
    world.send(&piece(5));
    assert_eq!(world.traces.take_counts().duplicates, 0);
    world.tick(30);
    let closed = world.closed();
    assert_eq!(
        closed.last().unwrap().row.as_ref().unwrap().spans,
        700,
        "a row counts each span once all the same"
    );
}

/// Time of a fold is the least of its sources' times: while one partition of the span log lags, its traces may still come.
#[test]
fn a_partition_that_lags_closes_nothing() {
    let mut world = World::new(quick_rules(json!([]), |_| ()));
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /")]);
    world.tick(4);
    let summary = world.summaries()[0].clone();
    let two = quick_rules(json!([]), |settings| settings.partitions = 2);
    let mut fold = Transactions::new(0, two);
    let mut position = 0;
    let mut apply = |fold: &mut Transactions, source: u32, body: Stored| {
        position += 1;
        let cause = Some(CauseKey { position, ordinal: 0 });
        apply_stored(fold, position, &StoredRecord { cause, source, body });
    };
    let at = |seconds: u64| Stored::SourceTime(BASE + seconds * SECOND, 0);
    for source in [0, 1] {
        apply(&mut fold, source, at(10));
    }
    apply(&mut fold, 0, Stored::Summary(summary));
    for seconds in 11..100 {
        apply(&mut fold, 0, at(seconds));
    }
    assert_eq!((fold.now(), fold.closing(0).count()), (BASE + 10 * SECOND, 0));
    apply(&mut fold, 1, at(11));
    assert_eq!(fold.closing(0).count(), 0, "quiet time is that of the slower one");
    apply(&mut fold, 1, at(20));
    assert_eq!((fold.now(), fold.closing(0).count()), (BASE + 20 * SECOND, 1));
}
