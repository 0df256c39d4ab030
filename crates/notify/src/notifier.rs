//! One task a target.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime},
};

use metrics::counter;
use serde::Serialize;
use thiserror::Error;
use throughline_api::query::Incident;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    body::{Event, alert, labels},
    limits::{LOOK, RENEW, RETRY, TIMEOUT},
    metrics::NOTIFICATIONS,
    told::{Last, Told},
};

/// Incidents as they are now.
pub type Source = Arc<dyn Fn() -> Vec<Incident> + Send + Sync>;

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An Alertmanager, by its address: `http://alertmanager:9093`.
    Alertmanager(String),
    /// A URL that takes a JSON object by POST.
    Webhook(String),
}

/// Who is told, and where it is kept what they were told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// All of them.
    pub targets: Vec<Target>,
    /// Folder of the files that say what each was told.
    pub dir: PathBuf,
}

/// The running tasks.
pub struct Notifier {
    tasks: JoinSet<()>,
}

/// Why a message was not taken.
#[derive(Debug, Error)]
enum Refused {
    #[error("no answer")]
    Unreachable(#[from] reqwest::Error),
    #[error("answered with {0}")]
    Status(reqwest::StatusCode),
}

impl Notifier {
    /// Starts telling; ends by `stop`.
    #[must_use]
    pub fn start(settings: Settings, source: &Source, stop: &CancellationToken) -> Self {
        let mut tasks = JoinSet::new();
        for (number, target) in settings.targets.into_iter().enumerate() {
            let told = Told::open(settings.dir.join(format!("{number}.json")));
            let (source, stop) = (Arc::clone(source), stop.clone());
            let teller = Teller { target, told, source, client: reqwest::Client::new(), renewed: None };
            tasks.spawn(async move {
                stop.run_until_cancelled(teller.run()).await;
            });
        }
        Self { tasks }
    }

    /// Waits until all have ended.
    pub async fn stopped(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Teller {
    target: Target,
    told: Told,
    source: Source,
    client: reqwest::Client,
    renewed: Option<Instant>,
}

impl Teller {
    async fn run(mut self) {
        let mut wait = RETRY.0;
        loop {
            match self.tell().await {
                Ok(()) => {
                    wait = RETRY.0;
                    tokio::time::sleep(LOOK).await;
                }
                Err(error) => {
                    tracing::warn!(target = ?self.target, %error, "could not be told of an incident; trying again");
                    self.count("failed");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    fn count(&self, result: &'static str) {
        let target = match self.target {
            Target::Alertmanager(_) => "alertmanager",
            Target::Webhook(_) => "webhook",
        };
        counter!(NOTIFICATIONS, "target" => target, "result" => result).increment(1);
    }

    async fn tell(&mut self) -> Result<(), Refused> {
        let incidents = (self.source)();
        let before = self.told.last.len();
        // What is held no more and was told to be over is done with.
        let is_held = |id: &String| incidents.iter().any(|incident| incident.id == *id);
        self.told.last.retain(|id, last| last.open || is_held(id));
        let mut changed = before != self.told.last.len();
        let result = match self.target.clone() {
            Target::Alertmanager(address) => self.tell_alertmanager(&address, &incidents, &mut changed).await,
            Target::Webhook(url) => self.tell_webhook(&url, &incidents, &mut changed).await,
        };
        if changed && let Err(error) = self.told.save() {
            tracing::warn!(%error, "what was told could not be noted; it may be told again");
        }
        result
    }

    /// Incidents that are not as they were told; those that were over before they were told of are left out.
    fn news<'a>(&self, incidents: &'a [Incident]) -> Vec<(&'a Incident, Last, &'static str)> {
        let mut news = Vec::new();
        for incident in incidents {
            let known = self.told.last.get(&incident.id);
            let fixed = known.map_or_else(|| labels(incident), |known| known.labels.clone());
            let now = Last::of(incident, fixed);
            let event = match known {
                None if now.open => "opened",
                None => continue,
                Some(known) if known.open && !now.open => "recovered",
                Some(known) if !known.open && now.open => "opened",
                Some(known) if known.suspect != now.suspect => "changed",
                Some(_) => continue,
            };
            news.push((incident, now, event));
        }
        news
    }

    /// One request with all that fires and all that is over since; `changed` is set where there was any news.
    async fn tell_alertmanager(
        &mut self,
        address: &str,
        incidents: &[Incident],
        changed: &mut bool,
    ) -> Result<(), Refused> {
        let news = self.news(incidents);
        let is_due = self.renewed.is_none_or(|renewed| renewed.elapsed() >= RENEW);
        let now = SystemTime::now();
        let open = incidents.iter().filter(|incident| incident.state == "open" && is_due);
        let is_new = |incident: &Incident| news.iter().any(|(new, ..)| new.id == incident.id);
        let mut alerts: Vec<_> =
            news.iter().map(|(incident, last, _)| alert(incident, last.labels.clone(), now)).collect();
        for incident in open.filter(|incident| !is_new(incident)) {
            let fixed = self.told.last.get(&incident.id).map(|last| last.labels.clone());
            alerts.push(alert(incident, fixed.unwrap_or_else(|| labels(incident)), now));
        }
        if is_due {
            self.renewed = Some(Instant::now());
        }
        if alerts.is_empty() {
            return Ok(());
        }
        let url = format!("{}/api/v2/alerts", address.trim_end_matches('/'));
        if let Err(error) = self.post(&url, &alerts).await {
            self.renewed = None;
            return Err(error);
        }
        let told: Vec<_> = news.into_iter().map(|(incident, last, _)| (incident.id.clone(), last)).collect();
        *changed |= !told.is_empty();
        self.told.last.extend(told);
        Ok(())
    }

    /// A request for each piece of news; one that is not taken holds up no other, where the target answers at all.
    async fn tell_webhook(
        &mut self,
        url: &str,
        incidents: &[Incident],
        changed: &mut bool,
    ) -> Result<(), Refused> {
        let mut refused = Ok(());
        for (incident, last, event) in self.news(incidents) {
            match self.post(url, &Event { event, incident }).await {
                Ok(()) => {
                    self.told.last.insert(incident.id.clone(), last);
                    *changed = true;
                }
                Err(error @ Refused::Status(_)) => refused = Err(error),
                Err(error) => return Err(error),
            }
        }
        refused
    }

    async fn post(&self, url: &str, body: &impl Serialize) -> Result<(), Refused> {
        let answer = self.client.post(url).timeout(TIMEOUT).json(body).send().await?;
        if !answer.status().is_success() {
            return Err(Refused::Status(answer.status()));
        }
        self.count("taken");
        Ok(())
    }
}
