//! Spans that cannot be written any more.

use throughline_assembly::{decide::Positioned, records::Closed};

/// Spans whose bytes are gone are left out, and the row says how many: those of a keep that comes after the log was trimmed.
pub(super) fn mark_lost(closed: &mut Closed, summaries: &[Positioned<'_>], start: impl Fn(u32) -> u64) {
    let Some(row) = &mut closed.row else { return };
    closed.kept.retain_mut(|kept| {
        let Some((_, summary)) = summaries.iter().find(|(place, _)| place.packed() == kept.summary) else {
            return true;
        };
        let start = start(summary.partition);
        if summary.records.iter().all(|record| *record >= start) {
            return true;
        }
        let is_gone = |index: u32| summary.records.get(index as usize).is_none_or(|record| *record < start);
        let gone = summary.record.iter().enumerate().filter(|(_, record)| is_gone(**record));
        let gone: Vec<u32> =
            gone.map(|(span, _)| span as u32).filter(|span| kept.skip.binary_search(span).is_err()).collect();
        row.spans_lost += gone.len() as u32;
        kept.skip.extend(gone);
        kept.skip.sort_unstable();
        // Of a large one the list of what is left out could be longer than a record.
        kept.skip.len() < summary.span_id.len()
    });
}
