//! The diagnosis of a small shop whose times are known.

use throughline_analysis::HopKind;
use throughline_analysis::diagnosis::{
    Change, Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, State, SuspectKind,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

/// What is wrong with a transaction.
#[derive(Clone, Copy, Default)]
struct Wrong {
    /// Extra time of the stock's database.
    database_ms: u64,
    /// Extra time on the pod `stock-2` only.
    pod_ms: u64,
    /// Extra time between the shop and both of its callees.
    way_ms: u64,
    /// The stock calls no database.
    returns_early: bool,
    /// The stock fails.
    fails: bool,
}

/// Chance that is the same each time.
fn jitter(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most
}

fn observe(diagnosis: &mut Diagnosis, number: u64, now: u64, wrong: Wrong) {
    let pod = if number.is_multiple_of(2) { "stock-1" } else { "stock-2" };
    let own = |base: u64, salt| (base + jitter(number, salt, base)) * MS;
    let pod_extra = if pod == "stock-2" { wrong.pod_ms * MS } else { 0 };
    let hop = |service, operation, parent| FinishedHop {
        department: if service == "shop" { "sales" } else { "storage" },
        service,
        operation,
        version: "1",
        instance: service,
        parent,
        count: 1,
        ..FinishedHop::default()
    };
    let mut hops = vec![
        FinishedHop { self_time: own(4, 1), ..hop("shop", "POST /order", -1) },
        FinishedHop {
            self_time: own(10, 2) + pod_extra,
            network: own(2, 3) + wrong.way_ms * MS,
            instance: pod,
            errors: u32::from(wrong.fails),
            ..hop("stock", "reserve", 0)
        },
        FinishedHop {
            self_time: own(6, 4),
            network: own(2, 5) + wrong.way_ms * MS,
            ..hop("mail", "send", 0)
        },
    ];
    if !wrong.returns_early {
        let time = own(5, 6) + wrong.database_ms * MS;
        hops.push(FinishedHop {
            kind: HopKind::Database,
            self_time: time,
            instance: pod,
            ..hop("stock", "UPDATE", 1)
        });
    }
    let id = format!("order-{number}");
    let duration: u64 = hops.iter().map(|hop| hop.self_time + hop.network).sum();
    diagnosis.observe(&Finished {
        id: &id,
        transaction_type: "order",
        start: now - duration,
        end: now,
        amount: Some(10.0),
        customer: &id,
        hops: &hops,
        ..Finished::default()
    });
}

/// Four orders a second for so long.
fn run(diagnosis: &mut Diagnosis, from: u64, seconds: u64, wrong: Wrong) -> Vec<Change> {
    let mut changes = Vec::new();
    for number in from * 4..(from + seconds) * 4 {
        let now = START + number * SECOND / 4;
        changes.extend(diagnosis.advance(now));
        observe(diagnosis, number, now, wrong);
    }
    changes
}

/// Ten healthy minutes, then two that are not, then ten healthy ones.
fn only_incident(wrong: Wrong) -> Incident {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    assert!(run(&mut diagnosis, 0, 600, Wrong::default()).is_empty(), "nothing is wrong");
    let changes = run(&mut diagnosis, 600, 120, wrong);
    assert!(matches!(changes.first(), Some(Change::Opened(_))), "it is found");
    let after = run(&mut diagnosis, 720, 600, Wrong::default());
    assert!(matches!(after.last(), Some(Change::Recovered(_))), "it is over");
    let [incident] = diagnosis.incidents() else { panic!("one cause is one incident") };
    let bad = START + 600 * SECOND;
    assert!(incident.detected_at <= bad + 60 * SECOND, "within a minute");
    assert!(incident.start >= bad && incident.start < bad + 20 * SECOND, "since the first");
    assert_eq!(incident.state, State::Recovered);
    assert_true(incident);
    incident.clone()
}

/// Orders from the 2400th to the 2879th were bad: examples are of them, what was before is of before, and the summary counts as the figures do.
fn assert_true(incident: &Incident) {
    let number = |id: &String| id.rsplit('-').next().and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    let (hit, before) = (&incident.examples, &incident.before);
    assert!(!hit.is_empty() && hit.iter().all(|id| (2400..2880).contains(&number(id))), "{hit:?}");
    // The first of the bad ones may be one that met the pod that is well.
    assert!(!before.is_empty() && before.iter().all(|id| number(id) <= 2400), "{before:?}");
    let end = incident.end.unwrap_or(0).saturating_sub(START) / SECOND;
    assert!((718..722).contains(&end), "it ended with the last: {end}");
    let counted = format!("{} transactions of order are hit", incident.transactions);
    assert!(incident.summary.contains(&counted), "{counted}: {}", incident.summary);
}

#[test]
fn a_slow_database_is_named_with_time_money_and_customers() {
    let incident = only_incident(Wrong { database_ms: 80, ..Wrong::default() });
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("stock", SuspectKind::Database));
    assert_eq!((first.department.as_str(), first.operation.as_str()), ("storage", "UPDATE"));
    assert!(incident.transactions >= 450 && incident.transactions <= 500, "{}", incident.transactions);
    assert_eq!(incident.customers, incident.transactions);
    assert!((incident.amount - 10.0 * incident.transactions as f64).abs() < 0.01);
    let expected = 80.0 * incident.transactions as f64;
    assert!((incident.excess_ms - expected).abs() < 0.1 * expected, "{}", incident.excess_ms);
}

#[test]
fn one_slow_pod_is_named() {
    let incident = only_incident(Wrong { pod_ms: 200, ..Wrong::default() });
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.instance.as_str()), ("stock", "stock-2"));
    assert_eq!(first.kind, SuspectKind::Host);
}

#[test]
fn ways_that_are_all_slow_speak_against_the_end_that_they_share() {
    let incident = only_incident(Wrong { way_ms: 60, ..Wrong::default() });
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("shop", SuspectKind::Network));
}

#[test]
fn a_call_that_is_missing_is_seen() {
    let incident = only_incident(Wrong { returns_early: true, ..Wrong::default() });
    let first = &incident.suspects[0];
    assert_eq!(first.service, "stock");
    assert!(first.evidence[0].contains("does not call stock UPDATE"), "{:?}", first.evidence);
}

#[test]
fn who_fails_by_itself_is_named() {
    let incident = only_incident(Wrong { fails: true, ..Wrong::default() });
    assert_eq!(
        (incident.suspects[0].service.as_str(), incident.suspects[0].kind),
        ("stock", SuspectKind::Own)
    );
}

#[test]
fn a_diagnosis_that_is_restored_goes_on_as_if_nothing_had_happened() {
    let wrong = Wrong { database_ms: 80, ..Wrong::default() };
    let mut whole = Diagnosis::new(DiagnosisSettings::default());
    run(&mut whole, 0, 600, Wrong::default());
    run(&mut whole, 600, 35, wrong);
    let bytes = postcard::to_allocvec(&whole).unwrap();
    let mut restored: Diagnosis = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(postcard::to_allocvec(&restored).unwrap(), bytes, "the same bytes");
    assert_eq!(run(&mut whole, 635, 300, wrong), run(&mut restored, 635, 300, wrong));
}
