//! Changes: a configuration that is new on some pods, and changes that somebody tells of.

use throughline_analysis::HopKind;
use throughline_analysis::diagnosis::{
    Diagnosis, DiagnosisSettings, Finished, FinishedHop, Incident, Method, SuspectKind, ToldChange,
};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;
/// The stock becomes slow here, seconds.
const BAD: u64 = 600;

/// Chance that is the same each time.
fn jitter(number: u64, salt: u64, most: u64) -> u64 {
    let mut x = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd1b5_4a32_d192_ed03);
    x ^= x >> 29;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 33) % most
}

/// Orders, four a second, for so long. `slow` says how much longer the stock takes, and under which configuration.
fn run(diagnosis: &mut Diagnosis, from: u64, seconds: u64, slow: impl Fn(u64) -> (u64, &'static str)) {
    for number in from * 4..(from + seconds) * 4 {
        let now = START + number * SECOND / 4;
        diagnosis.advance(now);
        let (extra_ms, configuration) = slow(number);
        let hop = |service, parent, own: u64, configuration| FinishedHop {
            department: if service == "shop" { "sales" } else { "storage" },
            service,
            operation: "work",
            version: "1",
            configuration,
            parent,
            count: 1,
            kind: HopKind::Own,
            self_time: own * MS,
            ..FinishedHop::default()
        };
        let hops = [
            hop("shop", -1, 4 + jitter(number, 1, 4), ""),
            hop("stock", 0, 10 + jitter(number, 2, 10) + extra_ms, configuration),
            hop("mail", 0, 6 + jitter(number, 3, 6), ""),
        ];
        let id = format!("order-{number}");
        diagnosis.observe(&Finished {
            id: &id,
            transaction_type: "order",
            start: now - 50 * MS,
            end: now,
            hops: &hops,
            ..Finished::default()
        });
    }
}

fn only(diagnosis: &Diagnosis) -> &Incident {
    let [incident] = diagnosis.incidents() else { panic!("{:#?}", diagnosis.incidents()) };
    incident
}

/// Ten healthy minutes, then two with a slow stock; before these, the changes are told.
fn with(changes: &[ToldChange]) -> Incident {
    under(DiagnosisSettings::default(), changes)
}

fn under(settings: DiagnosisSettings, changes: &[ToldChange]) -> Incident {
    let mut diagnosis = Diagnosis::new(settings);
    run(&mut diagnosis, 0, BAD, |_| (0, ""));
    for change in changes {
        assert!(diagnosis.tell(change.clone()));
    }
    run(&mut diagnosis, BAD, 120, |_| (60, ""));
    only(&diagnosis).clone()
}

/// A minute before the stock becomes slow.
fn change(service: &str) -> ToldChange {
    ToldChange {
        service: service.to_owned(),
        kind: "configuration".to_owned(),
        text: "pool 20 -> 5".to_owned(),
        by: "pipeline".to_owned(),
        time: START + (BAD - 60) * SECOND,
        ..ToldChange::default()
    }
}

#[test]
fn a_configuration_that_is_slow_beside_another_is_named() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    run(&mut diagnosis, 0, BAD, |_| (0, "r7"));
    let half = |number: u64| if number.is_multiple_of(2) { (60, "r8") } else { (0, "r7") };
    run(&mut diagnosis, BAD, 120, half);
    let incident = only(&diagnosis);
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("stock", SuspectKind::Configuration), "{first:#?}");
    assert_eq!(first.version, "r8");
    assert!(first.evidence[0].contains("only with configuration r8"), "{:?}", first.evidence);
    assert!(incident.summary.contains("came with a change: that configuration"), "{}", incident.summary);
}

#[test]
fn a_configuration_that_is_new_everywhere_is_told_in_the_sentence() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    run(&mut diagnosis, 0, BAD, |_| (0, "r7"));
    run(&mut diagnosis, BAD, 120, |_| (60, "r8"));
    let incident = only(&diagnosis);
    assert!(incident.summary.contains("with a change: configuration r8 is new"), "{}", incident.summary);
}

#[test]
fn a_change_that_was_told_of_is_suspected_and_told() {
    let incident = with(&[change("stock")]);
    let first = &incident.suspects[0];
    assert_eq!((first.service.as_str(), first.kind), ("stock", SuspectKind::Configuration));
    assert!(first.evidence.iter().any(|said| said.contains("pool 20 -> 5")), "{:?}", first.evidence);
    let says = "configuration of stock (pool 20 -> 5), told of by pipeline";
    assert!(incident.summary.contains(says), "{}", incident.summary);
}

#[test]
fn without_changes_nobody_is_suspected_for_one() {
    let without = vec![Method::Changes];
    let settings = DiagnosisSettings { without, ..DiagnosisSettings::default() };
    let incident = under(settings, &[change("stock"), change("mail")]);
    let named: Vec<_> =
        incident.suspects.iter().map(|suspect| (suspect.service.as_str(), suspect.kind)).collect();
    assert_eq!(named, [("stock", SuspectKind::Own)]);
}

#[test]
fn a_change_on_the_path_is_a_further_suspect_and_one_elsewhere_none() {
    let incident = with(&[change("mail"), change("billing")]);
    let named: Vec<&str> = incident.suspects.iter().map(|suspect| suspect.service.as_str()).collect();
    assert_eq!(named, ["stock", "mail"]);
    assert_eq!(incident.suspects[0].kind, SuspectKind::Own);
    assert!(incident.summary.contains("a change elsewhere: configuration of mail"), "{}", incident.summary);
    assert!(!incident.summary.contains("billing"), "{}", incident.summary);
}

#[test]
fn a_change_long_before_is_none() {
    let long_ago = ToldChange { time: START, ..change("stock") };
    let long_ago = ToldChange { time: long_ago.time - 600 * SECOND, ..long_ago };
    let incident = with(&[long_ago]);
    assert_eq!(incident.suspects[0].kind, SuspectKind::Own);
    assert!(incident.summary.contains("It comes from inside."), "{}", incident.summary);
}
