//! Zones, regions and types of errors that those that are hit have in common, where nobody asked for them.

use throughline_analysis::diagnosis::{
    Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, Outcome,
};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_699_920_000 * SECOND;
const FAULT: u64 = 3_600;
const ZONES: [&str; 3] = ["zone-a", "zone-b", "zone-c"];

/// Chance that is the same each time.
fn jitter(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most
}

/// Fifteen healthy minutes, two bad ones, at four orders a second; each service runs in three zones, on hosts of many names. `odd` says by the ledger's
/// zone how many milliseconds more it takes, and with which type of error it fails.
fn first_incident(odd: impl Fn(&str) -> (u64, &'static str)) -> Incident {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    for number in 0..FAULT + 480 {
        let now = START + number * SECOND / 4;
        diagnosis.advance(now);
        let zone = |service: u64| ZONES[jitter(number, 50 + service, 3) as usize];
        let (more, error) = if number < FAULT { (0, "") } else { odd(zone(1)) };
        let host = format!("host-{}", number % 40);
        let hop = |service: u64| FinishedHop {
            department: "sales",
            service: ["shop", "ledger", "mail"][service as usize],
            operation: ["order", "book", "send"][service as usize],
            host: &host,
            region: "north",
            zone: zone(service),
            parent: if service == 0 { -1 } else { 0 },
            count: 1,
            self_time: (8 + jitter(number, service, 8) + if service == 1 { more } else { 0 }) * 1_000_000,
            errors: u32::from(service == 1 && !error.is_empty()),
            ..FinishedHop::default()
        };
        let attributes = [("error.type", error)];
        let id = number.to_string();
        diagnosis.observe(&Finished {
            id: &id,
            transaction_type: "order",
            start: now - 100_000_000,
            end: now,
            outcome: if error.is_empty() { Outcome::Ok } else { Outcome::Error },
            attributes: &attributes[..usize::from(!error.is_empty())],
            hops: &[hop(0), hop(1), hop(2)],
            ..Finished::default()
        });
    }
    assert_eq!(diagnosis.incidents().len(), 1, "one cause is one incident");
    diagnosis.incidents()[0].clone()
}

fn shared(incident: &Incident) -> Vec<(&str, &str)> {
    incident.shared.iter().map(|shared| (shared.what.as_str(), shared.value.as_str())).collect()
}

/// Scenario: a service is slow in one zone.
/// Guarantee: that zone of it is told as what those that are hit have in common; the region, which all have, is not.
#[test]
fn the_zone_in_which_a_service_is_slow_is_evidence() {
    let incident = first_incident(|zone| (if zone == "zone-b" { 90 } else { 0 }, ""));
    assert_eq!(incident.suspects[0].service, "ledger");
    let shared = shared(&incident);
    assert!(shared.contains(&("ledger zone", "zone-b")), "{shared:?}");
    assert!(!shared.iter().any(|(what, _)| what.contains("region")), "{shared:?}");
}

/// Scenario: a service fails in two of three zones, with one type of error.
/// Guarantee: the type is told, and that healthy ones lack it.
#[test]
fn the_type_of_the_errors_is_evidence() {
    let incident = first_incident(|zone| (0, if zone == "zone-a" { "" } else { "PoolExhausted" }));
    assert_eq!(incident.suspects[0].service, "ledger");
    assert_eq!(shared(&incident)[0], ("error type", "PoolExhausted"), "{:?}", incident.shared);
    assert!(incident.shared[0].healthy < 0.01);
}
