//! The path, rules 8 to 12 of the meanings: drawings with numbers, milliseconds.

mod common;

use common::{BASE, MS, analyse, critical, hop, in_trace, link, span};
use throughline_analysis::{
    SpanInput,
    SpanKind::{Client, Consumer, Internal, Producer, Server},
};

#[test]
fn rule_8_what_ended_before_the_next_one_is_chained_and_gaps_are_the_parents_own() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 40)),
            span(3, 1, Internal, 1, (50, 90)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [30, 30, 40]);
}

#[test]
fn rule_8_a_child_that_ends_when_the_next_one_starts_is_chained() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 50)),
            span(3, 1, Internal, 1, (50, 100)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [10, 40, 50]);
}

#[test]
fn rule_8_of_a_fan_out_only_the_last_finisher_counts() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 60)),
            span(3, 1, Internal, 1, (12, 90)),
            span(4, 1, Internal, 1, (11, 70)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [22, 0, 78, 0], "10 before and 2 between are the parent's own");
}

#[test]
fn rule_8_an_overlapping_child_is_passed_over_and_one_before_it_is_chained() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (5, 30)),
            span(3, 1, Internal, 1, (20, 70)),
            span(4, 1, Internal, 1, (60, 95)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [40, 25, 0, 35]);
}

#[test]
fn rule_8_a_retry_is_two_children_and_the_pause_between_is_the_parents() {
    let failed = SpanInput { error: true, operation: 300, ..span(2, 1, Client, 1, (10, 30)) };
    let again = SpanInput { operation: 300, ..span(3, 1, Client, 1, (40, 60)) };
    let path = analyse(&[span(1, 0, Server, 1, (0, 100)), failed, again], &[]);
    assert_eq!(critical(&path), [60, 20, 20]);
    assert_eq!((path.hops[1].count, path.hops[1].errors), (2, 1));
}

#[test]
fn rule_9_a_child_is_cut_at_its_parents_edge_while_the_root_runs() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 50)),
            span(3, 2, Internal, 1, (20, 80)),
            span(4, 3, Internal, 1, (70, 75)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [60, 10, 30, 0], "50 to 100 is the root's own");
    assert_eq!(path.span_self, [60 * MS, 10 * MS, 55 * MS, 5 * MS]);
}

#[test]
fn rule_9_a_child_that_starts_before_its_parent_is_cut_there_too() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (20, 50)),
            span(3, 2, Internal, 1, (10, 40)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [70, 10, 20]);
}

#[test]
fn rule_9_what_runs_on_after_the_root_counts_from_its_own_start_and_extends_the_transaction() {
    let path = analyse(&[span(1, 0, Server, 1, (0, 100)), span(2, 1, Internal, 1, (60, 250))], &[]);
    assert_eq!((path.start, path.end), (BASE, BASE + 250 * MS));
    assert_eq!(critical(&path), [60, 190]);
}

#[test]
fn rule_9_the_last_branch_wins_and_one_that_ended_before_it_is_chained() {
    let root = span(1, 0, Server, 1, (0, 100));
    let overlapping = [root, span(2, 1, Internal, 1, (10, 150)), span(3, 1, Internal, 1, (20, 200))];
    assert_eq!(critical(&analyse(&overlapping, &[])), [20, 0, 180]);
    let apart = [root, span(2, 1, Internal, 1, (10, 150)), span(3, 1, Internal, 1, (160, 200))];
    let path = analyse(&apart, &[]);
    assert_eq!(critical(&path), [10, 140, 40]);
    assert_eq!(hop(&path, 3).critical_queue, 10 * MS);
}

#[test]
fn rule_9_a_branch_is_nested_in_itself_as_a_trace_is() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (50, 300)),
            span(3, 2, Internal, 1, (60, 200)),
            span(4, 3, Internal, 1, (70, 250)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [50, 110, 10, 130], "cut at 200, for the branch runs on");
}

#[test]
fn rule_9_a_branch_from_deep_below_leads_back_through_all_above_it() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 90)),
            span(3, 2, Internal, 1, (20, 40)),
            span(4, 2, Internal, 1, (50, 200)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [10, 20, 20, 150]);
}

#[test]
fn rule_10_from_a_consumer_through_its_parent_the_producer() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (5, 95)),
            span(3, 2, Producer, 1, (50, 52)),
            span(4, 3, Consumer, 2, (170, 200)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [5, 45, 2, 30], "what went on after publishing is covered by the queue");
    let consumer = hop(&path, 4);
    assert_eq!((consumer.queue, consumer.critical_queue, consumer.critical), (118 * MS, 118 * MS, 148 * MS));
    assert_eq!(consumer.duration, 30 * MS, "the wait is not part of it");
}

#[test]
fn rule_10_from_a_consumer_in_another_trace_through_the_producer_that_it_links_to() {
    let spans = [
        span(1, 0, Server, 1, (0, 100)),
        span(2, 1, Producer, 1, (50, 52)),
        in_trace(1, span(3, 0, Consumer, 2, (80, 300))),
        in_trace(1, span(4, 3, Internal, 2, (90, 290))),
    ];
    let path = analyse(&spans, &[link(2, 0, 2)]);
    assert_eq!(critical(&path), [50, 2, 20, 200]);
    assert_eq!(hop(&path, 3).critical_queue, 28 * MS);
    assert_eq!((path.roots.as_slice(), path.first_trace), ([0, 2].as_slice(), 0));
}

#[test]
fn rule_10_a_chain_of_queues() {
    let spans = [
        span(1, 0, Server, 1, (0, 100)),
        span(2, 1, Producer, 1, (50, 52)),
        in_trace(1, span(3, 0, Consumer, 2, (70, 90))),
        in_trace(1, span(4, 3, Producer, 2, (80, 82))),
        in_trace(2, span(5, 0, Consumer, 3, (95, 200))),
    ];
    let path = analyse(&spans, &[link(2, 0, 2), link(4, 1, 4)]);
    assert_eq!(critical(&path), [50, 2, 10, 2, 105]);
    assert_eq!((hop(&path, 3).critical_queue, hop(&path, 5).critical_queue), (18 * MS, 13 * MS));
}

#[test]
fn rule_10_a_consumer_that_runs_while_the_producers_root_does_is_off_the_path_but_its_wait_is_told() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Producer, 1, (10, 12)),
            span(3, 2, Consumer, 2, (40, 80)),
        ],
        &[],
    );
    assert_eq!(critical(&path), [98, 2, 0]);
    assert_eq!((hop(&path, 3).queue, hop(&path, 3).critical), (28 * MS, 0));
}

#[test]
fn rule_10_a_consumer_of_several_waited_for_the_last_producer() {
    let spans = [
        span(1, 0, Producer, 1, (0, 10)),
        in_trace(1, span(2, 0, Producer, 2, (20, 35))),
        in_trace(2, span(3, 0, Consumer, 3, (50, 90))),
    ];
    for links in [[link(2, 0, 1), link(2, 1, 2)], [link(2, 1, 2), link(2, 0, 1)]] {
        let path = analyse(&spans, &links);
        assert_eq!(critical(&path), [10, 15, 40]);
        assert_eq!((hop(&path, 3).critical_queue, hop(&path, 2).critical_queue), (15 * MS, 10 * MS));
    }
}

#[test]
fn rule_10_a_consumer_below_a_polling_root_leads_to_its_producer() {
    let spans = [
        span(1, 0, Server, 1, (0, 60)),
        span(2, 1, Producer, 1, (50, 52)),
        in_trace(1, span(3, 0, Internal, 2, (40, 200))),
        in_trace(1, span(4, 3, Consumer, 2, (70, 190))),
    ];
    let path = analyse(&spans, &[link(3, 0, 2)]);
    assert_eq!(critical(&path), [50, 2, 10, 120]);
    assert_eq!(hop(&path, 4).critical_queue, 18 * MS);
}

#[test]
fn rule_11_of_traces_that_overlap_the_later_finisher_keeps_its_time() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (10, 90)),
            in_trace(1, span(3, 0, Server, 2, (60, 200))),
        ],
        &[],
    );
    assert_eq!(critical(&path), [10, 50, 140], "the earlier keeps what lies before");
    assert_eq!(hop(&path, 3).critical_queue, 0);
}

#[test]
fn rule_11_a_gap_before_a_trace_is_its_roots_queue() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            in_trace(1, span(2, 0, Server, 2, (5000, 5100))),
            in_trace(1, span(3, 2, Internal, 2, (5010, 5090))),
        ],
        &[],
    );
    assert_eq!(critical(&path), [100, 20, 80]);
    assert_eq!((hop(&path, 2).queue, hop(&path, 2).critical_queue), (4900 * MS, 4900 * MS));
}

#[test]
fn rule_11_a_trace_inside_another_is_off_the_path() {
    let path = analyse(&[span(1, 0, Server, 1, (0, 100)), in_trace(1, span(2, 0, Server, 2, (40, 60)))], &[]);
    assert_eq!(critical(&path), [100, 0]);
}

#[test]
fn rule_12_a_server_on_another_host_that_does_not_fit_is_centred_and_its_host_moves_with_it() {
    let path = analyse(
        &[
            span(1, 0, Client, 1, (100, 200)),
            span(2, 1, Server, 2, (600, 680)),
            span(3, 2, Internal, 2, (610, 620)),
            span(4, 2, Client, 2, (630, 670)),
            span(5, 4, Server, 3, (140, 170)),
        ],
        &[],
    );
    // The server goes back by 490 to 110; its client then runs from 140 to 180, and the third host fits.
    assert_eq!(path.skew_corrected, 490 * MS);
    assert_eq!((path.start, path.end), (BASE + 100 * MS, BASE + 200 * MS));
    assert_eq!(critical(&path), [20, 30, 10, 10, 30]);
    assert_eq!(hop(&path, 2).network, 20 * MS);
}

#[test]
fn rule_12_a_server_that_fits_is_not_moved() {
    let path = analyse(&[span(1, 0, Client, 1, (0, 100)), span(2, 1, Server, 2, (1, 20))], &[]);
    assert_eq!((path.skew_corrected, critical(&path)), (0, vec![81, 19]));
}

#[test]
fn rule_12_a_longer_server_is_moved_only_to_its_clients_start() {
    let before = analyse(&[span(1, 0, Client, 1, (50, 100)), span(2, 1, Server, 2, (20, 90))], &[]);
    assert_eq!((before.skew_corrected, before.start, before.end), (30 * MS, BASE + 50 * MS, BASE + 120 * MS));
    let after = analyse(&[span(1, 0, Client, 1, (50, 100)), span(2, 1, Server, 2, (60, 130))], &[]);
    assert_eq!((after.skew_corrected, critical(&after)), (0, vec![10, 70]));
}

#[test]
fn rule_12_only_a_clients_server_is_moved() {
    for (parent, child) in [(Producer, Consumer), (Internal, Server), (Client, Consumer), (Server, Internal)]
    {
        let path = analyse(&[span(1, 0, parent, 1, (0, 100)), span(2, 1, child, 2, (300, 350))], &[]);
        assert_eq!((path.skew_corrected, path.end), (0, BASE + 350 * MS), "{parent:?} {child:?}");
    }
}

#[test]
fn rule_12_on_one_host_there_is_no_skew() {
    let server = SpanInput { host: 1, ..span(2, 1, Server, 2, (150, 180)) };
    let path = analyse(&[span(1, 0, Client, 1, (0, 100)), server], &[]);
    assert_eq!((path.skew_corrected, path.skew_refused), (0, 0));
}

#[test]
fn rule_12_what_would_move_by_more_than_the_limit_stays_and_is_counted() {
    let path = analyse(&[span(1, 0, Client, 1, (0, 100)), span(2, 1, Server, 2, (1021, 1101))], &[]);
    assert_eq!((path.skew_corrected, path.skew_refused), (0, 1));
    let path = analyse(&[span(1, 0, Client, 1, (0, 100)), span(2, 1, Server, 2, (1010, 1090))], &[]);
    assert_eq!((path.skew_corrected, path.skew_refused), (1000 * MS, 0));
}

#[test]
fn rule_12_each_moved_subtree_is_summed_once() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Client, 1, (10, 30)),
            span(3, 2, Server, 2, (5, 15)),
            span(4, 3, Internal, 2, (6, 14)),
            span(5, 1, Client, 1, (50, 70)),
            span(6, 5, Server, 3, (68, 78)),
        ],
        &[],
    );
    assert_eq!(path.skew_corrected, 23 * MS, "10 forth and 13 back");
}

#[test]
fn nothing_is_an_empty_path() {
    let path = analyse(&[], &[]);
    assert_eq!((path.start, path.end, path.hops.len(), path.first_trace), (0, 0, 0, 0));
}
