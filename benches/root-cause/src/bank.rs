//! Faults of the simulated bank: whether the right department and kind are named, and how soon.

use std::error::Error;
use std::time::Duration;

use prost::Message;
use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_assembly::rules::RulesSettings;
use throughline_bank::plan::{Plan, PlanOptions, Transfer, to_otlp};
use throughline_bank::{Fault, FaultKind};

use crate::stream::{Stream, assemble, diagnose};

/// Transfers a second.
const RATE: f64 = 5.0;
/// Healthy time before a fault, and how long that lasts.
const BEFORE: Duration = Duration::from_secs(600);
const LASTS: Duration = Duration::from_secs(240);

/// How one run went.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) department: bool,
    pub(crate) kind: bool,
    /// Seconds from the close of the first transaction hit to the incident.
    pub(crate) delay: Option<f64>,
    pub(crate) false_incidents: usize,
    /// Of several faults: whether all are among the first three suspects.
    pub(crate) all_in_three: bool,
}

/// The transactions of a plan that lasts so long.
pub(crate) fn stream(
    rules: &RulesSettings,
    options: &PlanOptions,
    lasts: Duration,
) -> Result<(Stream, Vec<Transfer>), Box<dyn Error>> {
    let until = options.start_unix_nano + lasts.as_nanos() as u64;
    let transfers: Vec<Transfer> = Plan::new(options).take_while(|transfer| transfer.start < until).collect();
    let mut requests: Vec<(u64, Vec<u8>)> = to_otlp(&transfers)
        .iter()
        .map(|request| {
            let spans = request.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
            (spans.map(|span| span.end_time_unix_nano).max().unwrap_or(0), request.encode_to_vec())
        })
        .collect();
    requests.sort_by_key(|request| request.0);
    let stream = assemble(rules, requests.into_iter().map(Ok))?;
    Ok((stream, transfers))
}

/// Settings as a server with these rules would have them.
pub(crate) fn settings(rules: &RulesSettings) -> DiagnosisSettings {
    DiagnosisSettings { network_department: rules.network_department.clone(), ..DiagnosisSettings::default() }
}

/// Runs one or more faults at once.
pub(crate) fn run(rules: &RulesSettings, kinds: &[FaultKind], seed: u64) -> Result<Run, Box<dyn Error>> {
    let faults: Vec<Fault> = kinds.iter().map(|kind| Fault::new(*kind, BEFORE, LASTS)).collect();
    let options =
        PlanOptions { seed, transfers_per_second: RATE, speed: 0.0, faults, ..PlanOptions::default() };
    let (stream, transfers) = stream(rules, &options, BEFORE + LASTS)?;
    let told = diagnose(&stream, settings(rules));
    let begins = options.start_unix_nano + BEFORE.as_nanos() as u64;
    let hit: Vec<&Transfer> = transfers.iter().filter(|transfer| !transfer.faults.is_empty()).collect();
    let hit_keys: Vec<&str> = hit.iter().map(|transfer| transfer.uetr.as_str()).collect();
    let mut closes = stream.iter().filter(|(_, closed)| {
        closed.row.as_ref().is_some_and(|row| hit_keys.contains(&row.transaction_id.as_str()))
    });
    let first_close = closes.next().map_or(begins, |(time, _)| *time);
    let answer = told.iter().find(|told| told.first.detected_at >= begins);
    let suspects = answer.map(|told| told.last.suspects.as_slice()).unwrap_or_default();
    let right_department = |kind: FaultKind, department: &str| {
        let mut marks = hit.iter().flat_map(|transfer| &transfer.faults).filter(|mark| mark.kind == kind);
        let truth = marks.next().map_or("", |mark| mark.department);
        // Whom the configuration gives time of the kind is as right.
        let owner = if kind == FaultKind::DatabaseLock { rules.database_department.as_deref() } else { None };
        department == truth || Some(department) == owner
    };
    let right = |kind: FaultKind, count: usize| {
        let mut named = suspects.iter().take(count);
        named.any(|suspect| right_department(kind, &suspect.department))
    };
    Ok(Run {
        department: right(kinds[0], 1),
        kind: suspects.first().is_some_and(|first| first.kind.name() == kinds[0].blame()),
        delay: answer.map(|told| (told.first.detected_at as f64 - first_close as f64) / 1e9),
        false_incidents: told.iter().filter(|told| told.first.detected_at < begins).count(),
        all_in_three: kinds.iter().all(|kind| right(*kind, 3)),
    })
}
