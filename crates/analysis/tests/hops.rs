//! Hops, rules 1 to 5 of the meanings.

mod common;

use common::{MS, analyse, hop, rules, span};
use throughline_analysis::{
    HopKind, MAX_HOPS, Rules, SpanInput,
    SpanKind::{Client, Internal, Server},
    Workspace,
};

#[test]
fn rule_1_every_span_is_a_hop_except_that_client_and_server_are_one() {
    let path = analyse(
        &[
            span(1, 0, Server, 1, (0, 100)),
            span(2, 1, Internal, 1, (5, 95)),
            span(3, 2, Client, 1, (10, 60)),
            span(4, 3, Server, 2, (15, 50)),
            span(5, 1, Internal, 1, (1, 2)),
        ],
        &[],
    );
    let operations: Vec<_> = path.hops.iter().map(|hop| (hop.operation - 200, hop.parent)).collect();
    assert_eq!(operations, [(1, -1), (5, 0), (2, 0), (4, 2)]);
}

#[test]
fn rule_1_a_client_and_a_server_that_share_an_id_are_one_too() {
    let shared = SpanInput { id: 2, ..span(3, 1, Server, 2, (15, 50)) };
    let below = span(4, 2, Internal, 2, (20, 30));
    let path =
        analyse(&[span(1, 0, Server, 1, (0, 100)), span(2, 1, Client, 1, (10, 60)), shared, below], &[]);
    assert_eq!(path.hops.len(), 3);
    assert_eq!((hop(&path, 3).network, hop(&path, 3).self_time), (15 * MS, 25 * MS));
    assert_eq!(hop(&path, 4).parent, 1);
}

#[test]
fn rule_2_a_merged_hop_is_named_after_the_server_and_a_database_or_partner_after_the_caller() {
    let server = SpanInput { version: 7, instance: 8, ..span(3, 2, Server, 2, (15, 50)) };
    let database = SpanInput { database: true, ..span(4, 3, Client, 2, (20, 30)) };
    let partner = SpanInput { peer: 5, ..span(5, 3, Client, 2, (31, 40)) };
    let path = analyse(
        &[span(1, 0, Server, 1, (0, 100)), span(2, 1, Client, 1, (10, 60)), server, database, partner],
        &[],
    );
    let merged = hop(&path, 3);
    assert_eq!((merged.service, merged.department, merged.version, merged.instance), (2, 102, 7, 8));
    assert_eq!((merged.start, merged.duration), (10 * MS as i64, 50 * MS));
    assert_eq!((hop(&path, 4).service, hop(&path, 4).kind), (2, HopKind::Database));
    assert_eq!((hop(&path, 5).service, hop(&path, 5).kind), (2, HopKind::Partner));
}

#[test]
fn rule_3_network_is_what_the_client_has_more_than_the_server_both_ways() {
    let path = analyse(
        &[span(1, 0, Server, 1, (0, 100)), span(2, 1, Client, 1, (10, 60)), span(3, 2, Server, 2, (15, 50))],
        &[],
    );
    let merged = hop(&path, 3);
    assert_eq!(merged.kind, HopKind::Own);
    assert_eq!((merged.network, merged.self_time), (15 * MS, 35 * MS));
    assert_eq!((merged.critical, merged.critical_network, merged.critical_queue), (50 * MS, 15 * MS, 0));
    assert_eq!(hop(&path, 1).critical, 50 * MS);
}

#[test]
fn rule_3_a_client_that_several_servers_answer_is_nothing_but_network() {
    let path = analyse(
        &[span(1, 0, Client, 1, (0, 100)), span(2, 1, Server, 2, (10, 40)), span(3, 1, Server, 3, (50, 90))],
        &[],
    );
    let network = hop(&path, 1);
    assert_eq!(
        (network.kind, network.network, network.critical_network),
        (HopKind::Network, 30 * MS, 30 * MS)
    );
    assert_eq!((network.self_time, network.critical), (0, 30 * MS));
    assert_eq!((hop(&path, 2).critical, hop(&path, 3).critical), (30 * MS, 40 * MS));
}

#[test]
fn rule_4_identical_neighbours_fold_and_their_counts_errors_and_times_add_up() {
    let call = |id: u64, at: u64, error| SpanInput {
        operation: 300,
        database: true,
        error,
        ..span(id, 1, Client, 1, (at, at + 8))
    };
    let mut spans = vec![span(1, 0, Server, 1, (0, 100))];
    spans.extend([call(2, 10, false), call(3, 20, true), call(4, 30, false)]);
    spans.push(span(5, 1, Internal, 1, (40, 50)));
    spans.push(call(6, 60, false));
    let path = analyse(&spans, &[]);
    let folded: Vec<_> = path.hops.iter().map(|hop| (hop.operation, hop.count)).collect();
    assert_eq!(folded, [(201, 1), (300, 3), (205, 1), (300, 1)], "the last is no neighbour");
    let hop = path.hops[1];
    assert_eq!(
        (hop.start, hop.duration, hop.self_time, hop.critical),
        (10 * MS as i64, 24 * MS, 24 * MS, 24 * MS)
    );
    assert_eq!(hop.errors, 1);
}

#[test]
fn rule_4_what_folded_hops_call_folds_below_them() {
    let mut spans = vec![span(1, 0, Server, 1, (0, 100))];
    for (call, at) in [(10u64, 10u64), (20, 30), (30, 50)] {
        let below = |id: u64, operation, kind, from: u64, to: u64| SpanInput {
            operation,
            ..span(call + id, call + id - 1, kind, if id == 1 { 1 } else { 2 }, (at + from, at + to))
        };
        spans.push(SpanInput { parent: 1, ..below(1, 301, Client, 0, 10) });
        spans.push(below(2, 302, Server, 2, 9));
        spans.push(SpanInput { database: true, ..below(3, 303, Client, 3, 5) });
    }
    let path = analyse(&spans, &[]);
    let folded: Vec<_> = path.hops.iter().map(|hop| (hop.operation, hop.parent, hop.count)).collect();
    assert_eq!(folded, [(201, -1, 1), (302, 0, 3), (303, 1, 3)]);
    assert_eq!(
        (path.hops[1].network, path.hops[1].self_time, path.hops[2].self_time),
        (9 * MS, 15 * MS, 6 * MS)
    );
}

#[test]
fn rule_4_another_instance_or_version_is_no_identical_neighbour() {
    let call = |id, version, instance| SpanInput {
        operation: 300,
        version,
        instance,
        ..span(id, 1, Internal, 2, (id * 10, id * 10 + 5))
    };
    let path = analyse(&[span(1, 0, Server, 1, (0, 100)), call(2, 1, 1), call(3, 1, 2), call(4, 2, 2)], &[]);
    assert_eq!(path.hops.len(), 4);
}

#[test]
fn rule_5_a_client_without_a_server_is_a_partner_where_the_peer_is_named_else_the_callers_own() {
    let named = SpanInput { peer: 5, ..span(2, 1, Client, 1, (10, 60)) };
    let unnamed = span(3, 1, Client, 1, (61, 70));
    let answered = SpanInput { peer: 6, ..span(4, 1, Client, 1, (71, 80)) };
    let path = analyse(
        &[span(1, 0, Server, 1, (0, 100)), named, unnamed, answered, span(5, 4, Server, 2, (72, 79))],
        &[],
    );
    assert_eq!((hop(&path, 2).kind, hop(&path, 2).critical), (HopKind::Partner, 50 * MS));
    assert_eq!(hop(&path, 3).kind, HopKind::Own);
    assert_eq!(hop(&path, 5).kind, HopKind::Own, "a partner whose server is seen is none");
}

#[test]
fn rule_6_rules_give_hops_that_are_network_or_database_an_owner() {
    let rules = Rules { network_department: Some(71), database_department: Some(72), ..rules() };
    let spans = [
        span(1, 0, Client, 1, (0, 100)),
        span(2, 1, Server, 2, (10, 40)),
        span(3, 1, Server, 3, (50, 90)),
        SpanInput { database: true, ..span(4, 3, Client, 3, (60, 70)) },
    ];
    let mut workspace = Workspace::default();
    let path = workspace.analyse(&spans, &[], 1, &rules);
    assert_eq!((hop(path, 1).department, hop(path, 4).department, hop(path, 3).department), (71, 72, 103));
}

#[test]
fn what_exceeds_the_limit_folds_into_one_hop_called_other() {
    let mut spans = vec![span(1, 0, Server, 1, (0, 10_000))];
    spans.extend((2..302).map(|id| span(id, 1, Internal, id as u32, (id * 10, id * 10 + 1 + id % 7))));
    // The slowest lies deepest; what leads to it stays too.
    spans.push(span(1000, 301, Internal, 5, (3010, 3010)));
    spans.push(span(1001, 300, Internal, 5, (3000, 3007)));
    let path = analyse(&spans, &[]);
    assert_eq!(path.hops.len(), MAX_HOPS);
    let other = path.hops[MAX_HOPS - 1];
    assert_eq!((other.operation, other.parent, other.service), (9, -1, 0));
    assert_eq!(path.hops.iter().map(|hop| hop.count).sum::<u32>(), 303);
    assert_eq!(path.hops[hop(&path, 1001).parent as usize].operation, 200 + 300);
    let kept = path.hops[..MAX_HOPS - 1].iter().filter(|hop| hop.operation != 200 + 300);
    let least_kept = kept.map(|hop| hop.critical).min();
    assert!(least_kept >= Some(MS), "what matters least is folded: {least_kept:?}");
}

#[test]
fn what_failed_is_not_folded_however_short_it_was() {
    let mut spans = vec![span(1, 0, Server, 1, (0, 10_000))];
    spans.extend((2..302).map(|id| span(id, 1, Internal, id as u32, (id * 10, id * 10 + 5))));
    spans.push(SpanInput { error: true, ..span(1000, 150, Internal, 5, (1501, 1501)) });
    let path = analyse(&spans, &[]);
    assert_eq!(path.hops.len(), MAX_HOPS);
    assert_eq!((hop(&path, 1000).errors, path.hops[hop(&path, 1000).parent as usize].operation), (1, 350));
}

#[test]
fn what_calls_the_same_again_and_again_is_no_more_than_what_it_calls() {
    let mut spans = vec![span(1, 0, Server, 1, (0, 10_000))];
    // Two calls in turn, each with one below it: no neighbours are alike.
    for round in 0..MAX_HOPS as u64 {
        let (id, at) = (10 + round * 4, round * 30);
        for (id, service, from) in [(id, 2, at), (id + 2, 3, at + 10)] {
            let call = span(id, 1, Internal, service, (from, from + 9));
            let below = span(id + 1, id, Internal, 4, (from + 1, from + 3));
            spans.push(SpanInput { operation: 200 + service, ..call });
            spans.push(SpanInput { operation: 204, ..below });
        }
    }
    let path = analyse(&spans, &[]);
    let parents: Vec<(u32, i32, u32)> = path.hops.iter().map(|h| (h.operation, h.parent, h.count)).collect();
    let n = MAX_HOPS as u32;
    assert_eq!(parents, [(201, -1, 1), (202, 0, n), (204, 1, n), (203, 0, n), (204, 3, n)]);
}
