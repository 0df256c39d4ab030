//! What holds for every transaction, nonsense included.

mod common;

use common::{check, rules};
use proptest::prelude::*;
use throughline_analysis::{LinkInput, Path, Rules, SpanInput, SpanKind, Workspace};

/// Few ids and few times, so that cycles, orphans, shared ids, equal times and spans of no length are common.
fn any_span() -> impl Strategy<Value = SpanInput> {
    let time = prop_oneof![6 => 0u64..30, 1 => Just(0), 1 => Just(u64::MAX), 1 => (u64::MAX - 20)..u64::MAX];
    let places = (0u32..3, 1u64..12, 0u64..14, 0u8..7);
    let names = (any::<bool>(), any::<bool>(), 0u32..3, 0u32..3, 0u32..3);
    (places, time.clone(), time, names).prop_map(
        |((trace, id, parent, kind), start, length, (error, database, service, host, peer))| SpanInput {
            trace,
            id,
            parent,
            kind: SpanKind::from_number(kind),
            start,
            end: start.saturating_add(length),
            error,
            database,
            service,
            host,
            peer,
            ..SpanInput::default()
        },
    )
}

fn any_links() -> impl Strategy<Value = Vec<LinkInput>> {
    let link = (0u32..40, prop::option::of(0u32..4), 0u64..14);
    let link = link.prop_map(|(span, trace, span_id)| LinkInput { span, trace, span_id });
    prop::collection::vec(link, 0..8)
}

fn any_rules() -> impl Strategy<Value = Rules> {
    prop_oneof![Just(0), Just(5), Just(u64::MAX)].prop_map(|max_skew_ns| Rules { max_skew_ns, ..rules() })
}

fn analyse(spans: &[SpanInput], links: &[LinkInput], rules: &Rules) -> Path {
    Workspace::default().analyse(spans, links, 3, rules).clone()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn each_nanosecond_belongs_to_one_hop(
        spans in prop::collection::vec(any_span(), 0..40),
        links in any_links(),
        rules in any_rules(),
    ) {
        let path = analyse(&spans, &links, &rules);
        check(&path);
        prop_assert_eq!(path.hops.iter().map(|hop| hop.count as usize).sum::<usize>() <= spans.len(), true);
        for (span, (&own, &critical)) in spans.iter().zip(path.span_self.iter().zip(&path.span_critical)) {
            prop_assert!(own <= span.end - span.start && critical <= span.end - span.start);
        }
        for (trace, &root) in (0u32..).zip(&path.roots) {
            let known = spans.iter().any(|span| span.trace == trace);
            prop_assert_eq!(spans.get(root as usize).map(|root| root.trace), known.then_some(trace));
        }
    }

    #[test]
    fn the_order_of_spans_and_links_changes_nothing(
        spans in prop::collection::vec(any_span(), 0..40),
        links in any_links(),
        rules in any_rules(),
        seed in any::<u64>(),
    ) {
        let mut spans = spans;
        spans.sort_unstable_by_key(|span| (span.trace, span.id, span.kind));
        spans.dedup_by_key(|span| (span.trace, span.id, span.kind));
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_unstable_by_key(|&index| (index as u64 + 1).wrapping_mul(seed | 1).rotate_left(17));
        let shuffled: Vec<_> = order.iter().map(|&index| spans[index]).collect();
        let moved = |link: &LinkInput| order.iter().position(|&index| index == link.span as usize).map(|span| LinkInput { span: span as u32, ..*link });
        let links: Vec<_> = links.into_iter().filter(|link| (link.span as usize) < spans.len()).collect();
        let shuffled_links: Vec<_> = links.iter().rev().filter_map(moved).collect();
        let one = analyse(&spans, &links, &rules);
        let other = analyse(&shuffled, &shuffled_links, &rules);
        prop_assert_eq!(&one.hops, &other.hops);
        prop_assert_eq!((one.start, one.end, one.skew_corrected), (other.start, other.end, other.skew_corrected));
        let back: Vec<_> = order.iter().map(|&index| (one.span_self[index], one.span_critical[index])).collect();
        let found: Vec<_> = other.span_self.iter().copied().zip(other.span_critical.iter().copied()).collect();
        prop_assert_eq!(back, found);
    }

    #[test]
    fn a_workspace_used_before_answers_as_a_new_one(
        before in prop::collection::vec(any_span(), 0..40),
        spans in prop::collection::vec(any_span(), 0..40),
        links in any_links(),
    ) {
        let mut workspace = Workspace::default();
        workspace.analyse(&before, &links, 3, &rules());
        prop_assert_eq!(workspace.analyse(&spans, &links, 3, &rules()), &analyse(&spans, &links, &rules()));
    }
}

const DEEP: u64 = 100_000;

fn chain(kind: impl Fn(u64) -> SpanKind) -> Vec<SpanInput> {
    let span = |index: u64| SpanInput {
        id: index + 1,
        parent: index,
        kind: kind(index),
        start: index,
        end: 10 * DEEP - index,
        service: index as u32 % 7,
        host: index as u32 % 7,
        ..SpanInput::default()
    };
    (0..DEEP).map(span).collect()
}

#[test]
fn depth_is_no_limit() {
    check(&analyse(&chain(|_| SpanKind::Internal), &[], &rules()));
    check(&analyse(
        &chain(|index| if index % 2 == 0 { SpanKind::Client } else { SpanKind::Server }),
        &[],
        &rules(),
    ));
    // All in one circle.
    let mut circle = chain(|_| SpanKind::Internal);
    circle[0].parent = DEEP;
    check(&analyse(&circle, &[], &rules()));
}

#[test]
fn spans_that_link_to_each_others_depths_take_no_more_than_linear_time() {
    let spans = chain(|_| SpanKind::Consumer);
    let links: Vec<_> = (0..DEEP)
        .map(|index| LinkInput { span: index as u32, trace: Some(0), span_id: DEEP - index % 5 })
        .collect();
    check(&analyse(&spans, &links, &rules()));
    // 50,000 branches one after the other at the end of a chain of spans that have ended.
    let mut branches = chain(|_| SpanKind::Internal);
    for (index, span) in (0u64..).zip(&mut branches).skip(DEEP as usize / 2) {
        (span.parent, span.start, span.end) = (DEEP / 2, 20 * DEEP + 2 * index, 20 * DEEP + 2 * index + 1);
    }
    check(&analyse(&branches, &[], &rules()));
}
