//! Incidents: as they are in this process, over those that are stored.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use throughline_advice::Packs;
use throughline_assembly::{
    incidents::{FoundBy, Report},
    records::FeedbackGiven,
};
use throughline_clickhouse::questions::{After, AlertFilter, IncidentFilter, StoredAlert};
use throughline_worker::Incidents;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    ApiError,
    limits::{ALERT_LIST, CHANGE_NAME, FEEDBACK_WAIT, INCIDENTS_SINCE, LIST},
    page::Question,
    query::{
        Advice, Alert, AlertingService, FeedbackRequest, Figure, GetIncidentRequest, Incident,
        IncidentFeedback, ListAlertsRequest, ListAlertsResponse, ListIncidentsRequest, ListIncidentsResponse,
        Suspect,
    },
    questions::{Questions, order, since},
};

const STATES: [&str; 3] = ["", "open", "recovered"];
const ALERT_STATES: [&str; 3] = ["", "firing", "resolved"];

impl Questions {
    /// A report with what rule packs say of it.
    fn told(&self, report: &Report) -> Incident {
        incident(report, &self.advice.load())
    }

    pub(crate) fn analysis(&self) -> Result<&Incidents, ApiError> {
        self.incidents.as_ref().ok_or(ApiError::NoAnalysis)
    }

    /// Incidents that match, newest first.
    ///
    /// # Errors
    /// Where the question makes no sense, or neither the store nor this process knows.
    pub async fn list_incidents(
        &self,
        request: &ListIncidentsRequest,
    ) -> Result<ListIncidentsResponse, ApiError> {
        check(&request.state, &STATES)?;
        let limit = limit(request.limit, LIST)?;
        let same = ListIncidentsRequest { limit: 0, page_token: String::new(), ..request.clone() };
        let asked = Question::new("incidents", &same);
        let page = asked.page(&request.page_token, (since(window(request.since_seconds)), None))?;
        let filter = IncidentFilter {
            since: page.since,
            state: request.state.clone(),
            department: request.department.clone(),
            tenant: request.tenant.clone(),
            after: page.after.clone(),
            // One more than is told says whether there are more.
            limit: limit + 1,
        };
        let stored = self.store.incidents(&filter).await;
        let held = self.incidents.as_ref().map(Incidents::list);
        // What is wrong now is known here, store or no store.
        let stored = match (stored, &held) {
            (Err(error), None) => return Err(error.into()),
            (stored, _) => stored.unwrap_or_default(),
        };
        let mut all: BTreeMap<String, Incident> =
            stored.iter().map(|report| (report.incident.id.clone(), self.told(report))).collect();
        let held = held.unwrap_or_default().into_iter();
        for report in held.filter(|report| is_for(report, &filter.tenant)) {
            all.insert(report.incident.id.clone(), self.told(&report));
        }
        let mut incidents: Vec<Incident> =
            all.into_values().filter(|incident| matches(incident, &filter)).collect();
        incidents.sort_by(|a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
        let next_page_token = asked.cut(&page, &mut incidents, limit, place);
        Ok(ListIncidentsResponse { incidents, next_page_token })
    }

    /// One incident; the beginning of an id that is one's alone is enough.
    ///
    /// # Errors
    /// Where there is none, or the store does not answer.
    pub async fn incident(&self, request: &GetIncidentRequest) -> Result<Incident, ApiError> {
        let id = request.id.trim();
        let none = || ApiError::NoIncident(id.to_owned());
        if let Some(report) = self.incidents.as_ref().and_then(|incidents| incidents.get(id)) {
            return is_for(&report, &request.tenant).then(|| self.told(&report)).ok_or_else(none);
        }
        let stored = self.store.incident(id).await?.filter(|report| is_for(report, &request.tenant));
        stored.as_ref().map(|report| self.told(report)).ok_or_else(none)
    }

    /// Takes a person's word, and waits until it shows.
    ///
    /// # Errors
    /// Where there is no such incident or suspect, or the log takes nothing.
    pub async fn give_feedback(&self, request: &FeedbackRequest) -> Result<Incident, ApiError> {
        let analysis = self.analysis()?;
        let known = analysis
            .get(request.incident.trim())
            .filter(|report| is_for(report, &request.tenant))
            .ok_or_else(|| ApiError::NoIncident(request.incident.clone()))?;
        if !known.incident.suspects.iter().any(|suspect| suspect.rank == request.suspect) {
            let count = known.incident.suspects.len();
            return Err(ApiError::Invalid(format!(
                "there is no suspect {}; this incident has {count}",
                request.suspect
            )));
        }
        if request.by.len() > CHANGE_NAME {
            return Err(ApiError::Invalid(format!("by has more than {CHANGE_NAME} bytes")));
        }
        let mut changes = analysis.watch();
        let given = FeedbackGiven {
            incident: known.incident.id.clone(),
            suspect: request.suspect,
            confirmed: request.confirmed,
            by: request.by.clone(),
        };
        analysis.feedback(given).await?;
        let heard = async {
            loop {
                match changes.recv().await {
                    Ok(report)
                        if report.incident.id == known.incident.id && report.feedback != known.feedback =>
                    {
                        return Some(report);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        };
        let report = tokio::time::timeout(FEEDBACK_WAIT, heard).await.ok().flatten();
        Ok(self.told(&report.unwrap_or(known)))
    }

    /// Alerts that match, newest first.
    ///
    /// # Errors
    /// Where the question makes no sense, or the store does not answer.
    pub async fn list_alerts(&self, request: &ListAlertsRequest) -> Result<ListAlertsResponse, ApiError> {
        check(&request.state, &ALERT_STATES)?;
        let limit = limit(request.limit, ALERT_LIST)?;
        let same = ListAlertsRequest { limit: 0, page_token: String::new(), ..request.clone() };
        let asked = Question::new("alerts", &same);
        let page = asked.page(&request.page_token, (since(window(request.since_seconds)), None))?;
        let filter = AlertFilter {
            since: page.since,
            state: request.state.clone(),
            incident: request.incident.clone(),
            unexplained: request.unexplained,
            after: page.after.clone(),
            limit: limit + 1,
        };
        let mut found = self.store.alerts(&filter).await?;
        let next_page_token = asked.cut(&page, &mut found, limit, |row| After {
            at: row.start,
            id: row.fingerprint.to_string(),
            tenant: String::new(),
        });
        Ok(ListAlertsResponse { alerts: found.into_iter().map(alert).collect(), next_page_token })
    }

    /// What is open, then every version as it comes. Ends where the analysis does.
    ///
    /// # Errors
    /// Where this process has no analysis.
    pub fn watch_incidents(&self, tenant: String) -> Result<tokio::sync::mpsc::Receiver<Incident>, ApiError> {
        let analysis = self.analysis()?;
        let mut changes = analysis.watch();
        let open = analysis.list().into_iter().filter(|report| report.is_open());
        let first: Vec<Arc<Report>> = open.collect();
        let advice = Arc::clone(&self.advice);
        let incident = move |report: &Report| incident(report, &advice.load());
        let (out, stream) = tokio::sync::mpsc::channel(LIST.0 as usize);
        let is_its = move |report: &Report| is_for(report, &tenant);
        tokio::spawn(async move {
            for report in first.iter().filter(|report| is_its(report)) {
                if out.send(incident(report)).await.is_err() {
                    return;
                }
            }
            loop {
                let change = tokio::select! {
                    change = changes.recv() => change,
                    () = out.closed() => return,
                };
                match change {
                    Ok(report) if is_its(&report) => {
                        if out.send(incident(&report)).await.is_err() {
                            return;
                        }
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(missed)) => {
                        tracing::warn!(missed, "who watches incidents is too slow");
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Ok(stream)
    }
}

fn check(word: &str, known: &[&str]) -> Result<(), ApiError> {
    if known.contains(&word) {
        return Ok(());
    }
    Err(ApiError::Invalid(format!("state is `{word}`; there are {}", known[1..].join(" and "))))
}

pub(crate) fn limit(asked: u32, (usual, most): (u32, u32)) -> Result<u32, ApiError> {
    let limit = if asked == 0 { usual } else { asked };
    if limit > most {
        return Err(ApiError::Invalid(format!("limit is {limit}, at most {most} are possible")));
    }
    Ok(limit)
}

fn window(seconds: u64) -> Duration {
    if seconds == 0 { INCIDENTS_SINCE } else { Duration::from_secs(seconds) }
}

/// Whether a tenant may see it: its own, and what only alerts tell of, for they have no tenant. No name is anybody.
fn is_for(report: &Report, tenant: &str) -> bool {
    let of = report.incident.tenant.as_str();
    tenant.is_empty() || of == tenant || of.is_empty() && report.found_by == FoundBy::Alerts
}

/// Where an incident stands in the list.
fn place(incident: &Incident) -> After {
    After { at: incident.start, id: incident.id.clone(), tenant: String::new() }
}

/// The same conditions as the store's, over what is held here.
fn matches(incident: &Incident, filter: &IncidentFilter) -> bool {
    let is_open = incident.state == "open";
    let is_behind = filter.after.as_ref().is_none_or(|after| order(after) < order(&place(incident)));
    incident.state != "merged"
        && is_behind
        && (is_open || incident.updated_at >= filter.since)
        && (filter.state.is_empty() || incident.state == filter.state)
        && (filter.department.is_empty()
            || incident.suspects.iter().any(|suspect| suspect.department == filter.department))
}

/// A report as a message, with advice.
#[must_use]
pub fn incident(report: &Report, advice: &Packs) -> Incident {
    let of = &report.incident;
    let state = match (report.part_of.is_empty(), report.is_open()) {
        (false, _) => "merged",
        (true, true) => "open",
        (true, false) => "recovered",
    };
    Incident {
        id: of.id.clone(),
        version: report.version,
        tenant: of.tenant.clone(),
        state: state.to_owned(),
        found_by: match report.found_by {
            FoundBy::Transactions => "transactions".to_owned(),
            FoundBy::Alerts => "alerts".to_owned(),
            FoundBy::Deployment => "deployment".to_owned(),
        },
        detected_at: of.detected_at,
        start: of.start,
        end: of.end.unwrap_or(0),
        updated_at: report.updated_at,
        types: of.types.clone(),
        suspects: of.suspects.iter().map(suspect).collect(),
        summary: report.summary(),
        transactions: of.transactions,
        share: of.share,
        customers: of.customers,
        amount: of.amount,
        excess_ms: of.excess_ms,
        examples: of.examples.clone(),
        before: of.before.clone(),
        alerts: report.alerts,
        alerting: report
            .alerting
            .iter()
            .map(|(service, alerts)| AlertingService { service: service.clone(), alerts: *alerts })
            .collect(),
        feedback: report.feedback.iter().map(feedback).collect(),
        part_of: report.part_of.clone(),
        estimated: of.estimated,
        advice: advice.advise(of).into_iter().map(advised).collect(),
    }
}

fn advised(of: throughline_advice::Advice) -> Advice {
    Advice { pack: of.pack, version: of.version, rule: of.rule, suspect: of.suspect, text: of.text }
}

fn suspect(of: &throughline_analysis::diagnosis::Suspect) -> Suspect {
    Suspect {
        rank: of.rank,
        service: of.service.clone(),
        department: of.department.clone(),
        operation: of.operation.clone(),
        instance: of.instance.clone(),
        version: of.version.clone(),
        kind: of.kind.name().to_owned(),
        score: of.score,
        excess_ms: of.excess_ms,
        transactions: of.transactions,
        evidence: of.evidence.clone(),
        figures: of.figures.iter().map(figure).collect(),
    }
}

fn figure(of: &throughline_analysis::diagnosis::Figure) -> Figure {
    Figure {
        what: of.what.clone(),
        operation: of.operation.clone(),
        usual: of.usual,
        now: of.now,
        hits: of.hits,
        of: of.of,
    }
}

fn feedback(of: &throughline_assembly::incidents::Feedback) -> IncidentFeedback {
    IncidentFeedback {
        service: of.service.clone(),
        operation: of.operation.clone(),
        kind: of.kind.clone(),
        confirmed: of.confirmed,
        by: of.by.clone(),
        at: of.at,
    }
}

fn alert(of: StoredAlert) -> Alert {
    Alert {
        name: of.name,
        severity: of.severity,
        state: of.state,
        start: of.start,
        end: of.end,
        service: of.service,
        department: of.department,
        incident: of.incident,
        source: of.source,
        labels: of.labels.into_iter().collect(),
        annotations: of.annotations.into_iter().collect(),
    }
}
