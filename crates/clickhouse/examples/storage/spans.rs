//! Kept spans: all spans of a bank's transfers, in blocks as the worker cuts them.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use throughline_bank::plan::{Plan, PlanOptions, Transfer, to_otlp};
use throughline_clickhouse::schema::table;
use throughline_clickhouse::{SpanContext, SpanSource, SpansBlock};

use crate::load::{Load, cpu};

/// A batch holds what was decided in so long.
const BATCH_NS: u64 = 5_000_000_000;

/// Rows of a block at most.
const MAX_ROWS: usize = 50_000;

/// Kept transfers a second: about 40,000 spans a batch.
const TRANSFERS_A_SECOND: f64 = 150.0;

/// A span as the log gives it.
struct Wire {
    /// Place in the batch's sources.
    source: usize,
    body: Vec<u8>,
    trace: [u8; 16],
    id: [u8; 8],
}

/// Blocks of at least `kept` spans.
pub(crate) fn load(kept: usize) -> Load {
    let options =
        PlanOptions { transfers_per_second: TRANSFERS_A_SECOND, speed: 0.0, ..PlanOptions::default() };
    let mut plan = Plan::new(&options);
    let (mut blocks, mut encode, mut units) = (Vec::new(), Duration::ZERO, 0);
    while units < kept {
        let until = plan.next_start() + BATCH_NS;
        let mut transfers = Vec::new();
        while plan.next_start() < until {
            transfers.push(plan.next_transfer());
        }
        let (sources, spans) = wires(&transfers);
        let contexts = contexts(&transfers);
        for part in spans.chunks(MAX_ROWS) {
            let begun = cpu();
            let mut block = SpansBlock::new();
            for span in part {
                let (resource, scope) = &sources[span.source];
                let source = SpanSource { resource, scope, span: &span.body, ..SpanSource::default() };
                block.push(&source, &contexts[&(span.trace, span.id)]).unwrap();
            }
            let rows = block.rows();
            let bytes = Bytes::from(block.finish());
            encode += cpu() - begun;
            units += rows;
            blocks.push((rows, bytes));
        }
    }
    Load {
        what: "spans",
        name: "kept spans".to_owned(),
        table: table::SPANS,
        stored: vec![table::SPANS, "otel_traces_trace_id_ts"],
        blocks,
        units,
        encode,
    }
}

/// Resources with scopes.
type Heads = Vec<(Vec<u8>, Vec<u8>)>;

/// Heads and spans, in the order of the requests.
fn wires(transfers: &[Transfer]) -> (Heads, Vec<Wire>) {
    let (mut sources, mut spans) = (Vec::new(), Vec::new());
    for resource in to_otlp(transfers).into_iter().flat_map(|request| request.resource_spans) {
        let bytes = resource.resource.map(|resource| resource.encode_to_vec()).unwrap_or_default();
        for scope in resource.scope_spans {
            sources.push((bytes.clone(), scope.scope.map(|scope| scope.encode_to_vec()).unwrap_or_default()));
            spans.extend(scope.spans.into_iter().map(|span| Wire {
                source: sources.len() - 1,
                body: span.encode_to_vec(),
                trace: span.trace_id.try_into().unwrap(),
                id: span.span_id.try_into().unwrap(),
            }));
        }
    }
    (sources, spans)
}

/// What the decision says of each span: a hop's own time is its last span's, its network that of the client's span before it.
fn contexts(transfers: &[Transfer]) -> HashMap<([u8; 16], [u8; 8]), SpanContext<'_>> {
    let mut contexts = HashMap::new();
    for transfer in transfers {
        for hop in &transfer.hops {
            let path = hop.critical - hop.critical_network - hop.critical_queue;
            let times = [(hop.own, path), (hop.network, hop.critical_network)];
            for (&at, (self_ns, critical_ns)) in hop.spans.iter().rev().zip(times) {
                let span = &transfer.spans[at];
                let context = SpanContext {
                    tenant: "",
                    department: span.instance.service.department().name(),
                    transaction_id: &transfer.uetr,
                    transaction_type: transfer.kind.name(),
                    self_ns,
                    critical_ns,
                    kept_by: if transfer.error() { "errors" } else { "rest" },
                    weight: if transfer.error() { 1.0 } else { 20.0 },
                    threshold: None,
                };
                contexts.insert((span.trace_id, span.span_id), context);
            }
        }
    }
    contexts
}

/// Whether a policy for errors would keep it.
trait Failed {
    fn error(&self) -> bool;
}

impl Failed for Transfer {
    fn error(&self) -> bool {
        self.spans.iter().any(|span| span.error.is_some())
    }
}
