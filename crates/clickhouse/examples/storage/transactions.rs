//! Transactions with the hops of real transfers, and the sums of their minutes.

use std::time::{Duration, Instant};

use bytes::Bytes;
use throughline_assembly::records::{Attribute, Closed, ClosedBy, Hops, Outcome, Transaction};
use throughline_bank::plan::{HopKind, Plan, PlanOptions, Transfer, TransferKind};
use throughline_clickhouse::schema::table;
use throughline_clickhouse::{EdgeMinutes, Encoded, OperationMinutes, TransactionsBlock, day_of};

use crate::load::Load;

/// Transactions a second at full load.
const TRANSFERS_A_SECOND: f64 = 12_000.0;

/// Blocks of transactions with `hops` hops at most, and of both tables of sums.
pub(crate) fn loads(rows: usize, batches: usize, hops: usize) -> Vec<Load> {
    let options =
        PlanOptions { transfers_per_second: TRANSFERS_A_SECOND, speed: 0.0, ..PlanOptions::default() };
    let mut plan = Plan::new(&options);
    let mut count = 0;
    let mut made = [const { (Vec::new(), Duration::ZERO) }; 3];
    for _ in 0..batches {
        let mut block = TransactionsBlock::new();
        let (mut operations, mut edges) = (OperationMinutes::new(), EdgeMinutes::new());
        let mut first_start = None;
        for transfer in plan.by_ref().take(rows) {
            // As in the worker, one after the other: what was just decided is pushed.
            let closed = closed(&transfer, hops);
            let row = closed.row.as_ref().unwrap();
            first_start.get_or_insert(closed.first_start);
            count += row.hops.as_ref().unwrap().service.len();
            timed(&mut made[0].1, || block.push(&closed).unwrap());
            timed(&mut made[1].1, || operations.add(row, 1).unwrap());
            timed(&mut made[2].1, || edges.add(row, 1).unwrap());
        }
        let day = day_of(first_start.unwrap());
        let [rows_of, operations_of, edges_of] = &mut made;
        add(rows_of, || vec![Encoded { day, rows: block.rows(), bytes: block.finish() }]);
        add(operations_of, || operations.finish());
        add(edges_of, || edges.finish());
    }
    let units = rows * batches;
    let hops = count as f64 / units as f64;
    let [transactions, operations, edges] = made;
    let load = |what, name: &str, table, stored, (blocks, encode)| Load {
        what,
        name: format!("{name} of transactions with {hops:.1} hops"),
        table,
        stored,
        blocks,
        units,
        encode,
    };
    vec![
        load("transactions", "rows", table::TRANSACTIONS, &[table::TRANSACTIONS], transactions),
        load(
            "minutes",
            "operation minutes",
            table::OPERATION_MINUTES,
            &[table::OPERATION_MINUTES],
            operations,
        ),
        load("minutes", "edge minutes", table::EDGE_MINUTES, &[table::EDGE_MINUTES], edges),
    ]
}

fn timed<T>(sum: &mut Duration, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    *sum += begun.elapsed();
    done
}

fn add(to: &mut (Vec<(usize, Bytes)>, Duration), make: impl FnOnce() -> Vec<Encoded>) {
    let blocks = timed(&mut to.1, make);
    to.0.extend(blocks.into_iter().map(|block| (block.rows, Bytes::from(block.bytes))));
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
    let mut hops = Hops { strings: vec![String::new()], ..Hops::default() };
    for hop in transfer.hops.iter().take(most) {
        let mut named = |text: &str| match hops.strings.iter().position(|known| known == text) {
            Some(at) => at as u32,
            None => {
                hops.strings.push(text.to_owned());
                hops.strings.len() as u32 - 1
            }
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
