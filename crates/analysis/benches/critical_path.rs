//! Cost of the analysis for each span, at 25 spans a trace: `cargo bench -p throughline-analysis`.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::{hint::black_box, time::Instant};

use throughline_analysis::{Rules, SpanInput, SpanKind, Workspace};

const SPANS: u64 = 25;
const TRANSACTIONS: u64 = 4000;
const ROUNDS: u64 = 50;

fn main() {
    let transactions: Vec<Vec<SpanInput>> = (0..TRANSACTIONS).map(transaction).collect();
    let rules = Rules { max_skew_ns: 1_000_000_000, ..Rules::default() };
    let mut workspace = Workspace::default();
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        for spans in &transactions {
            black_box(workspace.analyse(black_box(spans), &[], 1, &rules));
        }
        let nanoseconds = begun.elapsed().as_nanos() as f64 / (TRANSACTIONS * SPANS) as f64;
        best = best.min(nanoseconds);
    }
    println!("{best:.1} ns a span, best of {ROUNDS} rounds of {TRANSACTIONS} transactions of {SPANS} spans");
}

/// A server that calls eight services, each of which calls a database, in an order that differs from that of the starts.
fn transaction(seed: u64) -> Vec<SpanInput> {
    let base = 1_000_000_000_000 + seed * 1_000_000;
    let span = |id: u64, parent: u64, start: u64, end: u64, kind, service: u32| SpanInput {
        id: mix(seed * 100 + id),
        parent: if parent == 0 { 0 } else { mix(seed * 100 + parent) },
        start: base + start,
        end: base + end,
        kind,
        service,
        host: service,
        operation: service,
        department: 1,
        ..SpanInput::default()
    };
    let mut spans = vec![span(1, 0, 0, 100_000, SpanKind::Server, 1)];
    for call in 0..8u64 {
        let (from, service) = (call * 12_000, 2 + call as u32);
        let id = 2 + call * 3;
        spans.push(span(id, 1, from + 100, from + 11_000, SpanKind::Client, 1));
        spans.push(span(id + 1, id, from + 500, from + 10_000, SpanKind::Server, service));
        spans.push(span(id + 2, id + 1, from + 2_000, from + 9_000, SpanKind::Client, service));
    }
    spans.sort_by_key(|span| mix(span.id));
    spans
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (value ^ (value >> 29)) | 1
}
