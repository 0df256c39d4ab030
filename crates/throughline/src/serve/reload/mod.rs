//! Another configuration while everything runs: by SIGHUP, by a file that changed, or by the API. It is taken as a whole or not at all.

mod answer;
mod looks;
mod route;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use throughline_api::Advice;
use throughline_assembly::rules::Rules;
use throughline_clickhouse::slo::Objective;
use throughline_config::{Config, Sources};
use throughline_otlp::CompiledPlan;
use throughline_worker::Switch;
use tokio::sync::{Mutex, watch};

use super::metrics::CONFIG_RELOADS;
use super::slo;
use answer::{FaultLine, Reloaded, lines};

pub(super) use looks::{files, hangups};
pub(super) use route::router;

/// What the configuration reaches while it runs.
pub(super) struct Reloader {
    /// Where it comes from.
    sources: Sources,
    /// The one that holds. Who changes it holds this.
    current: Mutex<Current>,
    changes: Changes,
    objectives: watch::Sender<Vec<Objective>>,
}

/// Where what has changed goes.
pub(super) struct Changes {
    pub(super) switch: Switch,
    /// What the receiver scans for.
    pub(super) plan: Arc<ArcSwap<CompiledPlan>>,
    /// What answers advise.
    pub(super) advice: Advice,
}

/// The configuration that holds.
struct Current {
    config: Config,
    /// Version of its rules, as records in the log tell it.
    rules: u64,
    /// Rule packs that a configuration names that was refused since: one of them may be why.
    refused: Vec<PathBuf>,
}

impl Reloader {
    /// Of what was read at start; also the objectives as they change.
    pub(super) fn new(
        sources: Sources,
        config: Config,
        rules: &Rules,
        changes: Changes,
    ) -> (Arc<Self>, watch::Receiver<Vec<Objective>>) {
        let (objectives, seen) = watch::channel(slo::objectives(&config));
        let current = Mutex::new(Current { config, rules: rules.version, refused: Vec::new() });
        (Arc::new(Self { sources, current, changes, objectives }), seen)
    }

    /// Files that it hangs on: its own, and the rule packs that it names, or that one names that was refused.
    async fn files(&self) -> BTreeSet<PathBuf> {
        let current = self.current.lock().await;
        let packs = current.config.advice_files.iter().chain(&current.refused);
        self.sources.files.iter().chain(packs).cloned().collect()
    }

    /// Reads the configuration again and takes it, or says all that is wrong with it; `why` stands in the log.
    pub(super) async fn reload(self: Arc<Self>, why: &'static str) -> Reloaded {
        // On a task of its own: who asked may go away, and half a change must not stay.
        let task = tokio::spawn(async move {
            let mut current = self.current.lock().await;
            let changed = self.change(&mut current).await;
            current.refused = if changed.is_err() { self.named().await } else { Vec::new() };
            let reloaded = Reloaded::new(changed, current.rules);
            metrics::counter!(CONFIG_RELOADS, "result" => reloaded.result).increment(1);
            reloaded.log(why);
            reloaded
        });
        task.await.unwrap_or_else(|error| Reloaded::new(Err(vec![FaultLine::whole(&error)]), 0))
    }

    /// Rule packs that the sources name as they are now.
    async fn named(&self) -> Vec<PathBuf> {
        let sources = self.sources.clone();
        tokio::task::spawn_blocking(move || Config::rule_files(&sources)).await.unwrap_or_default()
    }

    /// Whether anything that can change did, and the keys that wait for the next start.
    async fn change(&self, current: &mut Current) -> Result<(bool, Vec<&'static str>), Vec<FaultLine>> {
        let sources = self.sources.clone();
        let loaded = tokio::task::spawn_blocking(move || Config::load(&sources)).await;
        let new = loaded.map_err(|error| vec![FaultLine::whole(&error)])?.map_err(|error| lines(&error))?;
        let waits = current.config.needs_restart(&new);
        let new = current.config.changed_to(new).map_err(|fault| vec![FaultLine::from(&fault)])?;
        let old = &current.config;
        let changed =
            new.rules != old.rules || new.service_levels != old.service_levels || new.advice != old.advice;
        if new.rules != old.rules {
            let compiled = Rules::compile(new.rules.clone());
            let rules = compiled.map_err(|faults| faults.iter().map(FaultLine::whole).collect::<Vec<_>>())?;
            let rules = Arc::new(rules);
            self.changes.switch.to(&rules).await.map_err(|error| vec![FaultLine::whole(&error)])?;
            self.changes.plan.store(Arc::clone(&rules.plan));
            current.rules = rules.version;
        }
        self.changes.advice.store(Arc::clone(&new.advice));
        let objectives = slo::objectives(&new);
        self.objectives.send_if_modified(|known| {
            let differ = *known != objectives;
            *known = objectives;
            differ
        });
        current.config = new;
        Ok((changed, waits))
    }
}
