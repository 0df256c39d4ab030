//! The third fold: finished transactions, alerts and what people say, to incidents. One partition.
//!
//! What it finds becomes rows, numbered in the order in which they were found. The driver appends them to the log before they have an effect
//! outside; a replay takes the log's rows and makes none of its own in their place.

mod deployments;
mod event;
mod finished;
mod known;
mod report;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};

use throughline_analysis::{
    alerts::{AlertCounts, Alerts, Group, GroupState},
    compare::{Deployment, Deployments, DeploymentsOver},
    diagnosis::{Change, Diagnosis, DiagnosisSettings, LimitHits, Method, State, ToldChange, Usual},
};

use self::known::Known;
pub use self::{
    event::{AnalysisEvent, Row},
    finished::with_finished,
    report::{AlertRow, Feedback, FoundBy, Report},
};
use crate::{records::FeedbackGiven, time::LogClock, transactions::BatchState};

/// Incidents that are held; the oldest that is over goes first. The table has them all.
pub const MAX_REPORTS: usize = 500;

/// Rows that wait to be appended; more are told of as one thing: only the latest of an alert or incident counts.
pub const MAX_PENDING: usize = 200_000;

/// Rows that end a batch.
const BATCH_ROWS: u64 = 20_000;

/// Log time that ends a batch, nanoseconds: an incident is to be seen soon.
const BATCH_DELAY: u64 = 1_000_000_000;

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnalysisCounts {
    /// Transactions looked at.
    pub finished: u64,
    /// Ranges that came twice.
    pub repeated: u64,
    /// Of alerts.
    pub alerts: AlertCounts,
    /// Rows that found no room to wait.
    pub over_pending: u64,
    /// Changes that were told of and are forgotten, for there are too many.
    pub told_over_limit: u64,
    /// Of the diagnosis.
    pub limits: LimitHits,
    /// Of comparisons of versions.
    pub compared: DeploymentsOver,
    /// Words of people that are forgotten, for there are too many.
    pub feedback_over_limit: u64,
}

impl AnalysisCounts {
    /// Each limit by its name in metrics, and how often it was hit.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let own = [
            ("analysis.pending", self.over_pending),
            ("changes.told", self.told_over_limit),
            ("feedback", self.feedback_over_limit),
        ];
        own.into_iter().chain(self.alerts.limits()).chain(self.compared.limits()).chain(self.limits.by_name())
    }
}

/// The state of the fold.
#[derive(Debug)]
pub struct Analysis {
    clock: LogClock,
    /// How far each partition of the summary log was taken.
    sources: Vec<u64>,
    diagnosis: Diagnosis,
    alerts: Alerts,
    deployments: Deployments,
    reports: BTreeMap<String, Report>,
    /// The incident that a group of alerts belongs to.
    groups: BTreeMap<u64, String>,
    known: Known,
    pending: VecDeque<Row>,
    /// Of the first that waits.
    sequence: u64,
    batch: BatchState,
    counts: AnalysisCounts,
}

impl Analysis {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(settings: DiagnosisSettings) -> Self {
        Self {
            clock: LogClock::default(),
            sources: Vec::new(),
            diagnosis: Diagnosis::new(settings),
            alerts: Alerts::default(),
            deployments: Deployments::default(),
            reports: BTreeMap::new(),
            groups: BTreeMap::new(),
            known: Known::default(),
            pending: VecDeque::new(),
            sequence: 0,
            batch: BatchState::default(),
            counts: AnalysisCounts::default(),
        }
    }

    /// Takes the next record, appended at `wall` (Unix nanoseconds).
    pub fn apply(&mut self, wall: u64, event: AnalysisEvent<'_>) {
        let now = self.clock.advance(wall);
        match event {
            AnalysisEvent::Tick => self.tick(now),
            AnalysisEvent::Finished { source, from, to, closed } => {
                if !self.is_next(source, from, to) {
                    self.counts.repeated += 1;
                    return;
                }
                for (weight, closed) in closed {
                    self.take(&closed, weight, now);
                }
            }
            AnalysisEvent::Alerts(alerts) => alerts.for_each(|alert| self.alerts.take(alert, now)),
            AnalysisEvent::Changes(changes) => changes.for_each(|change| {
                self.diagnosis.tell(change);
            }),
            AnalysisEvent::Feedback(given) => self.hear(given, now),
            AnalysisEvent::Found { sequence, rows } => self.found(sequence, rows, now),
            AnalysisEvent::Rules(rules) => self.diagnosis.set(rules.diagnosis()),
            AnalysisEvent::Cut => self.batch = BatchState::default(),
        }
    }

    /// Without a log, where time is told: time is `now`, Unix nanoseconds, never back.
    pub fn advance(&mut self, now: u64) {
        self.tick(now);
    }

    /// Without a log: takes a decided transaction at the time of the last [`advance`](Self::advance) or after.
    pub fn observe(&mut self, closed: &crate::records::Closed, now: u64) {
        self.take(closed, 1, now);
    }

    /// Without a log: the same transactions will come again, from the beginning. What is normal stays known, all else is forgotten.
    #[must_use]
    pub fn look_again(mut self) -> Self {
        self.diagnosis.look_again();
        Self { diagnosis: self.diagnosis, ..Self::new(DiagnosisSettings::default()) }
    }

    /// Without a log: what was found since the last call.
    pub fn take_found(&mut self) -> VecDeque<Row> {
        self.sequence += self.pending.len() as u64;
        std::mem::take(&mut self.pending)
    }

    /// Whether a range is new: one that was appended again after a crash is not.
    fn is_next(&mut self, source: u32, from: u64, to: u64) -> bool {
        let source = source as usize;
        if self.sources.len() <= source {
            self.sources.resize(source + 1, 0);
        }
        let taken = &mut self.sources[source];
        let is_next = from >= *taken && to > *taken;
        *taken = to.max(*taken);
        is_next
    }

    fn take(&mut self, closed: &crate::records::Closed, weight: u32, now: u64) {
        let (diagnosis, alerts, counts) = (&mut self.diagnosis, &mut self.alerts, &mut self.counts);
        let deployments = &mut self.deployments;
        let compares = diagnosis.settings().deployments;
        let with_ids = !diagnosis.settings().has(Method::Names);
        with_finished(closed, with_ids, |finished| {
            counts.finished += 1;
            alerts.learn(finished::steps(finished), finished.transaction_type, now);
            diagnosis.observe_weighted(finished, weight);
            if compares {
                deployments.observe(finished, weight, now);
            }
        });
    }

    fn tick(&mut self, now: u64) {
        for change in self.diagnosis.advance(now) {
            self.change(change, now);
        }
        for deployment in self.deployments.advance(now) {
            self.deployed(&deployment, now);
        }
        for group in self.alerts.advance(now) {
            self.regroup(&group, now);
        }
        for (fingerprint, active) in self.alerts.take_changed() {
            let incident = self.groups.get(&active.group).cloned().unwrap_or_default();
            let row = AlertRow::new(fingerprint, &active, incident, now);
            self.push(Row::Alert(Box::new(row)));
        }
        self.groups.retain(|number, _| self.alerts.group(*number).is_some());
    }

    /// What the diagnosis says of an incident.
    fn change(&mut self, change: Change, now: u64) {
        let (Change::Opened(incident) | Change::Updated(incident) | Change::Recovered(incident)) = change;
        let mut report = Report::new(incident);
        self.known.remind(&mut report.incident);
        self.add_deployments(&mut report, now);
        match self.reports.get(&report.incident.id) {
            Some(before) => report.follow(before),
            None => self.claim(&mut report, now),
        }
        self.report(report, now);
    }

    /// Open groups of alerts that a new incident explains become a part of it.
    fn claim(&mut self, report: &mut Report, now: u64) {
        let groups: Vec<(u64, String)> =
            self.groups.iter().map(|(number, id)| (*number, id.clone())).collect();
        for (number, id) in groups {
            let Some(group) = self.alerts.group(number) else { continue };
            let own = self.reports.get(&id).filter(|own| own.found_by == FoundBy::Alerts && own.is_open());
            let Some(own) = own.cloned() else { continue };
            if !report.explains(group) {
                continue;
            }
            report.take_group(group);
            self.groups.insert(number, report.incident.id.clone());
            self.alerts.tell_again(number);
            self.merge(own, report, now);
        }
    }

    /// One incident turns out to be a part of another.
    fn merge(&mut self, mut own: Report, into: &Report, now: u64) {
        own.incident.state = State::Recovered;
        own.incident.end = Some(now);
        own.part_of.clone_from(&into.incident.id);
        own.incident.summary =
            format!("This belongs to incident {}: {}", into.incident.id, into.incident.summary);
        self.report(own, now);
    }

    /// What became of a group of alerts.
    fn regroup(&mut self, group: &Group, now: u64) {
        let known = self.groups.get(&group.number).cloned();
        let id = match known {
            Some(id) => id,
            None if group.state == GroupState::Open => {
                let explaining = self.reports.values().rev().find(|report| {
                    report.found_by == FoundBy::Transactions && report.is_open() && report.explains(group)
                });
                let id = explaining.map_or_else(|| id_of(group), |report| report.incident.id.clone());
                self.groups.insert(group.number, id.clone());
                self.alerts.tell_again(group.number);
                id
            }
            None => return,
        };
        let department = self.alerts.topology().department(group.about()).unwrap_or_default().to_owned();
        let report = match self.reports.get(&id) {
            Some(before) if before.found_by == FoundBy::Transactions => {
                let mut report = before.clone();
                report.take_group(group);
                report
            }
            before => {
                let mut report = Report::of_group(group, id, &department);
                self.add_told(&mut report);
                if let Some(before) = before {
                    let alerting = std::mem::take(&mut report.alerting);
                    let alerts = report.alerts;
                    report.follow(before);
                    (report.alerts, report.alerting) = (alerts, alerting);
                }
                report
            }
        };
        self.report(report, now);
    }

    fn hear(&mut self, given: &FeedbackGiven, now: u64) {
        let Some(mut report) = self.reports.get(&given.incident).cloned() else { return };
        if let Some(feedback) = report.say(given, now) {
            let forgets = self.known.learn(feedback, &given.incident);
            self.counts.feedback_over_limit += u64::from(forgets);
            self.report(report, now);
        }
    }

    /// A new version of an incident.
    fn report(&mut self, mut report: Report, now: u64) {
        report.version += 1;
        report.updated_at = now;
        self.push(Row::Incident(Box::new(report.clone())));
        self.reports.insert(report.incident.id.clone(), report);
        while self.reports.len() > MAX_REPORTS {
            let over = self.reports.values().min_by_key(|report| (report.is_open(), report.updated_at));
            let Some(id) = over.map(|report| report.incident.id.clone()) else { break };
            self.reports.remove(&id);
        }
    }

    fn push(&mut self, row: Row) {
        if self.pending.len() >= MAX_PENDING {
            self.counts.over_pending += 1;
            return;
        }
        self.pending.push_back(row);
    }

    /// Rows that are in the log wait no more. They hold, whatever was found here.
    fn found(&mut self, sequence: u64, rows: &[Row], now: u64) {
        let end = sequence + rows.len() as u64;
        let passed = end.saturating_sub(self.sequence).min(self.pending.len() as u64);
        self.pending.drain(..passed as usize);
        self.sequence = self.sequence.max(end);
        for row in rows {
            if let Row::Incident(report) = row {
                let known = self.reports.get_mut(&report.incident.id);
                match known {
                    Some(known) if known.version >= report.version => {}
                    _ => {
                        self.reports.insert(report.incident.id.clone(), (**report).clone());
                    }
                }
            }
        }
        if self.batch.rows == 0 {
            self.batch.since = now;
        }
        self.batch.rows += rows.len() as u64;
    }

    /// Rows that are not in the log yet, with the sequence of the first.
    #[must_use]
    pub fn pending(&self) -> (u64, &VecDeque<Row>) {
        (self.sequence, &self.pending)
    }

    /// Whether enough was written, or waits long enough, for a cut.
    #[must_use]
    pub fn wants_cut(&self) -> bool {
        let waited = self.clock.now().saturating_sub(self.batch.since);
        self.batch.rows >= BATCH_ROWS || self.batch.rows > 0 && waited >= BATCH_DELAY
    }

    /// Rows since the last cut.
    #[must_use]
    pub fn batch(&self) -> &BatchState {
        &self.batch
    }

    /// Log time, nanoseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// How far each partition of the summary log was taken.
    #[must_use]
    pub fn taken(&self) -> &[u64] {
        &self.sources
    }

    /// Incidents that are held.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.reports.values()
    }

    /// What the diagnosis goes by.
    #[must_use]
    pub fn settings(&self) -> &DiagnosisSettings {
        self.diagnosis.settings()
    }

    /// Changes that were told of, the latest first.
    pub fn told(&self) -> impl Iterator<Item = &ToldChange> {
        self.diagnosis.told()
    }

    /// What is normal: the baselines that judgement goes by, with what is expected now.
    pub fn usual(&self) -> impl Iterator<Item = Usual> {
        self.diagnosis.usual()
    }

    /// Alerts that fire.
    #[must_use]
    pub fn firing(&self) -> usize {
        self.alerts.firing()
    }

    /// Who calls whom, and how many hops took that call.
    pub fn calls(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.alerts.topology().calls()
    }

    /// Versions that came, each compared with the one before, newest first.
    #[must_use]
    pub fn deployments(&self) -> Vec<&Deployment> {
        self.deployments.list()
    }

    /// What was counted since the last look.
    pub fn take_counts(&mut self) -> AnalysisCounts {
        let mut counts = std::mem::take(&mut self.counts);
        counts.alerts = self.alerts.take_counts();
        counts.told_over_limit = self.diagnosis.take_told_over_limit();
        counts.limits = self.diagnosis.take_limit_hits();
        counts.compared = self.deployments.take_over();
        counts
    }
}

/// The name of a group's incident: the same for the same alerts.
fn id_of(group: &Group) -> String {
    let text = format!("{}\0{}\0{}", group.about(), group.start, group.number);
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}
