//! What the rest of the process sees of the analysis.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prost::Message;
use throughline_analysis::{
    alerts::Alert,
    compare::Deployment,
    diagnosis::{ToldChange, Usual},
};
use throughline_assembly::{
    incidents::Report,
    records::{AlertsReceived, ChangesTold, FeedbackGiven},
};
use throughline_log::{AppendError, Kind, Log, NewRecord};
use tokio::sync::broadcast;

use super::LANE;
use crate::{
    events::control,
    limits::{ALERTS_PER_RECORD, WATCHED_CHANGES},
};

/// Incidents as they are now, and the way in for alerts and feedback. Clones are the same.
#[derive(Clone)]
pub struct Incidents(Arc<Inner>);

struct Inner {
    log: Log,
    reports: Mutex<BTreeMap<String, Arc<Report>>>,
    calls: Mutex<Vec<(String, String, u64)>>,
    deployments: Mutex<Arc<Vec<Deployment>>>,
    baselines: Mutex<Arc<Vec<Usual>>>,
    told: Mutex<Arc<Vec<ToldChange>>>,
    changes: broadcast::Sender<Arc<Report>>,
}

impl Incidents {
    pub(crate) fn new(log: Log) -> Self {
        let (changes, _) = broadcast::channel(WATCHED_CHANGES);
        Self(Arc::new(Inner {
            log,
            reports: Mutex::default(),
            calls: Mutex::default(),
            deployments: Mutex::default(),
            baselines: Mutex::default(),
            told: Mutex::default(),
            changes,
        }))
    }

    fn reports(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Report>>> {
        self.0.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a version of an incident, and tells whoever watches.
    pub(super) fn set(&self, report: &Report) {
        let report = Arc::new(report.clone());
        self.reports().insert(report.incident.id.clone(), Arc::clone(&report));
        // Nobody watching is no error.
        let _ = self.0.changes.send(report);
    }

    /// Holds what the fold holds, and nothing else.
    pub(super) fn hold<'a>(&self, reports: impl Iterator<Item = &'a Report>) {
        let mut known = self.reports();
        let held = reports.map(|report| {
            let same = known.get(&report.incident.id).filter(|known| known.version == report.version);
            let report = same.map_or_else(|| Arc::new(report.clone()), Arc::clone);
            (report.incident.id.clone(), report)
        });
        *known = held.collect();
    }

    pub(super) fn set_calls(&self, calls: Vec<(String, String, u64)>) {
        *self.0.calls.lock().unwrap_or_else(PoisonError::into_inner) = calls;
    }

    /// Who calls whom on the paths that transactions took, and how many hops did.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String, u64)> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_deployments(&self, deployments: Vec<Deployment>) {
        *self.0.deployments.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(deployments);
    }

    pub(super) fn set_baselines(&self, baselines: Vec<Usual>) {
        *self.0.baselines.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(baselines);
    }

    pub(super) fn set_told(&self, told: Vec<ToldChange>) {
        *self.0.told.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(told);
    }

    /// Changes that were told of, the latest first.
    #[must_use]
    pub fn told(&self) -> Arc<Vec<ToldChange>> {
        Arc::clone(&self.0.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes changes that somebody tells of; they are durable when it returns.
    ///
    /// # Errors
    /// Where the log takes no records.
    pub async fn tell(&self, changes: Vec<ToldChange>) -> Result<(), AppendError> {
        let changes = changes.into_iter().map(Into::into).collect();
        self.0.log.append(vec![(LANE, record(Kind::Changes, &ChangesTold { changes }))]).await?;
        Ok(())
    }

    /// Versions that came, each compared with the one before, newest first; seconds old.
    #[must_use]
    pub fn deployments(&self) -> Arc<Vec<Deployment>> {
        Arc::clone(&self.0.deployments.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is usual, as it was known when the state was saved last: some twenty seconds old.
    #[must_use]
    pub fn baselines(&self) -> Arc<Vec<Usual>> {
        Arc::clone(&self.0.baselines.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// All that are held: those that are open, and those that are over since lately.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Report>> {
        self.reports().values().cloned().collect()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Report>> {
        self.reports().get(id).cloned()
    }

    /// Versions of incidents from now on. Who is slower than [`WATCHED_CHANGES`] misses some, and is told so.
    #[must_use]
    pub fn watch(&self) -> broadcast::Receiver<Arc<Report>> {
        self.0.changes.subscribe()
    }

    /// Takes alerts; they are durable when it returns.
    ///
    /// # Errors
    /// Where the log takes no records.
    pub async fn alerts(&self, alerts: Vec<Alert>) -> Result<(), AppendError> {
        let mut records = Vec::new();
        let mut alerts = alerts.into_iter().peekable();
        while alerts.peek().is_some() {
            let list = alerts.by_ref().take(ALERTS_PER_RECORD).map(Into::into).collect();
            records.push((LANE, record(Kind::Alerts, &AlertsReceived { alerts: list })));
        }
        self.0.log.append(records).await?;
        Ok(())
    }

    /// Takes what a person says of a suspect; it is durable when it returns.
    ///
    /// # Errors
    /// Where the log takes no records.
    pub async fn feedback(&self, given: FeedbackGiven) -> Result<(), AppendError> {
        self.0.log.append(vec![(LANE, record(Kind::Feedback, &given))]).await?;
        Ok(())
    }
}

fn record(kind: Kind, message: &impl Message) -> NewRecord {
    control(kind, message.encode_to_vec().into())
}
