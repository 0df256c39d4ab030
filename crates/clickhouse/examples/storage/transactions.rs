//! Transactions with the hops of real transfers, and the sums of their minutes.

use std::time::Duration;

use bytes::Bytes;
use throughline_assembly::records::{Attribute, Closed, ClosedBy, Hops, Outcome, Transaction};
use throughline_bank::plan::{HopKind, Plan, PlanOptions, Transfer, TransferKind};
use throughline_clickhouse::DecisionRows;
use throughline_clickhouse::schema::table;

use crate::load::{Load, cpu};

/// Transactions a second at full load.
const TRANSFERS_A_SECOND: f64 = 12_000.0;

/// Rows of a block at most.
const MAX_ROWS: usize = 100_000;

/// Decisions that follow each other, as in the worker.
const AT_ONCE: usize = 512;

/// What is measured, its name, its table.
const TABLES: [(&str, &str, &str); 3] = [
    ("transactions", "rows", table::TRANSACTIONS),
    ("minutes", "operation minutes", table::OPERATION_MINUTES),
    ("minutes", "edge minutes", table::EDGE_MINUTES),
];

/// Transactions that the rows' maker learns names from, as one that runs has.
const WARM: usize = 1000;

/// Blocks of transactions with `hops` hops at most, and of both tables of sums. Encoding is timed for all three together, and told of the first.
pub(crate) fn loads(rows: usize, batches: usize, hops: usize) -> Vec<Load> {
    let options =
        PlanOptions { transfers_per_second: TRANSFERS_A_SECOND, speed: 0.0, ..PlanOptions::default() };
    let mut plan = Plan::new(&options);
    let (mut count, mut encode) = (0, Duration::ZERO);
    let mut made: [Vec<(usize, Bytes)>; 3] = Default::default();
    let mut decisions = DecisionRows::new(MAX_ROWS);
    plan.by_ref().take(WARM).for_each(|transfer| decisions.add(&closed(&transfer, hops)).unwrap());
    drop(decisions.finish());
    for _ in 0..batches {
        let mut left = rows;
        while left > 0 {
            let made: Vec<Closed> =
                plan.by_ref().take(left.min(AT_ONCE)).map(|transfer| closed(&transfer, hops)).collect();
            left -= made.len();
            count += made.iter().map(hops_of).sum::<usize>();
            timed(&mut encode, || made.iter().for_each(|closed| decisions.add(closed).unwrap()));
        }
        for (table, block) in timed(&mut encode, || decisions.finish()) {
            let at = TABLES.iter().position(|(_, _, known)| *known == table).unwrap();
            made[at].push((block.rows, block.bytes));
        }
    }
    let units = rows * batches;
    let hops = count as f64 / units as f64;
    let load = |((what, name, table), blocks)| Load {
        what,
        name: format!("{name} of transactions with {hops:.1} hops"),
        table,
        stored: vec![table],
        blocks,
        units,
        encode: if what == "transactions" { encode } else { Duration::ZERO },
    };
    TABLES.into_iter().zip(made).map(load).collect()
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = cpu();
    let done = work();
    *sum += cpu() - begun;
    done
}

fn hops_of(closed: &Closed) -> usize {
    closed.row.as_ref().and_then(|row| row.hops.as_ref()).map_or(0, |hops| hops.service.len())
}

/// A transfer as it is decided.
fn closed(transfer: &Transfer, most: usize) -> Closed {
    let errors = transfer.spans.iter().filter(|span| span.error.is_some()).count() as u32;
    let named = |name: fn(&throughline_bank::plan::Hop) -> &'static str| {
        let mut names: Vec<String> = transfer.hops.iter().map(|hop| name(hop).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let attribute = |key: &str, value: String| Attribute { key: key.to_owned(), value };
    let mut trace_ids: Vec<Bytes> = transfer.trace_ids.iter().map(|id| Bytes::copy_from_slice(id)).collect();
    trace_ids.sort_unstable();
    let kept = errors > 0 || transfer.number.is_multiple_of(20);
    let row = Transaction {
        transaction_id: transfer.uetr.clone(),
        keys: vec![transfer.uetr.clone()],
        r#type: transfer.kind.name().to_owned(),
        start: transfer.start,
        end: transfer.end,
        outcome: Outcome::Ok.into(),
        trace_ids,
        spans: transfer.spans.len() as u32,
        errors,
        services: named(|hop| hop.service().name()),
        departments: named(|hop| hop.service().department().name()),
        kept,
        kept_by: if errors > 0 { "errors" } else { "rest" }.to_owned(),
        weight: if kept && errors == 0 { 20.0 } else { 1.0 },
        closed_by: if transfer.kind == TransferKind::Internal { ClosedBy::Quiet } else { ClosedBy::Terminal }
            .into(),
        attributes: vec![
            attribute("bank.channel", transfer.channel.to_owned()),
            attribute("payment.amount", transfer.amount.to_string()),
            attribute("payment.currency", transfer.currency.to_owned()),
        ],
        hops: Some(hops(transfer, most)),
        ..Transaction::default()
    };
    Closed { row: Some(row), version: 1, first_start: transfer.start, ..Closed::default() }
}

fn hops(transfer: &Transfer, most: usize) -> Hops {
    let mut hops = Hops::default();
    hops.push_text("");
    for hop in transfer.hops.iter().take(most) {
        let mut named = |text: &str| {
            let known = hops.texts().position(|known| known == text);
            known.map_or_else(|| hops.push_text(text), |at| at as u32)
        };
        let [department, service, operation, version, instance] = [
            hop.service().department().name(),
            hop.service().name(),
            hop.operation.as_ref(),
            hop.instance.version.as_str(),
            hop.instance.pod.as_str(),
        ]
        .map(&mut named);
        hops.department.push(department);
        hops.service.push(service);
        hops.operation.push(operation);
        hops.version.push(version);
        hops.instance.push(instance);
        hops.kind.push(match hop.kind {
            HopKind::Own => 0,
            HopKind::Database => 1,
            HopKind::Partner => 4,
        });
        hops.parent.push(hop.parent.map_or(-1, |at| at as i32));
        hops.count.push(1);
        hops.start.push(hop.start.cast_signed() - transfer.start.cast_signed());
        hops.duration.push(hop.end - hop.start);
        hops.self_.push(hop.own);
        hops.network.push(hop.network);
        hops.queue.push(hop.queue);
        hops.critical.push(hop.critical);
        hops.critical_network.push(hop.critical_network);
        hops.critical_queue.push(hop.critical_queue);
        hops.errors.push(hop.error.into());
    }
    hops
}
