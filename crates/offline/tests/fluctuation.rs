//! What the bank sends when fewer customers come: all of them, or those of one channel.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use std::{collections::BTreeMap, time::Duration};

use prost::Message;
use throughline_analysis::diagnosis::{Incident, State, SuspectKind};
use throughline_assembly::time::SECOND;
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, Transfer, generate, to_otlp},
};
use throughline_offline::Diagnosing;

use self::common::settings;

const BASE: u64 = 1_767_225_600 * SECOND;
const PER_SECOND: f64 = 4.0;
/// From here on fewer come, seconds.
const FROM: u64 = 900;
const UNTIL: u64 = 1_320;
const ALL: u64 = 1_800;

fn transfers(faults: Vec<Fault>) -> Vec<Transfer> {
    let options = PlanOptions {
        seed: 23,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults,
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    generate(&options, (PER_SECOND * ALL as f64) as usize)
}

/// The incidents of those transfers that `stays` lets pass while fewer come.
fn incidents(transfers: &[Transfer], stays: impl Fn(&Transfer) -> bool) -> Vec<Incident> {
    let mut diagnosing = Diagnosing::new(&settings()).unwrap();
    let is_low =
        |transfer: &Transfer| (BASE + FROM * SECOND..BASE + UNTIL * SECOND).contains(&transfer.start);
    let kept: Vec<Transfer> =
        transfers.iter().filter(|transfer| !is_low(transfer) || stays(transfer)).cloned().collect();
    for request in to_otlp(&kept) {
        let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        let time = spans.map(|span| span.end_time_unix_nano).max().unwrap();
        diagnosing.take(time, &request.encode_to_vec());
    }
    diagnosing.finish().incidents
}

fn busiest(transfers: &[Transfer]) -> &'static str {
    let mut counts: BTreeMap<&'static str, u32> = BTreeMap::new();
    for transfer in transfers {
        *counts.entry(transfer.channel).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).unwrap().0
}

/// Scenario: for seven minutes three quarters of the customers stay away, in all channels alike; then they come again.
/// Guarantee: one incident, which says that it lies outside, and which recovers.
#[test]
fn fewer_customers_of_all_channels_are_told_as_outside() {
    let transfers = transfers(Vec::new());
    let incidents = incidents(&transfers, |transfer| transfer.number.is_multiple_of(4));
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let first = &incident.suspects[0];
    assert_eq!(first.kind, SuspectKind::Outside, "{first:?}");
    assert!(incident.summary.contains("outside"), "{}", incident.summary);
    assert!(first.evidence.iter().any(|said| said.contains("no value")), "{first:?}");
    assert_eq!(incident.state, State::Recovered);
    let from = BASE + FROM * SECOND;
    assert!(incident.start >= from - 60 * SECOND && incident.start < from + 60 * SECOND);
    assert!(incident.detected_at < from + 240 * SECOND, "within four minutes");
    assert!(incident.end.unwrap() >= BASE + UNTIL * SECOND);
}

/// Scenario: customers of the busiest channel stay away; the others come as ever.
/// Guarantee: one incident, which names the channel, and where its transfers begin.
#[test]
fn fewer_customers_of_one_channel_are_told_with_its_name() {
    let transfers = transfers(Vec::new());
    let channel = busiest(&transfers);
    let incidents = incidents(&transfers, |transfer| transfer.channel != channel);
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    let first = &incident.suspects[0];
    assert_eq!(first.kind, SuspectKind::Outside, "{first:?}");
    assert!(incident.summary.contains(&format!("bank.channel {channel}")), "{}", incident.summary);
    assert!(first.evidence.iter().any(|said| said.contains("others come as usual")), "{first:?}");
    assert!(!first.service.is_empty());
}

/// Scenario: a lock makes transfers slow, then a partner does.
/// Guarantee: the sentence says that the one comes from inside, the other from outside.
#[test]
fn what_is_slow_is_told_as_inside_or_outside() {
    let fault = |kind, after| Fault::new(kind, Duration::from_secs(after), Duration::from_secs(150));
    let transfers =
        transfers(vec![fault(FaultKind::DatabaseLock, 600), fault(FaultKind::SlowPartner, 1_400)]);
    let incidents = incidents(&transfers, |_| true);
    let of = |kind| incidents.iter().find(|incident| incident.suspects[0].kind == kind).unwrap();
    assert!(of(SuspectKind::Database).summary.contains("from inside"), "{incidents:#?}");
    assert!(of(SuspectKind::Partner).summary.contains("from outside"), "{incidents:#?}");
}

/// Scenario: nothing is wrong, for half an hour.
/// Guarantee: no incident.
#[test]
fn as_many_as_usual_are_no_incident() {
    assert_eq!(incidents(&transfers(Vec::new()), |_| true), []);
}
