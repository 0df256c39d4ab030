//! What finds no room is counted by the limit's name, once for each time.

use std::collections::BTreeMap;

use throughline_analysis::HopKind;
use throughline_analysis::alerts::{Alert, Alerts, CallStep, MAX_ACTIVE, MAX_GROUPS};
use throughline_analysis::compare::{Deployments, MAX_WATCHES};
use throughline_analysis::diagnosis::{Diagnosis, DiagnosisSettings, Finished, FinishedHop};

const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_700_000_000 * SECOND;

type Hits = BTreeMap<&'static str, u64>;

fn some(limits: impl IntoIterator<Item = (&'static str, u64)>) -> Hits {
    limits.into_iter().filter(|(_, hits)| *hits > 0).collect()
}

fn of_alerts(alerts: &mut Alerts) -> Hits {
    some(alerts.take_counts().limits())
}

fn of_diagnosis(diagnosis: &mut Diagnosis) -> Hits {
    some(diagnosis.take_limit_hits().by_name())
}

fn step<'a>(service: &'a str, instance: &'a str, caller: &'a str) -> CallStep<'a> {
    CallStep { service, department: "d", instance, caller }
}

#[test]
fn services_calls_instances_and_types_of_alerts() {
    let names: Vec<String> = (0..20_005).map(|number| format!("n{number}")).collect();
    let mut alerts = Alerts::default();
    alerts.learn(names[..5_003].iter().map(|name| step(name, "", "")), "type", START);
    assert_eq!(of_alerts(&mut alerts), Hits::from([("topology.services", 3)]));
    let pairs = names[..230].iter().flat_map(|from| names[..230].iter().map(move |to| step(to, "", from)));
    alerts.learn(pairs, "type", START);
    assert_eq!(of_alerts(&mut alerts), Hits::from([("topology.calls", 230 * 229 - 50_000)]));
    alerts.learn(names.iter().map(|name| step("n1", name, "")), "type", START);
    // The one that is called like its service is none.
    assert_eq!(of_alerts(&mut alerts), Hits::from([("topology.instances", 4)]));
    for kind in &names[..70] {
        alerts.learn(std::iter::empty(), kind, START);
    }
    assert_eq!(of_alerts(&mut alerts), Hits::from([("topology.types", 7)]));
    assert_eq!(of_alerts(&mut alerts), Hits::new(), "once");
}

#[test]
fn alerts_and_their_groups() {
    let mut alerts = Alerts::default();
    let take = |alerts: &mut Alerts, numbers: std::ops::Range<usize>| {
        for number in numbers {
            // Each of a name of its own: nothing is the cause of two.
            let labels = BTreeMap::from([("alertname".to_owned(), format!("a{number}"))]);
            alerts.take(Alert { labels, starts_at: START, ..Alert::default() }, START);
        }
    };
    take(&mut alerts, 0..MAX_GROUPS + 3);
    alerts.advance(START + SECOND);
    assert_eq!(of_alerts(&mut alerts), Hits::from([("alerts.groups", 3)]));
    take(&mut alerts, MAX_GROUPS + 3..MAX_ACTIVE + 5);
    assert_eq!(of_alerts(&mut alerts), Hits::from([("alerts.active", 5)]));
}

fn hop<'a>(service: &'a str, operation: &'a str, parent: i32) -> FinishedHop<'a> {
    FinishedHop { service, operation, parent, count: 1, self_time: 1_000_000, ..FinishedHop::default() }
}

fn finished<'a>(hops: &'a [FinishedHop<'a>], now: u64) -> Finished<'a> {
    Finished { id: "t", transaction_type: "type", start: now, end: now, hops, ..Finished::default() }
}

#[test]
fn operations_and_comparisons_of_versions() {
    let names: Vec<String> = (0..MAX_WATCHES + 4).map(|number| format!("s{number}")).collect();
    let mut deployments = Deployments::default();
    let mut all = |version: &'static str, now: u64| {
        for name in &names {
            let hops: Vec<_> =
                (0..100).map(|_| FinishedHop { version, kind: HopKind::Own, ..hop(name, "o", -1) }).collect();
            deployments.observe(&finished(&hops, now), 1, now);
        }
    };
    all("1", START);
    all("2", START + 400 * SECOND);
    assert_eq!(some(deployments.take_over().limits()), Hits::from([("compare.watches", 4)]));
    let mut deployments = Deployments::default();
    let operations: Vec<String> = (0..19).map(|number| format!("o{number}")).collect();
    let hops = operations.iter().map(|name| FinishedHop { version: "1", ..hop("s", name, -1) });
    deployments.observe(&finished(&hops.collect::<Vec<_>>(), START), 1, START);
    assert_eq!(some(deployments.take_over().limits()), Hits::from([("compare.operations", 3)]));
}

#[test]
fn hops_baselines_and_mixes() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    diagnosis.advance(START);
    let hops: Vec<_> = (0..128).map(|_| hop("s", "o", -1)).collect();
    diagnosis.observe(&finished(&hops, START));
    assert_eq!(of_diagnosis(&mut diagnosis), Hits::from([("analysis.hops", 1)]));
    let names: Vec<String> = (0..10_000).map(|number| format!("s{number}")).collect();
    for some in names.chunks(100) {
        let hops: Vec<_> = some.iter().map(|name| hop(name, "o", -1)).collect();
        diagnosis.observe(&finished(&hops, START));
    }
    let hits = of_diagnosis(&mut diagnosis);
    let of = |name| hits.get(name).copied().unwrap_or(0);
    assert!(of("analysis.series") >= 10_000 - 8_192 && of("analysis.mixes") >= 10_000 - 4_096, "{hits:?}");
}

#[test]
fn shapes_of_an_operation_and_what_waits_for_an_incident() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    diagnosis.advance(START);
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    for name in &names {
        diagnosis.observe(&finished(&[hop("caller", "o", -1), hop(name, "o", 0)], START));
    }
    let hits = of_diagnosis(&mut diagnosis);
    assert!(hits.get("analysis.categories").is_some_and(|hits| *hits >= 40 - 32), "{hits:?}");
    for _ in 0..600 {
        let failed = FinishedHop { errors: 1, ..hop("other", "o", -1) };
        diagnosis.observe(&finished(&[failed], START));
    }
    let hits = of_diagnosis(&mut diagnosis);
    assert!(hits.get("analysis.unusual").is_some_and(|hits| *hits >= 600 - 512), "{hits:?}");
}

#[test]
fn customers_of_an_incident() {
    let mut diagnosis = Diagnosis::new(DiagnosisSettings::default());
    let mut customers = 0;
    for number in 0..20 * 1000 {
        let now = START + number * SECOND / 20;
        let changes = diagnosis.advance(now);
        customers = changes.iter().map(|change| change.incident().customers).max().unwrap_or(customers);
        let customer = format!("c{number}");
        let hops = [FinishedHop { errors: u32::from(number > 20 * 700), ..hop("s", "o", -1) }];
        diagnosis.observe(&Finished { customer: &customer, ..finished(&hops, now) });
    }
    let hits = of_diagnosis(&mut diagnosis);
    assert_eq!(customers, 4_096);
    assert!(hits.get("analysis.customers").is_some_and(|hits| *hits > 1_000), "{hits:?}");
}
