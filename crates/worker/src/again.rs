//! Summaries that were made under other rules are looked at again: what policies match is numbered by the rules, and the spans' bytes are there.

use std::sync::Arc;

use throughline_assembly::{records::TraceSummary, rules::Rules};
use throughline_log::{Log, Position};
use throughline_otlp::Scanner;

/// Scans again under the rules of now.
pub(crate) struct Again {
    span_log: Log,
    /// Of the rules that asked last, by their version.
    scanner: Option<(u64, Scanner)>,
}

impl Again {
    pub(crate) fn new(span_log: Log) -> Self {
        Self { span_log, scanner: None }
    }

    /// Gives a summary the bits that it would have under `rules`. One whose bytes are gone keeps what it has, which then says nothing.
    pub(crate) fn look(&mut self, summary: &mut TraceSummary, rules: &Rules) {
        if summary.rules_version == rules.version {
            return;
        }
        summary.terminals = rules.terminals_of(summary);
        if let Some(matches) = self.matches(summary, rules) {
            (summary.matches, summary.rules_version) = (matches, rules.version);
        }
    }

    fn matches(&mut self, summary: &TraceSummary, rules: &Rules) -> Option<u64> {
        if self.scanner.as_ref().is_none_or(|(version, _)| *version != rules.version) {
            self.scanner = Some((rules.version, Scanner::new(Arc::clone(&rules.plan))));
        }
        let (_, scanner) = self.scanner.as_mut()?;
        let mut matches = 0;
        for (index, position) in summary.records.iter().enumerate() {
            let record = self.span_log.fetch(summary.partition, Position(*position)).ok()?;
            let facts = scanner.rescan(&record.payload).ok()?.facts;
            let offsets = summary.record.iter().zip(&summary.offset);
            let mut own: Vec<u32> =
                offsets.filter(|(record, _)| **record as usize == index).map(|(_, offset)| *offset).collect();
            own.sort_unstable();
            let spans = facts.spans.iter().filter(|span| own.binary_search(&span.body.start).is_ok());
            matches |= spans.fold(0, |bits, span| bits | span.matches);
        }
        Some(matches)
    }
}
