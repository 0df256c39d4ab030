//! The third fold over what the bank sends under a fault: one incident with the right department, and the same rows whatever crashes in between.

#![expect(clippy::unwrap_used, reason = "helpers of a test: a panic is the report")]

mod common;

use std::{sync::Arc, time::Duration};

use prost::Message;
use throughline_analysis::diagnosis::DiagnosisSettings;
use throughline_assembly::{
    incidents::{Analysis, AnalysisEvent, FoundBy, Report, Row},
    records::{Closed, FeedbackGiven},
    time::SECOND,
};
use throughline_bank::{
    Fault, FaultKind,
    plan::{PlanOptions, generate, to_otlp},
};
use throughline_offline::{Event, Offline};

use self::common::settings;

const BASE: u64 = 1_767_225_600 * SECOND;
/// The fault begins here and lasts three minutes, seconds.
const FAULT: (u64, u64) = (540, 180);
const PER_SECOND: f64 = 4.0;

/// A record of the analysis log.
#[derive(Clone)]
enum Entry {
    Tick,
    Finished { from: u64, to: u64, closed: Vec<Arc<Closed>> },
    Found { sequence: u64, rows: Vec<Row> },
    Feedback(FeedbackGiven),
    Cut,
}

/// What reaches the analysis log from outside it: each second a tick, and a range where something has closed. And the department to blame.
fn inputs(kind: FaultKind) -> (Vec<(u64, Entry)>, &'static str) {
    let fault = Fault::new(kind, Duration::from_secs(FAULT.0), Duration::from_secs(FAULT.1));
    let options = PlanOptions {
        seed: 11,
        transfers_per_second: PER_SECOND,
        speed: 0.0,
        faults: vec![fault],
        start_unix_nano: BASE,
        ..PlanOptions::default()
    };
    let count = (PER_SECOND * (FAULT.0 + FAULT.1) as f64) as usize;
    let mut transfers = generate(&options, count);
    transfers.sort_by_key(|transfer| transfer.end);
    let department =
        transfers.iter().flat_map(|transfer| &transfer.faults).map(|mark| mark.department).next();
    let mut offline = Offline::new(&settings()).unwrap();
    let (mut inputs, mut waiting, mut position) = (Vec::new(), Vec::new(), 0_u64);
    let mut see = |event: Event<'_>| match event {
        Event::Closed { closed, .. } => waiting.push(Arc::new(closed.clone())),
        Event::Time(now) => {
            let closed = std::mem::take(&mut waiting);
            if !closed.is_empty() {
                let from = position;
                position += 100;
                inputs.push((now, Entry::Finished { from, to: position, closed }));
            }
            inputs.push((now, Entry::Tick));
        }
    };
    for transfer in &transfers {
        for request in to_otlp(std::slice::from_ref(transfer)) {
            offline.take("", transfer.end, &request.encode_to_vec(), &mut see).unwrap();
        }
    }
    offline.finish(&mut see);
    (inputs, department.unwrap())
}

/// A fold with its log, as the worker drives it.
struct Run {
    fold: Analysis,
    log: Vec<(u64, Entry)>,
    decided: u64,
}

fn apply(fold: &mut Analysis, (wall, entry): &(u64, Entry)) {
    let event = match entry {
        Entry::Tick => AnalysisEvent::Tick,
        Entry::Finished { from, to, closed } => {
            let closed = &mut closed.iter().map(|closed| (1, Arc::clone(closed)));
            return fold.apply(*wall, AnalysisEvent::Finished { source: 0, from: *from, to: *to, closed });
        }
        Entry::Found { sequence, rows } => AnalysisEvent::Found { sequence: *sequence, rows },
        Entry::Feedback(given) => AnalysisEvent::Feedback(given),
        Entry::Cut => AnalysisEvent::Cut,
    };
    fold.apply(*wall, event);
}

impl Run {
    fn new() -> Self {
        Self { fold: Analysis::new(DiagnosisSettings::default()), log: Vec::new(), decided: 0 }
    }

    fn append(&mut self, entry: (u64, Entry)) {
        apply(&mut self.fold, &entry);
        self.log.push(entry);
    }

    /// Takes a record, and appends what it makes the fold find.
    fn take(&mut self, entry: (u64, Entry)) {
        let wall = entry.0;
        self.append(entry);
        self.act(wall);
    }

    fn act(&mut self, wall: u64) {
        let (first, pending) = self.fold.pending();
        let rows: Vec<Row> = pending.iter().skip((self.decided - first) as usize).cloned().collect();
        if !rows.is_empty() {
            let sequence = self.decided;
            self.decided += rows.len() as u64;
            self.append((wall, Entry::Found { sequence, rows }));
        }
        if self.fold.wants_cut() {
            self.append((wall, Entry::Cut));
        }
    }

    fn reports(&self) -> Vec<&Report> {
        let rows = self.log.iter().filter_map(|(_, entry)| match entry {
            Entry::Found { rows, .. } => Some(rows),
            _ => None,
        });
        rows.flatten()
            .filter_map(|row| match row {
                Row::Incident(report) => Some(&**report),
                Row::Alert(_) => None,
            })
            .collect()
    }
}

fn rows(run: &Run) -> Vec<String> {
    run.reports().iter().map(|report| format!("{report:?}")).collect()
}

/// Scenario: nine minutes of the bank's usual traffic, then a lock in a database; crashes at several moments, with the last rows in the log or not yet.
/// Guarantee: an incident is found whose first suspect's department is the one to blame; after each crash the same versions are written, none twice.
#[test]
fn a_fault_is_an_incident_and_crashes_change_nothing() {
    let (inputs, department) = inputs(FaultKind::DatabaseLock);
    let mut straight = Run::new();
    for input in &inputs {
        straight.take(input.clone());
    }
    let reports = straight.reports();
    let found = reports.iter().find(|report| report.incident.detected_at >= BASE + FAULT.0 * SECOND);
    let found = found.unwrap_or_else(|| panic!("no incident: {reports:#?}"));
    assert_eq!(found.found_by, FoundBy::Transactions);
    let suspect = &found.incident.suspects[0];
    let blamed = (suspect.department.as_str(), suspect.kind.name());
    assert_eq!(blamed, (department, FaultKind::DatabaseLock.blame()), "{found:#?}");
    for (crash, keeps) in [(40, true), (78, false), (83, true), (90, false), (95, true)] {
        let mut run = Run::new();
        let mut saved = None;
        let at = inputs.len() * crash / 100;
        for input in &inputs[..at] {
            run.take(input.clone());
            if run.fold.batch().rows == 0 && run.log.len().is_multiple_of(7) {
                saved = Some((run.log.len(), run.fold.snapshot(Vec::new()).unwrap()));
            }
        }
        // What was found because of the last record may not have reached the log.
        while !keeps && matches!(run.log.last(), Some((_, Entry::Found { .. } | Entry::Cut))) {
            run.log.pop();
        }
        let (from, bytes) = saved.unwrap();
        let from = from.min(run.log.len());
        let mut fold = Analysis::restore(&bytes).unwrap();
        run.log[from..].iter().for_each(|entry| apply(&mut fold, entry));
        run.decided = fold.pending().0;
        run.fold = fold;
        run.act(inputs[at - 1].0);
        for input in &inputs[at..] {
            run.take(input.clone());
        }
        assert_eq!(rows(&run), rows(&straight), "crash after {crash} % of the records");
        let mut versions: Vec<_> =
            run.reports().iter().map(|report| (report.incident.id.clone(), report.version)).collect();
        let all = versions.len();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), all, "a version twice");
    }
}

/// Scenario: the same range of decisions comes again, as after a crash of the second fold; a person rejects the first suspect, then confirms the second.
/// Guarantee: the range counts once; what was confirmed comes first, what was rejected last, and stays so.
#[test]
fn a_range_counts_once_and_feedback_orders_suspects() {
    let (inputs, _) = inputs(FaultKind::DatabaseLock);
    let mut run = Run::new();
    for input in &inputs {
        run.take(input.clone());
        if let (_, Entry::Finished { .. }) = input {
            run.take(input.clone());
        }
    }
    let finished: usize = inputs
        .iter()
        .map(|(_, entry)| match entry {
            Entry::Finished { closed, .. } => closed.iter().filter(|closed| closed.version <= 1).count(),
            _ => 0,
        })
        .sum();
    assert_eq!(run.fold.take_counts().finished, finished as u64);
    let Some(report) = run.fold.reports().max_by_key(|report| report.incident.suspects.len()).cloned() else {
        panic!("no incident")
    };
    let wall = inputs.last().unwrap().0;
    let say = |run: &mut Run, suspect: u32, confirmed: bool| {
        let incident = report.incident.id.clone();
        run.take((wall, Entry::Feedback(FeedbackGiven { incident, suspect, confirmed, by: "ann".into() })));
    };
    say(&mut run, 1, true);
    let last = (*run.reports().last().unwrap()).clone();
    assert_eq!((last.version, last.feedback.len()), (report.version + 1, 1));
    assert_eq!(last.incident.suspects[0].service, report.incident.suspects[0].service);
    say(&mut run, 99, true);
    assert_eq!(run.reports().last().unwrap().version, report.version + 1, "no such suspect");
    if report.incident.suspects.len() > 1 {
        say(&mut run, 1, false);
        let last = run.reports().last().unwrap().incident.suspects.last().unwrap().clone();
        assert_eq!(last.service, report.incident.suspects[0].service);
        assert_eq!(last.rank as usize, report.incident.suspects.len());
    }
}
