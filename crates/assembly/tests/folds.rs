//! Sequences of events against the rules of the folds: each test says what happens and what must hold.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use common::{BASE, Stored, World, apply_stored, rules, settings, span};
use throughline_assembly::{
    records::{ClosedBy, Outcome, Transaction},
    rules::Rules,
    time::SECOND,
    traces::{MAX_CLOSED_TRACES, Traces},
    transactions::{MAX_CLOSED_TRANSACTIONS, Transactions},
};

/// A trace with a root closes when it is quiet, and its transaction when that is quiet.
#[test]
fn a_trace_of_its_own_becomes_one_transaction() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /"), span(1, 2, 1, "query").of("ledger-a")]);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!(row.transaction_id, "01".repeat(16));
    assert_eq!((row.spans, row.trace_ids.len()), (2, 1));
    assert_eq!(row.r#type, "bff GET /");
    assert_eq!(row.departments, ["core", "unassigned"]);
    assert_eq!(row.closed_by(), ClosedBy::Quiet);
    assert_eq!(row.outcome(), Outcome::Ok);
    let critical: u64 = row.hops.as_ref().unwrap().critical.iter().sum();
    assert_eq!(critical, row.end - row.start);
    assert!(!row.kept && row.weight == 0.0);
}

/// Traces that share a business key are one transaction, named by the key; the terminal step closes it.
#[test]
fn traces_with_one_key_become_one_transaction() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers")
        .with("payment.uetr", "U-1")
        .with("payment.amount", "12.50")]);
    world.tick(40);
    assert!(world.closed().is_empty(), "quiet time does not close a type with a terminal step");
    world.send(&[span(2, 1, 0, "settlement.confirm").with("payment.uetr", "U-1").at(30_000, 30_500)]);
    world.tick(20);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!((row.transaction_id.as_str(), row.r#type.as_str()), ("U-1", "transfer"));
    assert_eq!(row.trace_ids.len(), 2);
    assert_eq!(row.closed_by(), ClosedBy::Terminal);
    assert_eq!(
        (row.attributes[0].key.as_str(), row.attributes[0].value.as_str()),
        ("payment.amount", "12.50")
    );
    assert_eq!(row.end - row.start, 30_490 * 1_000_000);
}

/// Rule 18: with a deadline an incomplete row is written then, and amended if the step still comes.
#[test]
fn a_deadline_writes_an_incomplete_row_and_the_step_amends_it() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1")]);
    world.tick(320);
    let first = world.closed();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].row.as_ref().unwrap().outcome(), Outcome::Incomplete);
    world.send(&[span(2, 1, 0, "settlement.confirm").with("payment.uetr", "U-1").at(330_000, 330_500)]);
    world.tick(60);
    let all = world.closed();
    assert_eq!(all.len(), 2);
    assert_eq!(all[1].version, 2);
    assert_eq!(all[1].first_start, all[0].first_start, "sorting columns are those of the first closing");
    assert_eq!(all[1].before, all[0].row);
    let row = all[1].row.as_ref().unwrap();
    assert_eq!((row.outcome(), row.trace_ids.len()), (Outcome::Ok, 2));
}

/// Resends while a trace is open and long after it was closed change nothing.
#[test]
fn a_span_that_comes_again_counts_once() {
    let mut world = World::new(rules());
    world.tick(2);
    let spans = [span(1, 1, 0, "GET /"), span(1, 2, 1, "work")];
    world.send(&spans);
    world.send(&spans);
    world.tick(60);
    world.send(&spans);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].row.as_ref().unwrap().spans, 2);
    assert_eq!(world.traces.take_counts().duplicates, 4);
    assert_eq!(world.traces.sizes().0, 0, "nothing of it stays open");
}

/// A span that comes after its transaction was closed follows the decision and amends the row.
#[test]
fn a_late_span_amends_the_row_and_is_kept_as_the_rest_was() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").failed()]);
    world.tick(60);
    world.send(&[span(1, 2, 1, "late work")]);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 2);
    let row = closed[1].row.as_ref().unwrap();
    assert_eq!((row.spans, row.kept, row.kept_by.as_str()), (2, true, "errors"));
    assert_eq!(closed[0].kept.iter().map(|kept| kept.critical.len()).sum::<usize>(), 1);
    assert_eq!(
        closed[1].kept.iter().map(|kept| kept.critical.len()).sum::<usize>(),
        1,
        "only what is new is written"
    );
}

/// Keeps only ever turn on: an error that comes late brings back the spans that were dropped.
#[test]
fn a_late_error_brings_back_what_was_dropped() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.uetr", "U-1")]);
    world.tick(60);
    assert!(!world.closed()[0].row.as_ref().unwrap().kept);
    world.send(&[span(2, 1, 0, "callback").with("payment.uetr", "U-1").failed()]);
    world.tick(60);
    let last = world.closed().pop().unwrap();
    assert_eq!(last.row.as_ref().unwrap().trace_ids.len(), 2);
    assert!(last.row.as_ref().unwrap().kept);
    assert_eq!(last.kept.len(), 2, "spans of both traces are written");
}

/// Rule 8: ten minutes of downtime close nothing before clients have sent again.
#[test]
fn a_pause_closes_nothing_before_clients_have_sent_again() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /")]);
    world.wall += 600 * SECOND;
    world.send(&[span(1, 2, 1, "the rest")]);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].row.as_ref().unwrap().spans, 2);
}

/// Rule 2: a source that writes again what it had written before a crash counts once.
#[test]
fn records_written_twice_count_once() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /")]);
    world.tick(20);
    let summary =
        world.log.0.iter().find(|record| matches!(record.body, Stored::Summary(_))).cloned().unwrap();
    let before = world.transactions.sizes();
    assert!(!apply_stored(&mut world.transactions, 999, &summary));
    assert_eq!(world.transactions.sizes(), before);
    assert_eq!(world.transactions.take_counts().repeated, 1);
}

/// Rule 1: replay obeys the decisions in the log, also under rules that would decide otherwise; and closes no transaction twice.
#[test]
fn replay_obeys_decisions() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").failed()]);
    world.send(&[span(2, 1, 0, "GET /")]);
    world.tick(60);
    assert_eq!(world.closed().len(), 2);
    let mut keep_nothing = settings();
    keep_nothing.policies = Vec::new();
    let mut again = Transactions::new(0, Arc::new(Rules::compile(keep_nothing).unwrap()));
    for (position, record) in world.log.0.iter().enumerate() {
        apply_stored(&mut again, position as u64, record);
    }
    assert_eq!(again.closing(0).count(), 0, "all that closed is decided by the log");
    assert_eq!(again.batch(), world.transactions.batch());
    assert_eq!(again.sizes(), world.transactions.sizes());
}

/// Snapshot and replay give the same state and the same records as one run, wherever the snapshot is taken.
#[test]
fn a_fold_restored_from_a_snapshot_goes_on_as_if_nothing_happened() {
    let mut world = World::new(rules());
    world.tick(2);
    for n in 1..40u8 {
        world.send(&[
            span(n, 1, 0, if n % 3 == 0 { "POST /transfers" } else { "GET /" })
                .with("payment.uetr", &format!("U-{}", n / 2)),
            span(n, 2, 1, "work").of("ledger"),
        ]);
        if n % 5 == 0 {
            world.send(&[span(n - 4, 3, 1, "late"), span(n, 2, 1, "work").of("ledger")]);
        }
        world.tick(3);
    }
    world.tick(700);
    for cut in (0..world.spans.len()).step_by(7) {
        let mut first = Traces::new(0, rules());
        let mut emitted = Vec::new();
        let mut log = common::SummaryLog(world.log.0.clone(), common::Chunks::default());
        for position in 0..cut {
            emitted.extend(apply_span(&mut first, &world, position, &mut log));
        }
        let bytes = first.snapshot(Vec::new()).unwrap();
        let mut restored = Traces::restore(0, &bytes).unwrap();
        assert_eq!(restored.sizes().0, first.sizes().0);
        for position in cut..world.spans.len() {
            let once = apply_span(&mut first, &world, position, &mut log);
            let again = apply_span(&mut restored, &world, position, &mut log);
            assert_eq!(once, again, "record {position} after a snapshot at {cut}");
        }
        assert_eq!(first.snapshot(Vec::new()).unwrap(), restored.snapshot(Vec::new()).unwrap());
    }
    for cut in (0..world.log.0.len()).step_by(11) {
        let mut first = Transactions::new(0, rules());
        for position in 0..cut {
            apply_stored(&mut first, position as u64, &world.log.0[position]);
        }
        let mut restored = Transactions::restore(0, &first.snapshot(Vec::new()).unwrap()).unwrap();
        for position in cut..world.log.0.len() {
            let record = &world.log.0[position];
            let once = apply_stored(&mut first, position as u64, record);
            assert_eq!(once, apply_stored(&mut restored, position as u64, record));
        }
        assert_eq!(first.snapshot(Vec::new()).unwrap(), restored.snapshot(Vec::new()).unwrap());
    }
}

fn apply_span(
    fold: &mut Traces,
    world: &World,
    position: usize,
    log: &mut common::SummaryLog,
) -> Vec<String> {
    use throughline_assembly::{
        place::Place,
        traces::{EmitBody, SpanEvent},
    };
    let (wall, payload) = &world.spans[position];
    let mut out = Vec::new();
    let event = match payload {
        Some(payload) => SpanEvent::Spans { tenant: "", payload, facts: None },
        None => SpanEvent::Tick,
    };
    fold.apply(position as u64, *wall, event, log, &mut out);
    for emit in &out {
        if let EmitBody::Summary(summary) = &emit.body {
            let at = log
                .0
                .iter()
                .position(|record| matches!(&record.body, Stored::Summary(known) if known == summary));
            fold.note_summary((&**summary).into(), Place::new(0, at.unwrap() as u64));
        }
    }
    out.iter().map(|emit| format!("{emit:?}")).collect()
}

/// A giant trace is closed by size, its summary comes in pieces that fit a record, and no span of it is lost.
#[test]
fn a_giant_trace_comes_in_pieces() {
    let mut huge = settings();
    huge.traces.max_spans = 30_000;
    let mut world = World::new(Arc::new(Rules::compile(huge).unwrap()));
    world.tick(2);
    for chunk in 0..30u64 {
        let spans: Vec<_> = (1..=1000)
            .map(|i| span(1, chunk * 1000 + i, u64::from(chunk + i > 1), "op").at(i, i + 5))
            .collect();
        world.send(&spans);
    }
    world.tick(60);
    let summaries: Vec<_> = world
        .log
        .0
        .iter()
        .filter_map(|record| match &record.body {
            Stored::Summary(summary) => Some(Arc::clone(summary)),
            _ => None,
        })
        .collect();
    let sizes: Vec<_> = summaries.iter().map(|summary| prost::Message::encoded_len(&**summary)).collect();
    assert!(sizes.len() > 1 && sizes.iter().all(|size| *size < 900 << 10), "{sizes:?}");
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!((row.spans, row.trace_ids.len()), (30_000, 1));
}

/// Times that no offset can hold come out as they went in.
#[test]
fn absurd_times_are_kept() {
    let mut world = World::new(rules());
    world.tick(2);
    let far = 4_000_000_000_000;
    world.send(&[span(1, 1, 0, "GET /"), span(1, 2, 1, "far").at(far, far + 5)]);
    world.tick(60);
    let closed = world.closed();
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!(row.end, BASE + (far + 5) * 1_000_000);
}

/// Rule 14: a key that has as many traces as one transaction takes is no name any more; what comes under it then stands for itself, and nothing is lost.
#[test]
fn a_bad_key_is_capped() {
    let mut capped = settings();
    capped.transactions.max_traces = 3;
    let mut world = World::new(Arc::new(Rules::compile(capped).unwrap()));
    world.tick(2);
    for trace in 1..=6 {
        world.send(&[span(trace, 1, 0, "GET /").with("payment.uetr", "unknown")]);
        world.tick(8);
    }
    world.tick(60);
    let rows = world.rows();
    assert_eq!(rows.len(), 4, "{:?}", rows.keys());
    assert_eq!(rows["unknown"].row.as_ref().unwrap().trace_ids.len(), 3);
    for trace in 4..=6u8 {
        let own = rows[&format!("{trace:02x}").repeat(16)].row.as_ref().unwrap();
        assert_eq!((own.trace_ids.len(), own.keys.as_slice()), (1, &["unknown".to_owned()][..]));
    }
    assert_eq!(world.transactions.take_counts().over_max_traces, 3);
}

/// Rule 15: what is closed leaves memory, and is found again by what comes late, after a snapshot too.
#[test]
fn closed_transactions_are_found_beyond_what_memory_holds() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.uetr", "U-1").failed()]);
    world.tick(60);
    let others = 3 * MAX_CLOSED_TRACES as u64 / 2 + 2;
    for first in (0..others).step_by(1000) {
        world.append(Some(common::many(first..(first + 1000).min(others))));
    }
    world.tick(60);
    assert!(world.log.1.traces.contains_key(&[1; 16]) && world.log.1.transactions.len() > 1);
    assert!(world.transactions.sizes().1 <= MAX_CLOSED_TRANSACTIONS);
    let saved = world.transactions.snapshot(Vec::new()).unwrap();
    world.transactions = Transactions::restore(0, &saved).unwrap();
    let saved = world.traces.snapshot(Vec::new()).unwrap();
    world.traces = Traces::restore(0, &saved).unwrap();
    let before = world.closed().len();
    // One span again, one that is new; and a trace that was never here with the same key.
    world.send(&[
        span(1, 1, 0, "GET /"),
        span(1, 2, 1, "late"),
        span(2, 1, 0, "new").with("payment.uetr", "U-1"),
    ]);
    world.tick(60);
    let last = world.closed()[before..].iter().rfind(|closed| closed.row.is_some()).cloned().unwrap();
    let row = last.row.as_ref().unwrap();
    assert_eq!((row.transaction_id.as_str(), row.spans, row.trace_ids.len()), ("U-1", 3, 2));
    assert!(last.version > 1 && row.kept && row.kept_by == "errors");
    assert_eq!(world.traces.take_counts().duplicates, 1);
    assert_eq!(last.before, row_of(&world, last.version - 1), "the sums of the row before are taken back");
}

fn row_of(world: &World, version: u32) -> Option<Transaction> {
    let closed = world.closed();
    let mut rows = closed.iter().filter(|closed| closed.version == version).map(|closed| closed.row.clone());
    rows.find(|row| row.as_ref().unwrap().transaction_id == "U-1").unwrap()
}

/// Rule 21: what holds the log over its size is decided early, and replay obeys the decision without being told to.
#[test]
fn what_holds_the_log_is_decided_early() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "POST /transfers").with("payment.uetr", "U-1")]);
    world.tick(60);
    assert!(world.closed().is_empty(), "it waits for its terminal step");
    let position = world.spans.len() as u64;
    assert_eq!(world.transactions.close_early(&[1]), 0, "nothing of it lies before that");
    assert_eq!(world.transactions.close_early(&[position]), 1);
    assert_eq!(world.transactions.close_early(&[position]), 0);
    world.tick(1);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    assert_eq!(closed[0].row.as_ref().unwrap().closed_by(), ClosedBy::Limit);
    let mut again = Transactions::new(0, rules());
    for (position, record) in world.log.0.iter().enumerate() {
        apply_stored(&mut again, position as u64, record);
    }
    assert_eq!(again.sizes(), world.transactions.sizes());
    assert_eq!(again.sizes().0, 0);
    assert_eq!(again.batch(), world.transactions.batch());
}

/// Rule 15 and 16: where what a row covered is gone, what comes late is a row of its own, of what is new.
#[test]
fn a_fragment_is_a_row_of_its_own() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.uetr", "U-1")]);
    world.tick(60);
    let first = world.log.0.iter().position(|record| matches!(record.body, Stored::Summary(_))).unwrap();
    world.log.0[first].body = Stored::Cut;
    world.send(&[span(2, 1, 0, "callback").with("payment.uetr", "U-1").failed()]);
    world.tick(60);
    let closed = world.closed();
    let (before, late) = (closed[0].row.as_ref().unwrap(), closed[1].row.as_ref().unwrap());
    assert_eq!(late.closed_by(), ClosedBy::Late);
    assert_ne!(late.transaction_id, before.transaction_id);
    assert_eq!((late.spans, &closed[1].before), (1, &None), "only what is new, and no sums are taken back");
}

/// Rules that change while traces and transactions are open: what was gathered under the old ones is numbered anew, and nothing is lost.
#[test]
fn rules_that_change_end_nothing_that_is_open() {
    let mut world = World::new(rules());
    world.tick(2);
    world.send(&[span(1, 1, 0, "GET /").with("payment.amount", "7")]);
    let mut other = settings();
    other.transactions.attributes = vec!["payment.currency".into(), "payment.amount".into()];
    let other = Arc::new(Rules::compile(other).unwrap());
    world.change_rules(&other);
    world.tick(60);
    let closed = world.closed();
    assert_eq!(closed.len(), 1);
    let row = closed[0].row.as_ref().unwrap();
    assert_eq!((row.attributes[0].key.as_str(), row.attributes[0].value.as_str()), ("payment.amount", "7"));
}
