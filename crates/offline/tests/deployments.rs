//! New versions in the third fold, over what the bank sends: a bad one is an incident of its kind, a good one is none.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

use std::{sync::Arc, time::Duration};

use prost::Message;
use throughline_analysis::{
    compare::Verdict,
    diagnosis::{DiagnosisSettings, Method, SuspectKind, Thresholds},
};
use throughline_assembly::{
    incidents::{Analysis, AnalysisEvent, FoundBy, Report},
    records::Closed,
    rules::RulesSettings,
    time::SECOND,
};
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, generate, to_otlp},
};
use throughline_offline::{Event, Offline};

const BASE: u64 = 1_767_225_600 * SECOND;
/// What is new comes here and stays so long, seconds.
const NEW: (u64, u64) = (540, 240);
const PER_SECOND: f64 = 4.0;

fn rules() -> RulesSettings {
    let second = SECOND;
    let json = serde_json::json!({
        "partitions": 1,
        "traces": { "quiet_time": 3 * second, "quiet_time_without_root": 6 * second, "max_age": 600 * second,
            "max_spans": 10_000, "max_skew": second },
        "partners": [], "departments": [{ "attribute": "department" }],
        "network_department": null, "database_department": null,
        "transactions": { "keys": ["payment.uetr"], "links": true, "quiet_time": 6 * second, "max_age": 3600 * second,
            "max_traces": 100, "attributes": ["payment.amount"],
            "types": [{ "name": "transfer", "match": "root.name == \"POST /transfers\"",
                "terminal": "span.name == \"settlement.confirm\"", "settle": 4 * second, "max_age": null, "deadline": null }] },
        "policies": [], "batch_rows": 1000, "batch_delay": second, "retention": 7200 * second,
    });
    serde_json::from_value(json).unwrap()
}

/// Seconds, each with what closed in it.
fn closed(faults: Vec<Fault>) -> Vec<(u64, Vec<Closed>)> {
    let options = PlanOptions {
        seed: 5,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults,
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let mut transfers = generate(&options, (PER_SECOND * (NEW.0 + NEW.1) as f64) as usize);
    transfers.sort_by_key(|transfer| transfer.end);
    let mut offline = Offline::new(&rules()).unwrap();
    let (mut seconds, mut waiting) = (Vec::new(), Vec::new());
    let mut see = |event: Event<'_>| match event {
        Event::Closed { closed, .. } => waiting.push(closed.clone()),
        Event::Time(now) => seconds.push((now, std::mem::take(&mut waiting))),
    };
    for transfer in &transfers {
        for request in to_otlp(std::slice::from_ref(transfer)) {
            offline.take("", transfer.end, &request.encode_to_vec(), &mut see).unwrap();
        }
    }
    offline.finish(&mut see);
    seconds
}

fn analysed(seconds: &[(u64, Vec<Closed>)], settings: DiagnosisSettings, each: u32) -> Analysis {
    let mut fold = Analysis::new(settings);
    for (from, (now, closed)) in (0..).zip(seconds) {
        let closed = &mut closed.iter().map(|closed| (each, Arc::new(closed.clone())));
        fold.apply(*now, AnalysisEvent::Finished { source: 0, from, to: from + 1, closed });
        fold.apply(*now, AnalysisEvent::Tick);
    }
    fold
}

fn bad() -> Vec<(u64, Vec<Closed>)> {
    closed(vec![Fault::new(FaultKind::BadVersion, Duration::from_secs(NEW.0), Duration::from_secs(NEW.1))])
}

fn since_then(fold: &Analysis) -> Vec<&Report> {
    fold.reports().filter(|report| report.incident.detected_at >= BASE + NEW.0 * SECOND).collect()
}

/// Only comparisons say anything.
fn comparisons_alone() -> DiagnosisSettings {
    let thresholds = Thresholds { enabled: false, ..Thresholds::default() };
    DiagnosisSettings { thresholds, ..DiagnosisSettings::default() }
}

#[test]
fn a_bad_version_is_compared_by_itself_and_is_an_incident_once() {
    let seconds = bad();
    let fold = analysed(&seconds, DiagnosisSettings::default(), 1);
    let deployments = fold.deployments();
    let [deployment] = deployments[..] else { panic!("one new version: {deployments:#?}") };
    assert_eq!((deployment.service.as_str(), deployment.verdict), ("fraud-check", Verdict::Worse));
    let reports: Vec<_> = since_then(&fold).into_iter().filter(|report| report.part_of.is_empty()).collect();
    let [report] = reports[..] else { panic!("one incident: {reports:#?}") };
    let suspect = &report.incident.suspects[0];
    assert_eq!((suspect.service.as_str(), suspect.kind), ("fraud-check", SuspectKind::Version));
    assert_eq!(suspect.version, deployment.candidate);
    let told = suspect.evidence.iter().filter(|sentence| sentence.contains("which runs beside it")).count();
    assert_eq!(told, 1, "the last look is evidence: {:?}", suspect.evidence);
}

/// `bad`, and then nothing for five minutes.
fn bad_and_gone() -> Vec<(u64, Vec<Closed>)> {
    let mut seconds = bad();
    let last = seconds.last().unwrap().0;
    seconds.extend((1..=300).map(|second| (last + second * SECOND, Vec::new())));
    seconds
}

#[test]
fn what_a_comparison_says_is_said_of_an_incident_that_is_over_too() {
    let fold = analysed(&bad_and_gone(), DiagnosisSettings::default(), 1);
    let reports: Vec<_> = since_then(&fold).into_iter().filter(|report| report.part_of.is_empty()).collect();
    let [report] = reports[..] else { panic!("one incident: {reports:#?}") };
    let suspect = &report.incident.suspects[0];
    assert_eq!((report.is_open(), suspect.kind), (false, SuspectKind::Version));
    assert!(suspect.evidence.iter().any(|said| said.contains("is worse than")), "{:?}", suspect.evidence);
}

#[test]
fn the_comparison_alone_finds_it_and_its_incident_ends() {
    let seconds = bad();
    let fold = analysed(&seconds, comparisons_alone(), 1);
    let reports = since_then(&fold);
    let [report] = reports[..] else { panic!("one incident: {reports:#?}") };
    assert_eq!(report.found_by, FoundBy::Deployment);
    assert!(report.is_open() && report.incident.detected_at <= BASE + (NEW.0 + 120) * SECOND);
    assert!(report.incident.summary.contains("of fraud-check"), "{}", report.incident.summary);
    assert!(!report.incident.examples.is_empty() && report.incident.transactions > 0);
    let fold = analysed(&bad_and_gone(), comparisons_alone(), 1);
    assert!(since_then(&fold).iter().all(|report| !report.is_open()), "it is gone, so it is over");
}

#[test]
fn a_good_version_is_compared_and_is_no_incident() {
    let mut seconds = closed(Vec::new());
    let rolled_out = BASE + NEW.0 * SECOND;
    for row in seconds.iter_mut().flat_map(|(_, closed)| closed).filter_map(|closed| closed.row.as_mut()) {
        if let Some(hops) = row.hops.as_mut().filter(|_| row.end > rolled_out) {
            hops.strings = hops.strings.replace("2.2.5", "2.2.6");
        }
    }
    let fold = analysed(&seconds, DiagnosisSettings::default(), 1);
    let deployments = fold.deployments();
    let [deployment] = deployments[..] else { panic!("one new version: {deployments:#?}") };
    assert_eq!((deployment.service.as_str(), deployment.candidate.as_str()), ("limits", "2.2.6"));
    assert_eq!(deployment.verdict, Verdict::NotWorse, "{deployment:#?}");
    assert_eq!(since_then(&fold), Vec::<&Report>::new());
}

#[test]
fn what_stands_for_others_counts_for_them_and_says_so() {
    let seconds = bad();
    let settings = || DiagnosisSettings { deployments: false, ..DiagnosisSettings::default() };
    let (one, three) = (analysed(&seconds, settings(), 1), analysed(&seconds, settings(), 3));
    let (one, three) = (since_then(&one), since_then(&three));
    let (one, three) = (&one[0].incident, &three[0].incident);
    assert!(!one.estimated && three.estimated);
    assert_eq!((three.transactions, three.customers), (3 * one.transactions, 3 * one.customers));
    assert!((three.amount - 3.0 * one.amount).abs() < 1e-6 * one.amount.max(1.0));
    assert!((three.share - one.share).abs() < 1e-9, "a share stays one");
    assert!(three.summary.contains("about ") && !one.summary.contains("about "), "{}", three.summary);
}

#[test]
fn settings_are_taken_from_the_log_while_it_runs() {
    let seconds = bad();
    let quiet = RulesSettings {
        network_department: Some("network".to_owned()),
        diagnosis: DiagnosisSettings {
            without: Method::ALL.to_vec(),
            deployments: false,
            ..comparisons_alone()
        },
        ..rules()
    };
    let mut fold = Analysis::new(DiagnosisSettings::default());
    fold.apply(BASE, AnalysisEvent::Rules(&quiet));
    assert_eq!(fold.settings().network_department.as_deref(), Some("network"), "the owner comes along");
    let restored = Analysis::restore(&fold.snapshot(Vec::new()).unwrap()).unwrap();
    assert_eq!(restored.settings(), &quiet.diagnosis());
    for (from, (now, closed)) in (0..).zip(&seconds) {
        let closed = &mut closed.iter().map(|closed| (1, Arc::new(closed.clone())));
        fold.apply(*now, AnalysisEvent::Finished { source: 0, from, to: from + 1, closed });
        fold.apply(*now, AnalysisEvent::Tick);
    }
    assert_eq!(fold.reports().count(), 0, "what is off finds nothing");
    assert!(fold.deployments().is_empty());
}
