//! What a million open transactions of three traces each cost the second fold: memory, and the time to write and to read its state.
//!
//! `cargo run --release -p throughline-assembly --example open_transactions`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints, and a failure is the answer")]

use std::{fs, sync::Arc, time::Instant};

use throughline_assembly::{
    names::NameHash,
    records::{Key, Root, TraceSummary},
    rules::{Rules, RulesSettings, SamplingSettings, TraceSettings, TransactionSettings, TypeSettings},
    time::SECOND,
    transactions::{CauseKey, Found, Link, StoredDecisions, SummaryEvent, TraceHead, Transactions, link},
};

const TRANSACTIONS: u64 = 1_000_000;
const TRACES: u64 = 3;

/// Nothing that left the fold is asked for here.
struct Nothing;

impl StoredDecisions for Nothing {
    fn find(&mut self, _: NameHash) -> Option<Found> {
        None
    }
}

fn rules() -> Rules {
    let hour = 3600 * SECOND;
    let settings = RulesSettings {
        partitions: 1,
        traces: TraceSettings {
            quiet_time: 5 * SECOND,
            quiet_time_without_root: 30 * SECOND,
            max_age: 600 * SECOND,
            max_spans: 100_000,
            max_skew: SECOND,
            error_attributes: None,
        },
        partners: Vec::new(),
        departments: Vec::new(),
        network_department: None,
        database_department: None,
        transactions: TransactionSettings {
            keys: vec!["payment.uetr".into()],
            links: true,
            quiet_time: 30 * SECOND,
            max_age: hour,
            max_traces: 10_000,
            types: vec![TypeSettings {
                name: "transfer".into(),
                matches: r#"root.name == "POST /transfers""#.into(),
                terminal: Some(r#"span.name == "settlement.confirm""#.into()),
                settle: 10 * SECOND,
                max_age: None,
                deadline: None,
            }],
            attributes: Vec::new(),
        },
        policies: Vec::new(),
        sampling: SamplingSettings::default(),
        diagnosis: throughline_analysis::diagnosis::DiagnosisSettings::default(),
        change_attributes: Vec::new(),
        batch_rows: 50_000,
        batch_delay: 5 * SECOND,
        retention: 2 * hour,
    };
    Rules::compile(settings).map_err(|faults| format!("{faults:?}")).unwrap()
}

/// Bytes of this process's own memory.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

fn main() {
    let mut fold = Transactions::new(0, Arc::new(rules()));
    let time = |fold: &mut Transactions, position: u64, now: u64| {
        let cause = CauseKey { position, ordinal: 0 };
        fold.apply(position, SummaryEvent::SourceTime { source: 0, cause, now, oldest: 0 }, &mut Nothing);
    };
    time(&mut fold, 1, SECOND);
    let idle = memory();
    let mut position = 1;
    for trace in 0..TRACES {
        for number in 0..TRANSACTIONS {
            position += 1;
            let cause = CauseKey { position, ordinal: 0 };
            let id = u128::from(trace) << 64 | u128::from(number);
            let summary = TraceSummary {
                trace_id: id.to_be_bytes().to_vec().into(),
                records: vec![position],
                base: SECOND,
                root: Some(Root { name: "POST /transfers".into(), service: "bff".into(), kind: 2 }),
                keys: vec![Key { place: 0, value: format!("{number:036}") }],
                ..TraceSummary::default()
            };
            let head = TraceHead::from(&summary);
            let links: Vec<Link> = head.names().filter_map(|name| link(name, head.name())).collect();
            fold.apply(position, SummaryEvent::Summary { source: 0, cause, summary: head }, &mut Nothing);
            let cause = CauseKey { position, ordinal: 1 };
            fold.apply(position, SummaryEvent::Links { source: 0, cause, links: &links }, &mut Nothing);
            if position.is_multiple_of(10_000) {
                position += 1;
                time(&mut fold, position, SECOND + position * 1000);
                // Its driver keeps these on disk.
                while fold.take_chunk().is_some() {}
            }
        }
    }
    let bytes = memory() - idle;
    let each = bytes as f64 / TRANSACTIONS as f64;
    println!(
        "{} open transactions of {TRACES} traces: {} MiB, {each:.0} bytes each, names in memory included",
        fold.sizes().0,
        bytes >> 20
    );
    let started = Instant::now();
    let state = fold.snapshot(Vec::new()).unwrap();
    let written = started.elapsed();
    drop(fold);
    let started = Instant::now();
    let fold = Transactions::restore(0, &state).unwrap();
    println!(
        "state of {} MiB: written in {:.1} s, read in {:.1} s, {} open",
        state.len() >> 20,
        written.as_secs_f64(),
        started.elapsed().as_secs_f64(),
        fold.sizes().0
    );
}
