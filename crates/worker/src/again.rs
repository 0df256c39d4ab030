//! Summaries that were made under other rules are looked at again: what policies match is numbered by the rules, what they name may be new, and the spans'
//! bytes are there.

use std::{collections::BTreeMap, sync::Arc};

use throughline_assembly::{
    records::{Attribute, TraceSummary},
    rules::Rules,
};
use throughline_log::{Log, Position};
use throughline_otlp::{Capture, Scanner, SpanFact};

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
        if let Some(seen) = self.scan(summary, rules) {
            (summary.matches, summary.rules_version) = (seen.matches, rules.version);
            for (key, (_, value)) in seen.attributes {
                if !summary.attributes.iter().any(|known| known.key == key) {
                    summary.attributes.push(Attribute { key: key.to_owned(), value });
                }
            }
        }
    }

    fn scan<'r>(&mut self, summary: &TraceSummary, rules: &'r Rules) -> Option<Seen<'r>> {
        if self.scanner.as_ref().is_none_or(|(version, _)| *version != rules.version) {
            self.scanner = Some((rules.version, Scanner::new(Arc::clone(&rules.plan))));
        }
        let (_, scanner) = self.scanner.as_mut()?;
        let mut seen = Seen::default();
        for (index, position) in summary.records.iter().enumerate() {
            let record = self.span_log.fetch(summary.partition, Position(*position)).ok()?;
            let facts = scanner.rescan(&record.payload).ok()?.facts;
            let offsets = summary.record.iter().zip(&summary.offset);
            let mut own: Vec<u32> =
                offsets.filter(|(record, _)| **record as usize == index).map(|(_, offset)| *offset).collect();
            own.sort_unstable();
            let is_own = |span: &SpanFact| own.binary_search(&span.body.start).is_ok();
            for span in facts.spans.iter().filter(|span| is_own(span)) {
                seen.matches |= rules.matches_of(span, &record.payload);
            }
            for capture in &facts.captures {
                if let Some(span) = facts.spans.get(capture.span as usize).filter(|span| is_own(span)) {
                    seen.capture(rules, span, capture, capture.text.of(&facts.text));
                }
            }
        }
        Some(seen)
    }
}

/// What a summary's spans say under other rules.
#[derive(Default)]
struct Seen<'r> {
    matches: u64,
    /// Attributes that are kept or that policies name: that of the span that started first.
    attributes: BTreeMap<&'r str, ((u64, u64), String)>,
}

impl<'r> Seen<'r> {
    fn capture(&mut self, rules: &'r Rules, span: &SpanFact, capture: &Capture, text: &[u8]) {
        let index = rules.attribute_slots.get(usize::from(capture.slot)).copied().flatten();
        let key = index.and_then(|index| rules.captured.get(index as usize));
        let (Some(key), Ok(text)) = (key, std::str::from_utf8(text)) else { return };
        let at = (span.start, span.span_id.0);
        let known = self.attributes.get(&**key).is_some_and(|(known, _)| *known <= at);
        if !known {
            self.attributes.insert(key, (at, text.to_owned()));
        }
    }
}
