//! Faults of the simulated bank: whether the right department and kind are named, and how soon.

use std::collections::BTreeSet;
use std::error::Error;
use std::time::Duration;

use prost::Message;
use throughline_analysis::diagnosis::{DiagnosisSettings, Incident, Suspect};
use throughline_assembly::rules::RulesSettings;
use throughline_bank::plan::{Plan, PlanOptions, Transfer, to_otlp};
use throughline_bank::{Fault, FaultKind, parse_fault};

use crate::stream::{Told, diagnose_each};

/// Transfers a second.
const RATE: f64 = 5.0;
/// Healthy time before a fault, how long that lasts, and how long traffic goes on.
const BEFORE: Duration = Duration::from_secs(600);
const LASTS: Duration = Duration::from_secs(240);
const AFTER: Duration = Duration::from_secs(60);
/// A step is missing once its deadline (`deploy/bank.yaml`) has passed.
const DEADLINE: Duration = Duration::from_secs(300);
/// Length of the pieces in which traffic is made.
const PIECE: u64 = 60_000_000_000;

/// Where faults of each kind can be: as the bank's own help says.
const PLACES: [(FaultKind, &[&str]); 9] = [
    (FaultKind::DatabaseLock, &["ledger", "accounts"]),
    (
        FaultKind::NetworkDelay,
        &["payments/core-banking", "payments/customer", "payments/risk-and-security", "channels/gateway"],
    ),
    (FaultKind::QueueBacklog, &["clearing-connector", "settlement"]),
    (FaultKind::SlowPartner, &["clearing-connector"]),
    (FaultKind::BadVersion, SERVICES),
    (FaultKind::SecurityScanSlow, &["security-scan"]),
    (FaultKind::BadPod, SERVICES),
    (FaultKind::Errors, SERVICES),
    (FaultKind::MissingStep, &["settlement"]),
];
const SERVICES: &[&str] = &[
    "fraud-check",
    "security-scan",
    "sanctions-screening",
    "customer-profile",
    "limits",
    "accounts",
    "ledger",
    "payment-router",
];

/// How one run went.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// The first suspect, in the end, is of the right department.
    pub(crate) department: bool,
    /// The same when the incident was first told of.
    pub(crate) at_once: bool,
    pub(crate) kind: bool,
    /// Seconds from the close of the first transaction hit to the incident.
    pub(crate) delay: Option<f64>,
    pub(crate) false_incidents: usize,
    /// Healthy seconds before the faults.
    pub(crate) healthy: f64,
    /// Of several faults: whether all are among the first three suspects.
    pub(crate) all_in_three: bool,
    /// What was said, for whoever looks into a miss, and into a false incident.
    pub(crate) said: String,
    pub(crate) wrongly_said: Vec<String>,
}

/// A fault of this kind, somewhere that depends on `choice`; at its usual place for `None`.
pub(crate) fn fault(kind: FaultKind, choice: Option<u64>) -> Result<Fault, Box<dyn Error>> {
    let usual = Fault::new(kind, BEFORE, LASTS);
    let Some(choice) = choice else { return Ok(usual) };
    let places = PLACES.iter().find(|(of, _)| *of == kind).map_or(&[] as &[&str], |(_, places)| places);
    let place = places[(choice % places.len() as u64) as usize];
    Ok(parse_fault(&format!("{}:{place}@{}s+{}s", kind.name(), BEFORE.as_secs(), LASTS.as_secs()))?)
}

/// The bank's requests for so long, each with the time at which it comes. `is_sent` sees each transfer, and says whether it comes.
pub(crate) fn requests(
    options: &PlanOptions,
    lasts: Duration,
    mut is_sent: impl FnMut(&Transfer) -> bool,
) -> impl Iterator<Item = (u64, Vec<u8>)> {
    let until = options.start_unix_nano + lasts.as_nanos() as u64;
    let mut plan = Plan::new(options).take_while(move |transfer| transfer.start < until).peekable();
    let mut piece_end = options.start_unix_nano;
    let mut waiting: BTreeSet<(u64, Vec<u8>)> = BTreeSet::new();
    std::iter::from_fn(move || {
        // What starts later ends later than the piece that is made.
        while waiting.first().is_none_or(|first| first.0 >= piece_end) && plan.peek().is_some() {
            piece_end += PIECE;
            let mut transfers = Vec::new();
            while let Some(transfer) = plan.next_if(|transfer| transfer.start < piece_end) {
                if is_sent(&transfer) {
                    transfers.push(transfer);
                }
            }
            for request in to_otlp(&transfers) {
                let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
                let time = spans.map(|span| span.end_time_unix_nano).max().unwrap_or(0);
                waiting.insert((time, request.encode_to_vec()));
            }
        }
        waiting.pop_first()
    })
}

/// Settings as a server with these rules would have them.
pub(crate) fn settings(rules: &RulesSettings) -> DiagnosisSettings {
    DiagnosisSettings { network_department: rules.network_department.clone(), ..DiagnosisSettings::default() }
}

/// Runs one or more faults at once.
pub(crate) fn run(rules: &RulesSettings, faults: &[Fault], seed: u64) -> Result<Run, Box<dyn Error>> {
    let runs = run_each(rules, faults, seed, &[settings(rules)])?;
    runs.into_iter().next().ok_or_else(|| "no run".into())
}

/// The same, with each of these settings.
pub(crate) fn run_each(
    rules: &RulesSettings,
    faults: &[Fault],
    seed: u64,
    settings: &[DiagnosisSettings],
) -> Result<Vec<Run>, Box<dyn Error>> {
    let options = PlanOptions {
        seed,
        transfers_per_second: RATE,
        speed: 0.0,
        faults: faults.to_vec(),
        ..PlanOptions::default()
    };
    let late = faults.iter().any(|fault| fault.kind == FaultKind::MissingStep);
    let lasts = BEFORE + LASTS + AFTER + if late { DEADLINE } else { Duration::ZERO };
    let mut hit: Vec<Transfer> = Vec::new();
    let requests = requests(&options, lasts, |transfer| {
        if !transfer.faults.is_empty() {
            hit.push(transfer.clone());
        }
        true
    });
    let mut closes: Vec<(u64, String)> = Vec::new();
    let begins = options.start_unix_nano + BEFORE.as_nanos() as u64;
    let told = diagnose_each(rules, settings, &[], requests, |time, closed| {
        if let Some(row) = closed.row.as_ref().filter(|_| time >= begins) {
            closes.push((time, row.transaction_id.clone()));
        }
    })?;
    let is_hit = |id: &String| hit.iter().any(|transfer| transfer.uetr == *id);
    let first_close = closes.iter().find(|(_, id)| is_hit(id)).map_or(begins, |(time, _)| *time);
    Ok(told.iter().map(|told| judge(rules, faults, &hit, told, begins, first_close)).collect())
}

fn judge(
    rules: &RulesSettings,
    faults: &[Fault],
    hit: &[Transfer],
    told: &[Told],
    begins: u64,
    first_close: u64,
) -> Run {
    let right = |fault: &Fault, suspect: &Suspect| {
        let mut marks =
            hit.iter().flat_map(|transfer| &transfer.faults).filter(|mark| mark.kind == fault.kind);
        let truth = marks.next().map_or("", |mark| mark.department);
        // Whom the configuration gives time of the kind is as right.
        let owner =
            if fault.kind == FaultKind::DatabaseLock { rules.database_department.as_deref() } else { None };
        suspect.department == truth || Some(suspect.department.as_str()) == owner
    };
    let answers: Vec<&Told> = told.iter().filter(|told| told.first.detected_at >= begins).collect();
    let first =
        |incident: fn(&Told) -> &Incident| answers.first().and_then(|told| incident(told).suspects.first());
    let (last_said, first_said) = (first(|told| &told.last), first(|told| &told.first));
    // Of several incidents the first suspects come first, then the second ones.
    let mut listed: Vec<(u32, usize, &Suspect)> = (0..)
        .zip(&answers)
        .flat_map(|(at, told)| told.last.suspects.iter().map(move |suspect| (suspect.rank, at, suspect)))
        .collect();
    listed.sort_by_key(|(rank, at, _)| (*rank, *at));
    let in_three = |fault: &Fault| listed.iter().take(3).any(|(_, _, suspect)| right(fault, suspect));
    Run {
        department: last_said.is_some_and(|said| right(&faults[0], said)),
        at_once: first_said.is_some_and(|said| right(&faults[0], said)),
        kind: last_said.is_some_and(|said| said.kind.name() == faults[0].kind.blame()),
        delay: answers.first().map(|told| (told.first.detected_at as f64 - first_close as f64) / 1e9),
        false_incidents: told.len() - answers.len(),
        healthy: BEFORE.as_secs_f64(),
        all_in_three: faults.iter().all(in_three),
        wrongly_said: told
            .iter()
            .filter(|told| told.first.detected_at < begins)
            .map(|told| wrong_outline(told, begins - BEFORE.as_nanos() as u64))
            .collect(),
        said: answers.iter().map(|told| outline(&told.last)).collect::<Vec<_>>().join(" / "),
    }
}

/// An incident in one line.
pub(crate) fn outline(incident: &Incident) -> String {
    let suspects = incident
        .suspects
        .iter()
        .take(3)
        .map(|suspect| format!("{} {} {:.2}", suspect.service, suspect.kind.name(), suspect.score));
    let evidence = incident.suspects.first().and_then(|suspect| suspect.evidence.first());
    format!(
        "{} [{}]{}",
        incident.types.join(","),
        suspects.collect::<Vec<_>>().join(", "),
        evidence.map_or_else(String::new, |text| format!(" {text}"))
    )
}

/// A false incident in one line: how long after the beginning.
pub(crate) fn wrong_outline(told: &Told, start: u64) -> String {
    format!("after {:.0} s: {}", (told.first.detected_at - start) as f64 / 1e9, outline(&told.last))
}
