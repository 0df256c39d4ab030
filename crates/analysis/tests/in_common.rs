//! What those that are hit have in common; and times that follow the day.

use throughline_analysis::diagnosis::{
    Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, SuspectKind, Usual,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3_600;
/// A midnight.
const START: u64 = 1_699_920_000 * SECOND;

/// Chance that is the same each time.
fn jitter(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most.max(1)
}

const INSTANCES: [[&str; 3]; 3] =
    [["shop-1", "shop-2", "shop-3"], ["stock-1", "stock-2", "stock-3"], ["mail-1", "mail-2", "mail-3"]];
const HOSTS: [&str; 3] = ["host-a", "host-b", "host-c"];
const CHANNELS: [&str; 3] = ["web", "mobile", "branch"];

/// An order over three services; `extra` says how many milliseconds more a service takes, by its number, host and channel.
fn observe(
    diagnosis: &mut Diagnosis,
    number: u64,
    now: u64,
    scale: f64,
    extra: &dyn Fn(usize, &str, &str) -> u64,
) {
    let channel = CHANNELS[jitter(number, 90, 3) as usize];
    let amount = number.to_string();
    let hops: Vec<FinishedHop<'_>> = (0..3)
        .map(|service| {
            let at = jitter(number, 50 + service as u64, 3) as usize;
            let usual = 8 + jitter(number, service as u64, 8);
            FinishedHop {
                department: "sales",
                service: ["shop", "stock", "mail"][service],
                operation: ["order", "reserve", "send"][service],
                version: "1",
                instance: INSTANCES[service][at],
                host: HOSTS[at],
                parent: if service == 0 { -1 } else { 0 },
                count: 1,
                self_time: (usual as f64 * scale * MS as f64) as u64
                    + extra(service, HOSTS[at], channel) * MS,
                ..FinishedHop::default()
            }
        })
        .collect();
    let duration: u64 = hops.iter().map(|hop| hop.self_time).sum();
    diagnosis.observe(&Finished {
        id: &amount,
        transaction_type: "order",
        start: now - duration,
        end: now,
        attributes: &[("amount", &amount), ("channel", channel)],
        hops: &hops,
        ..Finished::default()
    });
}

/// Fifteen healthy minutes, two bad ones, at four orders a second.
fn first_incident(extra: &dyn Fn(usize, &str, &str) -> u64) -> Incident {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    for number in 0..4 * 1_020 {
        let now = START + number * SECOND / 4;
        assert!(number >= 3_600 || diagnosis.advance(now).is_empty(), "nothing is wrong yet");
        diagnosis.advance(now);
        let none = |_: usize, _: &str, _: &str| 0;
        observe(&mut diagnosis, number, now, 1.0, if number < 3_600 { &none } else { extra });
    }
    assert_eq!(diagnosis.incidents().len(), 1, "one cause is one incident");
    diagnosis.incidents()[0].clone()
}

/// Scenario: all that runs on one host is slow, of three services.
/// Guarantee: the host is the first suspect, and the services are named.
#[test]
fn a_host_that_several_services_are_slow_on_is_named() {
    let incident = first_incident(&|_, host, _| if host == "host-b" { 60 } else { 0 });
    let first = &incident.suspects[0];
    assert_eq!((first.kind, first.instance.as_str()), (SuspectKind::Host, "host-b"), "{incident:#?}");
    let said = &first.evidence[0];
    assert!(["shop", "stock", "mail"].iter().all(|name| said.contains(name)), "{said}");
}

/// Scenario: one service is slow for orders of one channel only.
/// Guarantee: the channel is told as what those that are hit have in common; the amount, which is always another, is not.
#[test]
fn a_channel_that_only_those_hit_have_is_evidence() {
    let incident =
        first_incident(&|service, _, channel| if service == 1 && channel == "mobile" { 90 } else { 0 });
    let first = &incident.suspects[0];
    assert_eq!(first.service, "stock");
    assert!(first.evidence.iter().any(|said| said.contains("have channel mobile")), "{:#?}", first.evidence);
    assert!(!first.evidence.iter().any(|said| said.contains("amount")), "{:#?}", first.evidence);
}

/// Scenario: one order in ten goes through a service that the others lack, on its only pod; then the shop is slow for these.
/// Guarantee: the service is told as what they share. That they share its pod and its host too says nothing of them.
#[test]
fn a_pod_that_all_have_who_met_its_service_is_no_evidence() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    for number in 0..4 * 1_080 {
        let now = START + number * SECOND / 4;
        diagnosis.advance(now);
        let id = number.to_string();
        let hop = |service: &'static str, parent: i32, time: u64| FinishedHop {
            service,
            operation: "work",
            version: "1",
            instance: if service == "shop" { "shop-1" } else { "gift-1" },
            host: if service == "shop" { "host-a" } else { "host-b" },
            parent,
            count: 1,
            self_time: time * MS,
            ..FinishedHop::default()
        };
        let is_gift = jitter(number, 2, 10) == 0;
        let slow = if is_gift && number >= 3_600 { 90 } else { 0 };
        let mut hops = vec![hop("shop", -1, 8 + jitter(number, 1, 8) + slow)];
        if is_gift {
            hops.push(hop("gift", 0, 8 + jitter(number, 3, 8)));
        }
        let duration: u64 = hops.iter().map(|hop| hop.self_time).sum();
        let finished = Finished {
            id: &id,
            transaction_type: "order",
            start: now - duration,
            end: now,
            hops: &hops,
            ..Finished::default()
        };
        diagnosis.observe(&finished);
    }
    let [incident] = diagnosis.incidents() else { panic!("{:#?}", diagnosis.incidents()) };
    let first = &incident.suspects[0];
    assert_eq!(first.service, "shop");
    assert!(first.evidence.iter().any(|said| said.contains("go through gift")), "{:#?}", first.evidence);
    let is_vain =
        |said: &String| said.contains("gift-1") || said.contains("host-b") || said.contains("version");
    assert!(!first.evidence.iter().any(is_vain), "{:#?}", first.evidence);
}

/// Scenario: one instance of one service is slow.
/// Guarantee: it stays the suspect; one service alone says nothing of its host.
#[test]
fn one_slow_instance_is_no_slow_host() {
    let incident = first_incident(&|service, host, _| if service == 1 && host == "host-c" { 60 } else { 0 });
    let first = &incident.suspects[0];
    assert_eq!((first.kind, first.instance.as_str()), (SuspectKind::Host, "stock-3"), "{incident:#?}");
}

/// Orders for some days, one in ten seconds; `scale` by the second of the day.
fn days(days: u64, scale: &dyn Fn(u64) -> f64) -> (Diagnosis, Vec<u64>) {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    let mut opened = Vec::new();
    for number in 0..days * 24 * HOUR / 5 {
        let second = number * 5;
        let now = START + second * SECOND;
        for change in diagnosis.advance(now) {
            if matches!(change, throughline_analysis::diagnosis::Change::Opened(_)) {
                opened.push(second / HOUR);
            }
        }
        observe(&mut diagnosis, number, now, scale(second % (24 * HOUR)), &|_, _, _| 0);
    }
    (diagnosis, opened)
}

/// Scenario: all times follow the load of the day, up to twice what they are at night.
/// Guarantee: no incident, from the first day on.
#[test]
fn times_that_follow_the_load_of_the_day_are_no_incident() {
    let wave = |second: u64| 1.5 + 0.5 * (second as f64 / (24.0 * HOUR as f64) * std::f64::consts::TAU).sin();
    let (_, opened) = days(2, &wave);
    assert_eq!(opened, []);
}

/// Scenario: a nightly job makes all times four times as long from two to four each night, at once.
/// Guarantee: the first nights may be told of, from the fourth on it is normal; what is expected at that hour says so, and knows the hours.
#[test]
fn what_comes_each_night_is_normal_after_some_nights() {
    let night = |second: u64| if (2 * HOUR..4 * HOUR).contains(&second) { 4.0 } else { 1.0 };
    let (diagnosis, opened) = days(6, &night);
    assert!(!opened.is_empty(), "the first night is new");
    assert!(opened.iter().all(|hour| *hour < 3 * 24), "{opened:?}");
    let usual: Vec<Usual> = diagnosis.usual().collect();
    assert!(!usual.is_empty());
    assert!(usual.iter().all(|usual| usual.is_mature && usual.known_hours >= 6 * 24), "{usual:?}");
}
