//! What a plan promises: the same from the same seed, truth that adds up, faults that do what they say.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use opentelemetry::trace::SpanKind;
use throughline_bank::plan::topology::{DEPARTMENTS, SERVICES, Service};
use throughline_bank::plan::{HopKind, Outcome, PlanOptions, TERMINAL, Transfer, TransferKind, generate};
use throughline_bank::{Fault, FaultKind, parse_fault};

const MILLISECOND: u64 = 1_000_000;

fn plan(fault: Option<Fault>, count: usize) -> Vec<Transfer> {
    let faults = fault.into_iter().collect();
    generate(&PlanOptions { seed: 42, transfers_per_second: 20.0, faults, ..PlanOptions::default() }, count)
}

fn from_the_start(kind: FaultKind) -> Fault {
    Fault::new(kind, Duration::ZERO, Duration::from_secs(3_600))
}

/// Transfers that a fault touched, each with the same transfer of a plan without it.
fn touched(kind: FaultKind) -> Vec<(Transfer, Transfer)> {
    let pairs = plan(Some(from_the_start(kind)), 400).into_iter().zip(plan(None, 400));
    let touched: Vec<_> =
        pairs.filter(|(with, _)| with.faults.iter().any(|mark| mark.kind == kind)).collect();
    assert!(touched.len() >= 20, "{} touched {} of 400", kind.name(), touched.len());
    touched
}

#[test]
fn the_same_seed_gives_the_same_transfers_and_another_seed_others() {
    let options = PlanOptions { seed: 7, ..PlanOptions::default() };
    assert_eq!(generate(&options, 50), generate(&options, 50));
    let other = generate(&PlanOptions { seed: 8, ..PlanOptions::default() }, 50);
    let keys: HashSet<_> = generate(&options, 50).into_iter().map(|transfer| transfer.uetr).collect();
    assert!(other.iter().all(|transfer| !keys.contains(&transfer.uetr)));
}

#[test]
fn a_later_start_moves_every_time_and_nothing_else() {
    let early = PlanOptions::default();
    let late = PlanOptions { start_unix_nano: early.start_unix_nano + 5_000, ..early.clone() };
    for (a, b) in generate(&early, 30).iter().zip(generate(&late, 30)) {
        assert_eq!(
            (a.start + 5_000, a.end + 5_000, &a.uetr, &a.trace_ids),
            (b.start, b.end, &b.uetr, &b.trace_ids)
        );
        assert!(a.spans.iter().zip(&b.spans).all(|(a, b)| a.span_id == b.span_id && a.end + 5_000 == b.end));
    }
}

#[test]
fn every_nanosecond_of_a_transfer_belongs_to_one_hop() {
    let kinds = FaultKind::ALL.map(|kind| Some(from_the_start(kind)));
    for fault in kinds.into_iter().chain([None]) {
        for transfer in plan(fault, 150) {
            let critical: u64 = transfer.hops.iter().map(|hop| hop.critical).sum();
            assert_eq!(critical, transfer.end - transfer.start, "{fault:?}, transfer {}", transfer.number);
            for hop in &transfer.hops {
                assert!(hop.critical_network + hop.critical_queue <= hop.critical);
                assert!(hop.critical_network <= hop.network && hop.critical_queue <= hop.queue);
            }
        }
    }
}

/// The rule of the path, written down a second time over nothing but spans: it must find what the plan says by construction.
#[test]
fn a_walk_back_over_the_spans_finds_the_same_path() {
    // A check of limits that is asked again is rare, and is waited for where nothing slower runs beside it.
    let is_retried = |transfer: &Transfer| {
        let mut hops = transfer.hops.iter();
        transfer.kind == TransferKind::StandingOrder
            && hops.any(|hop| hop.error && hop.operation.ends_with("Limits/Check"))
    };
    let many = plan(None, 6_000);
    assert!(many.iter().any(is_retried));
    for transfer in many.into_iter().filter(|transfer| transfer.number < 300 || is_retried(transfer)) {
        let critical = walk_back(&transfer);
        for (at, hop) in transfer.hops.iter().enumerate() {
            let found = critical.get(&at).copied().unwrap_or(0);
            assert_eq!(
                found, hop.critical,
                "transfer {} ({:?}) hop {at} {}",
                transfer.number, transfer.kind, hop.operation
            );
        }
    }
}

fn walk_back(transfer: &Transfer) -> HashMap<usize, u64> {
    let hop_of = |span: [u8; 8]| {
        transfer.hops.iter().position(|hop| hop.spans.iter().any(|at| transfer.spans[*at].span_id == span))
    };
    let mut critical = HashMap::new();
    let roots: Vec<usize> =
        (0..transfer.hops.len()).filter(|at| transfer.hops[*at].parent.is_none()).collect();
    // From the last trace to the first: each gives the time at which the one before is left.
    let mut until = transfer.end;
    for (number, root) in roots.iter().enumerate().rev() {
        let hop = &transfer.hops[*root];
        walk(transfer, *root, until, &mut critical);
        if number == 0 {
            break;
        }
        let link = transfer.spans[hop.spans[0]].links.first();
        until = match link.and_then(|link| hop_of(link.span_id)) {
            Some(producer) => transfer.hops[producer].end,
            None => roots[..number].iter().map(|root| transfer.hops[*root].end).max().unwrap(),
        };
        *critical.entry(*root).or_default() += hop.start - until;
    }
    critical
}

/// Gives a hop its time up to `until`, chained children excluded.
fn walk(transfer: &Transfer, at: usize, until: u64, critical: &mut HashMap<usize, u64>) {
    let hop = &transfer.hops[at];
    let mut cursor = hop.end.min(until);
    let mut children: Vec<usize> = (0..transfer.hops.len())
        .filter(|child| transfer.hops[*child].parent == Some(at) && transfer.hops[*child].start < cursor)
        .collect();
    children.sort_by_key(|child| std::cmp::Reverse(transfer.hops[*child].end.min(until)));
    for child in children {
        let (start, end) = (transfer.hops[child].start, transfer.hops[child].end.min(until));
        if end <= cursor {
            *critical.entry(at).or_default() += cursor - end;
            walk(transfer, child, until, critical);
            cursor = start;
        }
    }
    *critical.entry(at).or_default() += cursor - hop.start;
}

#[test]
fn own_time_is_what_no_child_covers() {
    for transfer in plan(None, 100) {
        for (at, hop) in transfer.hops.iter().enumerate() {
            let children = transfer.hops.iter().filter(|child| child.parent == Some(at));
            let mut covered: Vec<(u64, u64)> = children.map(|child| (child.start, child.end)).collect();
            covered.sort_unstable();
            let (mut sum, mut reached) = (0, hop.start);
            for (start, end) in covered {
                sum += end.saturating_sub(start.max(reached));
                reached = reached.max(end);
            }
            assert_eq!(hop.own + hop.network + sum, hop.end - hop.start, "{}", hop.operation);
        }
    }
}

#[test]
fn spans_nest_and_client_and_server_pair() {
    for transfer in plan(None, 100) {
        let by_id: HashMap<_, _> = transfer.spans.iter().map(|span| (span.span_id, span)).collect();
        assert_eq!(by_id.len(), transfer.spans.len(), "span ids are distinct");
        for span in &transfer.spans {
            let Some(parent) = span.parent else { continue };
            let parent = by_id[&parent];
            assert_eq!(parent.trace_id, span.trace_id);
            assert!(
                parent.start <= span.start && span.end <= parent.end,
                "{} within {}",
                span.name,
                parent.name
            );
            let remote = parent.kind == SpanKind::Client;
            assert_eq!(span.kind == SpanKind::Server, remote, "{} under {}", span.name, parent.name);
        }
        let of_hops: usize = transfer.hops.iter().map(|hop| hop.spans.len()).sum();
        assert_eq!(of_hops, transfer.spans.len(), "every span belongs to one hop");
    }
}

#[test]
fn a_transfer_is_two_to_four_traces_joined_by_its_key() {
    let transfers = plan(None, 600);
    let mut kinds = HashMap::new();
    for transfer in &transfers {
        assert!((2..=4).contains(&transfer.trace_ids.len()), "{:?}", transfer.kind);
        *kinds.entry(transfer.kind).or_insert(0) += 1;
        let mut keyed = 0;
        for id in &transfer.trace_ids {
            let spans: Vec<_> = transfer.spans.iter().filter(|span| span.trace_id == *id).collect();
            let keys = spans
                .iter()
                .flat_map(|span| &span.attributes)
                .filter(|each| each.key.as_str() == "payment.uetr");
            let values: Vec<_> = keys.map(|each| each.value.as_str().into_owned()).collect();
            assert!(!values.is_empty() && values.iter().all(|value| *value == transfer.uetr));
            keyed += values.len();
        }
        assert!(keyed < transfer.spans.len() / 2, "only some spans carry the key");
        assert_eq!(transfer.spans.iter().filter(|span| span.name == TERMINAL).count(), 1);
        assert_eq!(transfer.spans.iter().find(|span| span.parent.is_none()).unwrap().name, "POST /transfers");
    }
    assert_eq!(kinds.len(), 5);
    let of = |kind| {
        transfers.iter().filter(move |transfer| transfer.kind == kind && transfer.outcome == Outcome::Ok)
    };
    assert!(of(TransferKind::Internal).all(|transfer| transfer.trace_ids.len() == 2));
    assert!(of(TransferKind::International).all(|transfer| transfer.trace_ids.len() >= 4));
    let mean = transfers.iter().map(|transfer| transfer.spans.len()).sum::<usize>() / transfers.len();
    assert!((30..=60).contains(&mean), "{mean} spans a transfer");
}

#[test]
fn all_services_and_departments_take_part() {
    let transfers = plan(None, 400);
    let seen: HashSet<Service> =
        transfers.iter().flat_map(|t| &t.spans).map(|span| span.instance.service).collect();
    assert_eq!(seen.len(), SERVICES.len());
    assert!(SERVICES.len() >= 12 && DEPARTMENTS.len() >= 7);
    let kinds: HashSet<HopKind> = transfers.iter().flat_map(|t| &t.hops).map(|hop| hop.kind).collect();
    assert_eq!(kinds.len(), 3, "own, database and partner hops");
    let pods: HashSet<usize> =
        transfers.iter().flat_map(|t| &t.spans).map(|span| span.instance.index).collect();
    assert_eq!(pods.len(), SERVICES.len() * 3);
}

#[test]
fn a_healthy_bank_is_quick_and_mostly_right() {
    let transfers = plan(None, 1_000);
    let failed = transfers.iter().filter(|transfer| transfer.outcome != Outcome::Ok).count();
    assert!(failed <= 10, "{failed} of 1000 failed without a fault");
    assert!(transfers.iter().all(|transfer| transfer.faults.is_empty()));
    let mut requests: Vec<u64> = transfers.iter().map(|t| t.hops[0].end - t.hops[0].start).collect();
    requests.sort_unstable();
    assert!(requests[500] < 200 * MILLISECOND, "median request {} ns", requests[500]);
    let retried =
        transfers.iter().filter(|t| t.outcome == Outcome::Ok && t.spans.iter().any(|s| s.error.is_some()));
    assert!(retried.count() > 0, "a call that was retried with success is no error of the transfer");
}

#[test]
fn a_database_lock_shows_in_the_ledgers_database_hops() {
    for (with, without) in touched(FaultKind::DatabaseLock) {
        let time = |transfer: &Transfer| -> u64 {
            let hops = transfer.hops.iter().filter(|hop| hop.kind == HopKind::Database);
            hops.filter(|hop| hop.service() == Service::Ledger).map(|hop| hop.own).sum()
        };
        assert_eq!(with.faults.len(), 1);
        assert!(time(&with) >= with.faults[0].excess && with.faults[0].excess > 800 * MILLISECOND);
        assert!(time(&without) < 100 * MILLISECOND);
    }
}

#[test]
fn a_network_delay_shows_in_the_gaps_between_two_departments() {
    for (with, _) in touched(FaultKind::NetworkDelay) {
        let network: u64 = with.hops.iter().map(|hop| hop.network).sum();
        assert!(network >= with.faults[0].excess && with.faults[0].department == "network");
        for hop in with.hops.iter().filter(|hop| hop.network > 100 * MILLISECOND) {
            let parent = hop.parent.map(|parent| with.hops[parent].service().department().name()).unwrap();
            let pair = HashSet::from([parent, hop.service().department().name()]);
            assert_eq!(pair, HashSet::from(["payments", "core-banking"]));
            let [client, server] = [hop.spans[0], hop.spans[1]].map(|at| &with.spans[at]);
            assert!(
                server.start - client.start > 100 * MILLISECOND
                    && client.end - server.end > 100 * MILLISECOND
            );
        }
    }
}

#[test]
fn a_queue_backlog_lies_between_producer_and_consumer() {
    for (with, _) in touched(FaultKind::QueueBacklog) {
        let consumer = with.hops.iter().find(|hop| hop.service() == Service::ClearingConnector).unwrap();
        assert!(consumer.queue >= 6_000 * MILLISECOND && consumer.critical_queue == consumer.queue);
        let span = &with.spans[consumer.spans[0]];
        let producer = with.spans.iter().find(|other| other.span_id == span.links[0].span_id).unwrap();
        assert_eq!(consumer.queue, span.start - producer.end);
    }
}

#[test]
fn a_slow_partner_shows_in_its_hop() {
    for (with, _) in touched(FaultKind::SlowPartner) {
        let hop = with.hops.iter().find(|hop| hop.kind == HopKind::Partner).unwrap();
        assert!(hop.own >= 2_500 * MILLISECOND && hop.critical == hop.own);
        assert!(with.faults[0].partner.is_some());
    }
}

#[test]
fn a_bad_version_runs_on_part_of_the_pods() {
    let (mut old, mut new) = (0, 0);
    for (with, _) in plan(Some(from_the_start(FaultKind::BadVersion)), 400).into_iter().zip(0..) {
        for hop in with.hops.iter().filter(|hop| hop.service() == Service::FraudCheck && hop.spans.len() == 2)
        {
            let is_new = hop.instance.version == Service::FraudCheck.bad_version();
            assert_eq!(is_new, hop.own > 390 * MILLISECOND, "{} ns by {}", hop.own, hop.instance.version);
            if is_new { new += 1 } else { old += 1 }
        }
    }
    assert!(old > 50 && new > 50, "{old} by the old version, {new} by the new");
    let failed =
        touched(FaultKind::BadVersion).iter().filter(|(with, _)| with.outcome == Outcome::Error).count();
    assert!(failed > 0, "the new version fails now and then");
}

#[test]
fn a_slow_security_scan_is_its_own_time() {
    for (with, without) in touched(FaultKind::SecurityScanSlow) {
        let own = |transfer: &Transfer| {
            let hop = transfer.hops.iter().find(|hop| hop.service() == Service::SecurityScan);
            hop.map_or(0, |hop| hop.own)
        };
        assert!(own(&with) > 900 * MILLISECOND && own(&without) < 100 * MILLISECOND);
    }
}

#[test]
fn a_bad_pod_is_one_pod() {
    let pods: HashSet<_> =
        touched(FaultKind::BadPod).into_iter().map(|(with, _)| with.faults[0].instance.clone()).collect();
    assert_eq!(pods.len(), 1);
    for (with, _) in touched(FaultKind::BadPod) {
        let pod = with.faults[0].instance.as_deref();
        let slow = with.hops.iter().filter(|hop| hop.own > 500 * MILLISECOND);
        assert!(
            slow.clone().count() > 0 && slow.into_iter().all(|hop| Some(hop.instance.pod.as_str()) == pod)
        );
    }
}

#[test]
fn errors_reach_the_root_with_an_exception_where_they_began() {
    for (with, _) in touched(FaultKind::Errors) {
        assert_eq!(with.outcome, Outcome::Error);
        let root = with.spans.iter().find(|span| span.parent.is_none()).unwrap();
        assert!(root.error.is_some());
        let failed = |span: &&throughline_bank::plan::Span| span.instance.service == Service::Accounts;
        let thrown =
            with.spans.iter().filter(failed).flat_map(|span| &span.events).filter(|e| e.name == "exception");
        assert_eq!(thrown.count(), 1);
        assert_eq!(
            with.spans.iter().filter(|span| span.name == TERMINAL).count(),
            1,
            "the transfer ends all the same"
        );
    }
}

#[test]
fn a_missing_step_leaves_the_transfer_open() {
    for (with, without) in touched(FaultKind::MissingStep) {
        assert_eq!(with.outcome, Outcome::Incomplete);
        assert!(with.spans.iter().all(|span| span.name != TERMINAL));
        assert!(with.trace_ids.len() < without.trace_ids.len());
    }
}

#[test]
fn a_fault_strikes_only_within_its_window() {
    let fault = parse_fault("database-lock@5s+5s").unwrap();
    let start = PlanOptions::default().start_unix_nano;
    let transfers = plan(Some(fault), 600);
    let seconds = |transfer: &Transfer| (transfer.start - start) as f64 / 1e9;
    assert!(transfers.iter().any(|transfer| seconds(transfer) > 12.0), "the plan goes on after the window");
    for transfer in transfers.iter().filter(|transfer| !transfer.faults.is_empty()) {
        let end = (transfer.end - start) as f64 / 1e9;
        assert!(seconds(transfer) < 10.0 && end > 5.0, "{} to {end}", seconds(transfer));
    }
    assert!(transfers.iter().any(|transfer| !transfer.faults.is_empty()));
}
