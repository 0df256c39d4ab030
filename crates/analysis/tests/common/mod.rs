//! Shorthands to draw transactions.
#![allow(dead_code, reason = "each test file uses some of it")]

use throughline_analysis::{Hop, LinkInput, Path, Rules, SpanInput, SpanKind, Workspace};

/// A millisecond.
pub(crate) const MS: u64 = 1_000_000;
/// Where the drawings' time begins.
pub(crate) const BASE: u64 = 1_700_000_000_000_000_000;

/// A span of the first trace from `start` to `end` in milliseconds, on the host of its service.
pub(crate) fn span(
    id: u64,
    parent: u64,
    kind: SpanKind,
    service: u32,
    (start, end): (u64, u64),
) -> SpanInput {
    SpanInput {
        id,
        parent,
        kind,
        service,
        host: service,
        department: 100 + service,
        operation: 200 + id as u32,
        start: BASE + start * MS,
        end: BASE + end * MS,
        ..SpanInput::default()
    }
}

/// The same in another trace.
pub(crate) fn in_trace(trace: u32, span: SpanInput) -> SpanInput {
    SpanInput { trace, ..span }
}

/// A link of the span at `span` to another.
pub(crate) fn link(span: u32, trace: u32, span_id: u64) -> LinkInput {
    LinkInput { span, trace: Some(trace), span_id }
}

/// Rules with skew up to a second, and 9 for the name `other`.
pub(crate) fn rules() -> Rules {
    Rules { max_skew_ns: 1000 * MS, other: 9, ..Rules::default() }
}

/// Analyses, and checks what holds always.
pub(crate) fn analyse(spans: &[SpanInput], links: &[LinkInput]) -> Path {
    let traces = spans.iter().map(|span| span.trace + 1).max().unwrap_or(0);
    let path = Workspace::default().analyse(spans, links, traces, &rules()).clone();
    check(&path);
    path
}

/// What holds for every path.
pub(crate) fn check(path: &Path) {
    let critical: u64 = path.hops.iter().map(|hop| hop.critical).sum();
    assert_eq!(critical, path.end - path.start, "each nanosecond belongs to one hop: {path:#?}");
    for (index, hop) in path.hops.iter().enumerate() {
        assert!(hop.parent < index as i32 && hop.parent >= -1);
        assert!(hop.critical_network + hop.critical_queue <= hop.critical);
        assert!(hop.critical_network <= hop.network && hop.critical_queue <= hop.queue, "{hop:?}");
        assert!(hop.errors <= hop.count && hop.count > 0);
    }
    assert!(path.hops.len() <= throughline_analysis::MAX_HOPS);
}

/// Milliseconds of each span on the path.
pub(crate) fn critical(path: &Path) -> Vec<u64> {
    path.span_critical.iter().map(|&nanoseconds| nanoseconds / MS).collect()
}

/// The hop of an operation, where operations are 200 and the span's id.
pub(crate) fn hop(path: &Path, id: u32) -> Hop {
    let mut found = path.hops.iter().filter(|hop| hop.operation == 200 + id);
    let hop = *found.next().unwrap_or_else(|| panic!("no hop {id} in {path:#?}"));
    assert!(found.next().is_none(), "hop {id} stands twice");
    hop
}
