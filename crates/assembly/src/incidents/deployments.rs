//! What comparisons of new versions mean for incidents: one that is worse speaks against its service, in the incident that there is, or in one of its own.

use throughline_analysis::{
    compare::{Changed, Deployment, Verdict},
    diagnosis::{Incident, State, Suspect, SuspectKind, retell},
};

use super::{Analysis, FoundBy, Report};

/// An incident that began so long around a version's first call began with it, nanoseconds.
const WITH_IT: u64 = 120_000_000_000;

/// A version whose last call was at most so long after the end of an incident went with it, nanoseconds: one that stays is met until now, and incidents are
/// over for longer when that is said.
const WENT_WITH_IT: u64 = 60_000_000_000;

/// Suspects of an incident that a deployment can belong to.
const SUSPECTS: usize = 3;

impl Analysis {
    /// What a look at a new version brought.
    pub(super) fn deployed(&mut self, deployment: &Deployment, now: u64) {
        let own = self.reports.get(&deployment.id).cloned();
        let goes_on = deployment.verdict == Verdict::Worse && !deployment.over;
        match own {
            Some(own) if !own.part_of.is_empty() => {}
            Some(own) if own.is_open() || goes_on => {
                let mut report = Report::of_deployment(deployment, own.incident.detected_at);
                report.follow(&own);
                if !goes_on {
                    report.incident.state = State::Recovered;
                    report.incident.end = Some(deployment.last_seen);
                }
                self.report(report, now);
            }
            None if goes_on => self.blame_version(deployment, now),
            Some(_) | None => {}
        }
    }

    /// The incident that names the service already learns of it; else there is one of its own.
    fn blame_version(&mut self, deployment: &Deployment, now: u64) {
        let explained = self.reports.values().rev().find(|report| {
            report.found_by == FoundBy::Transactions
                && (report.is_open() || went_with(&report.incident, deployment))
                && names(&report.incident, deployment)
        });
        match explained.cloned() {
            Some(mut report) => {
                speak(&mut report.incident, deployment);
                self.report(report, now);
            }
            None => self.report(Report::of_deployment(deployment, now), now),
        }
    }

    /// A change that was told of at the place to which alerts point, shortly before they began.
    pub(super) fn add_told(&self, report: &mut Report) {
        let incident = &mut report.incident;
        let Some(suspect) = incident.suspects.first_mut() else { return };
        let (service, department) = (&suspect.service, &suspect.department);
        let told = self.diagnosis.told_before(&incident.tenant, service, department, incident.start);
        if let Some(told) = told {
            suspect.evidence.push(format!("it was changed: {}", told.in_words()));
            incident.summary =
                format!("{} It may have come with a change: {}.", incident.summary, told.in_words());
        }
    }

    /// Adds what comparisons say to an incident that transactions show, and takes over those incidents of their own.
    pub(super) fn add_deployments(&mut self, report: &mut Report, now: u64) {
        let tenant = report.incident.tenant.clone();
        let services: Vec<String> =
            report.incident.suspects.iter().take(SUSPECTS).map(|suspect| suspect.service.clone()).collect();
        for service in services {
            // What is gone is what it was all the same.
            let gone = self.deployments.was_worse(&tenant, &service, report.incident.start);
            let worse: Vec<Deployment> =
                gone.chain(self.deployments.worse(&tenant, &service)).cloned().collect();
            for deployment in worse {
                speak(&mut report.incident, &deployment);
                let own = self.reports.get(&deployment.id).filter(|own| own.is_open()).cloned();
                if let Some(own) = own.filter(|own| own.part_of.is_empty()) {
                    self.merge(own, report, now);
                }
            }
        }
    }
}

/// What a suspect is that a comparison speaks against.
fn kind_of(deployment: &Deployment) -> SuspectKind {
    match deployment.what {
        Changed::Version => SuspectKind::Version,
        Changed::Configuration => SuspectKind::Configuration,
    }
}

/// Whether an incident was over when the version was gone.
fn went_with(incident: &Incident, deployment: &Deployment) -> bool {
    incident.end.is_some_and(|end| end.saturating_add(WENT_WITH_IT) >= deployment.last_seen)
}

fn names(incident: &Incident, deployment: &Deployment) -> bool {
    incident.tenant == deployment.tenant
        && incident.suspects.iter().take(SUSPECTS).any(|suspect| suspect.service == deployment.service)
}

/// The comparison as evidence. Where the incident began with the version, the version is what is wrong.
fn speak(incident: &mut Incident, deployment: &Deployment) {
    let with_it = incident.start.abs_diff(deployment.since) <= WITH_IT;
    let is_it = |suspect: &&mut Suspect| suspect.service == deployment.service;
    retell(incident, |incident| {
        for suspect in incident.suspects.iter_mut().filter(is_it) {
            // What was said at an earlier look is replaced.
            let about = about(deployment);
            suspect.evidence.retain(|sentence| !sentence.starts_with(&about));
            suspect.evidence.push(sentence(deployment));
            if with_it && suspect.version.is_empty() && suspect.kind == SuspectKind::Own {
                suspect.kind = kind_of(deployment);
                suspect.version.clone_from(&deployment.candidate);
            }
        }
    });
}

fn sentence(deployment: &Deployment) -> String {
    let how = if deployment.beside { "which runs beside it" } else { "as it was before" };
    format!("{}, {how}: {}", about(deployment), deployment.worse.join("; "))
}

fn about(deployment: &Deployment) -> String {
    let what = deployment.what.name();
    format!("{what} {} is worse than {}", deployment.candidate, deployment.baseline)
}

/// An incident that only the comparison shows.
pub(super) fn incident_of(deployment: &Deployment, detected_at: u64) -> Incident {
    let owner = match deployment.department.as_str() {
        "" | "unassigned" => String::new(),
        department => format!(" ({department})"),
    };
    let suspect = Suspect {
        rank: 1,
        service: deployment.service.clone(),
        department: deployment.department.clone(),
        operation: String::new(),
        instance: String::new(),
        version: deployment.candidate.clone(),
        kind: kind_of(deployment),
        score: 1.0,
        excess_ms: 0.0,
        transactions: deployment.transactions,
        evidence: vec![sentence(deployment)],
        figures: Vec::new(),
    };
    Incident {
        id: deployment.id.clone(),
        tenant: deployment.tenant.clone(),
        detected_at,
        start: deployment.since,
        types: deployment.types.clone(),
        suspects: vec![suspect],
        summary: format!(
            "{} {} of {}{owner} is worse than {}: {}.",
            if deployment.what == Changed::Version { "Version" } else { "Configuration" },
            deployment.candidate,
            deployment.service,
            deployment.baseline,
            deployment.worse.join("; ")
        ),
        transactions: deployment.transactions,
        examples: deployment.examples.clone(),
        ..Incident::default()
    }
}
