//! What the store says of each transfer, hop by hop, against what the bank knows by construction.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, Transfer, generate},
    truth::Record,
};

use crate::load::{check, requests, send, start};
use crate::rows::{HopOf, Row, rows};

/// A sum of times may differ from the bank's by a millisecond.
const TOLERANCE: u64 = 1_000_000;

/// Transfers under each fault.
const TRANSFERS: usize = 20;

/// The names of a hop's figures, in the order of [`HopOf::figures`].
const FIGURES: [&str; 9] = [
    "start",
    "duration",
    "self",
    "network",
    "queue",
    "critical",
    "critical network",
    "critical queue",
    "errors",
];

/// Who a hop is: the way from its root to it. Identical neighbours are one hop in the store, so hops of one way are compared by their sums.
type Way = Vec<[String; 6]>;

/// Count of spans' hops on one way, and the sums of their figures; of starts the least.
type Sums = BTreeMap<Way, (u64, Vec<i64>)>;

fn add(sums: &mut Sums, way: Way, count: u64, figures: &[i64]) {
    match sums.entry(way) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert((count, figures.to_vec()));
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let (sum, known) = entry.get_mut();
            *sum += count;
            known[0] = known[0].min(figures[0]);
            known.iter_mut().zip(figures).skip(1).for_each(|(known, more)| *known += more);
        }
    }
}

fn stored(hops: &[HopOf]) -> Sums {
    let mut sums = Sums::new();
    for hop in hops {
        let mut way = Vec::new();
        let mut at = Some(hop);
        while let Some(hop) = at {
            let parts =
                [&hop.department, &hop.service, &hop.operation, &hop.version, &hop.instance, &hop.kind];
            way.push(parts.map(Clone::clone));
            at = usize::try_from(hop.parent).ok().map(|parent| &hops[parent]);
        }
        way.reverse();
        add(&mut sums, way, hop.count, &hop.figures);
    }
    sums
}

fn told(truth: &Record) -> Sums {
    let mut sums = Sums::new();
    for hop in &truth.hops {
        let mut way = Vec::new();
        let mut at = Some(hop);
        while let Some(hop) = at {
            let parts =
                [&hop.department, &hop.service, &hop.operation, &hop.version, &hop.instance, &hop.kind];
            way.push(parts.map(Clone::clone));
            at = hop.parent.map(|parent| &truth.hops[parent]);
        }
        way.reverse();
        let figures = [
            hop.start - truth.start,
            hop.duration,
            hop.own,
            hop.network,
            hop.queue,
            hop.critical,
            hop.critical_network,
            hop.critical_queue,
            u64::from(hop.error),
        ];
        add(&mut sums, way, 1, &figures.map(u64::cast_signed));
    }
    sums
}

/// All that a row and the truth disagree in.
fn differences(row: &Row, truth: &Record) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, stored: String, told: String| {
        if stored != told {
            found.push(format!("{what}: {stored}, not {told}"));
        }
    };
    let mut traces = truth.trace_ids.clone();
    traces.sort();
    same("traces", row.traces.join(" "), traces.join(" "));
    same("keys", row.keys.join(" "), truth.uetr.clone());
    same("type", row.kind.clone(), "transfer".to_owned());
    same("outcome", row.outcome.clone(), truth.outcome.clone());
    same("spans", row.spans.to_string(), truth.spans.len().to_string());
    same("errors", row.errors.to_string(), truth.spans.iter().filter(|span| span.error).count().to_string());
    same("skew", row.skew.to_string(), "0".to_owned());
    let distinct = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(" ");
    let services = truth.spans.iter().map(|span| span.service.as_str()).collect();
    same("services", row.services.join(" "), distinct(services));
    let departments = truth.spans.iter().map(|span| span.department.as_str()).collect();
    same("departments", row.departments.join(" "), distinct(departments));
    let ends = if truth.outcome == "incomplete" { "age" } else { "terminal" };
    same("closed by", row.closed_by.clone(), ends.to_owned());
    if row.start != truth.start || row.duration.abs_diff(truth.duration) > TOLERANCE {
        found.push(format!("time: {}+{}, not {}+{}", row.start, row.duration, truth.start, truth.duration));
    }
    found.extend(hop_differences(&stored(&row.hops()), &told(truth)));
    found
}

fn hop_differences(stored: &Sums, told: &Sums) -> Vec<String> {
    let mut found = Vec::new();
    let name =
        |way: &Way| way.iter().map(|hop| format!("{}:{}", hop[1], hop[2])).collect::<Vec<_>>().join(" > ");
    for way in stored.keys().filter(|way| !told.contains_key(*way)) {
        found.push(format!("a hop too many: {} {:?}", name(way), way.last()));
    }
    for (way, (count, figures)) in told {
        let Some((stored_count, stored_figures)) = stored.get(way) else {
            found.push(format!("a hop is missing: {} {:?}", name(way), way.last()));
            continue;
        };
        if stored_count != count {
            found.push(format!("{}: {stored_count} of it, not {count}", name(way)));
        }
        for ((what, stored), told) in FIGURES.iter().zip(stored_figures).zip(figures) {
            let tolerance = if *what == "errors" { 0 } else { TOLERANCE };
            if stored.abs_diff(*told) > tolerance {
                found.push(format!("{}: {what} {stored}, not {told}", name(way)));
            }
        }
    }
    found
}

/// Transfers under each of the bank's faults, and some without: one plan each, with pods of its own.
fn plans() -> Vec<(&'static str, Vec<Transfer>)> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let kinds = FaultKind::ALL.into_iter().map(Some).chain([None]);
    let plan = |(kind, seed): (Option<FaultKind>, u64)| {
        let faults = kind.map(|kind| Fault::new(kind, Duration::ZERO, Duration::from_secs(3600)));
        let faults = faults.into_iter().collect();
        let options = PlanOptions { seed, start_unix_nano: now, faults, ..PlanOptions::default() };
        (kind.map_or("no fault", FaultKind::name), generate(&options, TRANSFERS))
    };
    kinds.zip(40..).map(plan).collect()
}

/// Scenario: transfers under each fault that the bank knows, and without any.
/// Guarantee: each is one row with all its traces, and every hop of it has the count, the times of each kind, the place on the critical path, the department and
/// the errors that the bank knows of, within a millisecond.
#[tokio::test(flavor = "multi_thread")]
async fn every_hop_is_as_the_bank_knows_it_under_every_fault() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).ready().await;
    let port = server.start.ports.grpc;
    let plans = plans();
    let mut sending = tokio::task::JoinSet::new();
    for (fault, transfers) in &plans {
        let struck = transfers.iter().filter(|transfer| !transfer.faults.is_empty()).count();
        assert!((struck > 2) == (*fault != "no fault"), "{fault} strikes {struck} transfers");
        let requests = requests(transfers);
        sending.spawn(async move { send(port, &requests).await });
    }
    sending.join_all().await;
    let transfers =
        plans.iter().flat_map(|(fault, transfers)| transfers.iter().map(move |transfer| (fault, transfer)));
    let spans: u64 = transfers.clone().map(|(_, transfer)| transfer.spans.len() as u64).sum();
    check(&server, transfers.clone().count() as u64, spans).await;
    let rows = rows(&server).await;
    let mut wrong = Vec::new();
    for (fault, transfer) in transfers {
        let truth = Record::new(transfer, &[]);
        let found = match rows.get(&truth.uetr) {
            Some(row) => differences(row, &truth),
            None => vec!["no row".to_owned()],
        };
        wrong.extend(found.iter().map(|what| format!("{fault}, {} {}: {what}", truth.kind, truth.uetr)));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
