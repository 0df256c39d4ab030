//! Kept spans of a batch: gathered while decisions are read, fetched from the span log at the cut, each record once.

use std::collections::BTreeMap;

use throughline_assembly::records::{KeptTrace, TraceSummary, Transaction};
use throughline_clickhouse::rows::{SpanContext, SpanSource, SpansBlock, day_of};
use throughline_log::{FetchError, Log, Position};
use throughline_otlp::walk_spans;
use throughline_sampling::Threshold;

use crate::{WorkerError, limits::MAX_BLOCK_ROWS, metrics::SPANS_LOST};

/// What spans of one transaction share.
struct Owner {
    tenant: String,
    transaction_id: String,
    transaction_type: String,
    kept_by: String,
    weight: f64,
    threshold: Option<Threshold>,
}

/// One span to be written.
#[derive(Clone, Copy)]
struct KeptSpan {
    partition: u32,
    record: u64,
    offset: u32,
    owner: u32,
    department: u32,
    self_ns: u64,
    critical_ns: u64,
    /// Start, Unix nanoseconds: which day it belongs to.
    start: u64,
}

/// The kept spans of one batch.
#[derive(Default)]
pub(crate) struct KeptSpans {
    owners: Vec<Owner>,
    departments: Vec<String>,
    spans: Vec<KeptSpan>,
}

impl KeptSpans {
    /// Adds a transaction; its traces follow.
    pub(crate) fn owner(&mut self, row: &Transaction, weight: f64) {
        self.owners.push(Owner {
            tenant: row.tenant.clone(),
            transaction_id: row.transaction_id.clone(),
            transaction_type: row.r#type.clone(),
            kept_by: row.kept_by.clone(),
            weight,
            // What was kept for certain was not sampled here: its trace state stays as it was sent.
            threshold: if weight == 1.0 { None } else { Threshold::from_probability(1.0 / weight) },
        });
    }

    /// Adds the spans of one of its traces.
    pub(crate) fn trace(&mut self, kept: &KeptTrace, summary: &TraceSummary) {
        let first = self.departments.len() as u32;
        let text = |index: u32| summary.text(index).to_owned();
        self.departments.extend(summary.resources.iter().map(|resource| text(resource.department)));
        let owner = (self.owners.len() - 1) as u32;
        let mut skip = kept.skip.iter().copied().peekable();
        for span in 0..summary.span_id.len() {
            if skip.next_if(|skipped| *skipped as usize == span).is_some() {
                continue;
            }
            let word = |column: &[u64]| column.get(span).copied().unwrap_or(0);
            let index = |column: &[u32]| column.get(span).copied().unwrap_or(0);
            self.spans.push(KeptSpan {
                partition: summary.partition,
                record: summary.records.get(index(&summary.record) as usize).copied().unwrap_or(u64::MAX),
                offset: index(&summary.offset),
                owner,
                department: first + index(&summary.resource),
                self_ns: word(&kept.self_),
                critical_ns: word(&kept.critical),
                start: summary.base + word(&summary.start),
            });
        }
    }

    /// Counts the spans of a trace whose summary is gone.
    pub(crate) fn lost(kept: &KeptTrace) {
        metrics::counter!(SPANS_LOST, "reason" => "summary_gone").increment(kept.critical.len() as u64);
    }

    /// The blocks, by day, none with more rows than a block may have.
    pub(crate) fn blocks(mut self, log: &Log) -> Result<BTreeMap<u32, Vec<SpansBlock>>, WorkerError> {
        let mut blocks: BTreeMap<u32, Vec<SpansBlock>> = BTreeMap::new();
        let mut spans = std::mem::take(&mut self.spans);
        spans.sort_unstable_by_key(|span| (span.partition, span.record, span.offset));
        for record in spans.chunk_by(|a, b| (a.partition, a.record) == (b.partition, b.record)) {
            let Some(first) = record.first() else { continue };
            match log.fetch(first.partition, Position(first.record)) {
                Ok(found) => self.push(&found.payload, record, &mut blocks),
                Err(error @ FetchError::Beyond { .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, spans = record.len(), "bytes of kept spans are gone");
                    metrics::counter!(SPANS_LOST, "reason" => "bytes_gone").increment(record.len() as u64);
                }
            }
        }
        Ok(blocks)
    }

    fn push(&self, payload: &[u8], spans: &[KeptSpan], blocks: &mut BTreeMap<u32, Vec<SpansBlock>>) {
        let offsets: Vec<u32> = spans.iter().map(|span| span.offset).collect();
        let mut at = spans.iter();
        let mut refused = 0u64;
        let visited = walk_spans(payload, &offsets, |visit| {
            let Some(span) = at.by_ref().find(|span| span.offset == visit.offset) else { return };
            let Some(owner) = self.owners.get(span.owner as usize) else { return };
            let source = SpanSource {
                resource: visit.resource,
                resource_schema_url: std::str::from_utf8(visit.resource_schema_url).unwrap_or_default(),
                scope: visit.scope,
                scope_schema_url: std::str::from_utf8(visit.scope_schema_url).unwrap_or_default(),
                span: visit.span,
            };
            let context = SpanContext {
                tenant: &owner.tenant,
                department: self.departments.get(span.department as usize).map_or("", String::as_str),
                transaction_id: &owner.transaction_id,
                transaction_type: &owner.transaction_type,
                self_ns: span.self_ns,
                critical_ns: span.critical_ns,
                kept_by: &owner.kept_by,
                weight: owner.weight,
                threshold: owner.threshold,
            };
            if let Err(error) =
                last_block(blocks.entry(day_of(span.start)).or_default()).push(&source, &context)
            {
                tracing::error!(%error, "a kept span cannot be written");
                refused += 1;
            }
        });
        let lost = spans.len() as u64 - visited.unwrap_or(0) as u64 + refused;
        if lost > 0 {
            metrics::counter!(SPANS_LOST, "reason" => "unreadable").increment(lost);
        }
    }
}

/// A block with room.
fn last_block(blocks: &mut Vec<SpansBlock>) -> &mut SpansBlock {
    let full = blocks.last().is_none_or(|block| block.rows() >= MAX_BLOCK_ROWS);
    if full {
        blocks.push(SpansBlock::new());
    }
    let last = blocks.len() - 1;
    &mut blocks[last]
}
