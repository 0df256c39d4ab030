//! Recordings with little that is healthy before a fault, and faults that each operation shows a little of.

use throughline_analysis::diagnosis::{
    Change, Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, Method,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

/// Numbers that look like chance: the same for the same seed.
fn dice(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

fn hop(service: &'static str, operation: &'static str, parent: i32, own: u64) -> FinishedHop<'static> {
    FinishedHop { service, operation, parent, count: 1, self_time: own, ..FinishedHop::default() }
}

/// Incidents of the last of so many looks: one transaction a second, of the type of its root's operation, at the seconds that are recorded.
fn diagnose(
    without: &[Method],
    looks: u32,
    recorded: &[std::ops::Range<u64>],
    draw: impl Fn(u64) -> Vec<FinishedHop<'static>>,
) -> Vec<Incident> {
    let settings = DiagnosisSettings { without: without.to_vec(), ..DiagnosisSettings::default() };
    let mut diagnosis = Diagnosis::new(settings);
    let mut told: Vec<Incident> = Vec::new();
    for look in 0..looks {
        if look > 0 {
            diagnosis.look_again();
            told.clear();
        }
        let last = recorded.last().map_or(0, |piece| piece.end);
        for second in recorded.iter().cloned().flatten().chain([last + 300]) {
            for change in diagnosis.advance(START + second * SECOND) {
                let incident = change.incident();
                match told.iter_mut().find(|known| known.id == incident.id) {
                    Some(known) => *known = incident.clone(),
                    None => told.push(incident.clone()),
                }
                assert!(matches!(change, Change::Opened(_) | Change::Updated(_) | Change::Recovered(_)));
            }
            let hops = draw(second);
            let transaction = Finished {
                id: "t",
                transaction_type: hops[0].operation,
                start: START + second * SECOND - 100 * MS,
                end: START + second * SECOND,
                hops: &hops,
                ..Finished::default()
            };
            if second < last {
                diagnosis.observe(&transaction);
            }
        }
    }
    told
}

fn first(incidents: &[Incident]) -> Option<(&str, &str)> {
    let suspect = incidents.first()?.suspects.first()?;
    Some((&suspect.service, &suspect.instance))
}

/// The desk asks the stock, whose work takes some 5 ms.
fn usual(second: u64) -> Vec<FinishedHop<'static>> {
    let own = (4_000 + dice(second) % 2_000) * 1_000;
    vec![
        hop("desk", "POST /order", -1, (2_000 + dice(second + 7) % 1_000) * 1_000),
        hop("stock", "find", 0, own),
    ]
}

/// Scenario: two healthy minutes, and after gaps of a quarter of an hour three more.
/// Guarantee: no look finds anything, however many there are.
#[test]
fn a_healthy_recording_stays_healthy_in_a_later_look() {
    let recorded = [0..120, 900..960, 1_800..1_860, 2_700..2_760];
    for looks in 1..4 {
        assert!(diagnose(&[], looks, &recorded, usual).is_empty());
    }
}

/// The desk asks for price, stock and mail, each in two of three orders or so; for two minutes it never sends mail.
fn without_mail(second: u64) -> Vec<FinishedHop<'static>> {
    let mut hops = vec![hop("desk", "POST /order", -1, 3 * MS)];
    let callees = [("price", "find"), ("stock", "reserve"), ("mail", "send")];
    for (number, (service, operation)) in (1u64..).zip(callees) {
        let is_made = !dice(second * 4 + number).is_multiple_of(3);
        if is_made && !(service == "mail" && (1_800..1_920).contains(&second)) {
            hops.push(hop(service, operation, 0, 3 * MS));
        }
    }
    hops
}

/// Scenario: what an operation calls differs from one time to the next, so that no set of callees is rare; then one of them is never called.
/// Guarantee: the operation's service is named, and which call it does not make; without counting calls over all their sets nothing is found.
#[test]
fn a_call_that_is_never_made_any_more_is_missed_whatever_else_is_called() {
    let recorded = [0..900, 900..1_920];
    assert!(diagnose(&[Method::Pooled], 2, &recorded, without_mail).is_empty());
    let incidents = diagnose(&[], 2, &recorded, without_mail);
    assert_eq!(first(&incidents).map(|first| first.0), Some("desk"), "{incidents:#?}");
    let evidence = &incidents[0].suspects[0].evidence;
    assert!(evidence.iter().any(|said| said.contains("mail send")), "{evidence:?}");
}

/// The desk asks the stock, then the mail; for two minutes one of two instances of the stock breaks the desk off.
fn broken_by_one(second: u64) -> Vec<FinishedHop<'static>> {
    let instance = if dice(second).is_multiple_of(2) { "stock-0" } else { "stock-1" };
    let mut hops = vec![
        hop("desk", "POST /order", -1, 3 * MS),
        FinishedHop { instance, ..hop("stock", "find", 0, 3 * MS) },
    ];
    if instance == "stock-1" || !(900..1_020).contains(&second) {
        hops.push(hop("mail", "send", 0, 3 * MS));
    }
    hops
}

/// Scenario: a service breaks off after one callee, and no status says who failed; those that break off share one instance of the callee.
/// Guarantee: that service is named first, with the instance.
#[test]
fn the_instance_that_those_that_break_off_share_says_whose_fault_it_is() {
    let incidents = diagnose(&[], 2, &[0..600, 600..1_020], broken_by_one);
    assert_eq!(first(&incidents), Some(("stock", "stock-0")), "{incidents:#?}");
}
