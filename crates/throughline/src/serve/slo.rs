//! Service levels of types: their objectives into the store, and how they are met as metrics.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use throughline_clickhouse::slo::{Level, Levels, Objective};
use throughline_clickhouse::{Store, StoreError};
use throughline_config::Config;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::metrics::{SLO_ATTAINMENT, SLO_BUDGET_LEFT, SLO_BURN_RATE};

/// Between two looks at the store.
const EVERY: Duration = Duration::from_secs(30);

/// Between two looks whether the store is there.
const EVERY_BEFORE: Duration = Duration::from_secs(1);

/// Days asked for at one look: a month is known after two.
const DAYS: usize = 16;

/// What a configuration's types are to meet.
pub(super) fn objectives(config: &Config) -> Vec<Objective> {
    let types = config.rules.transactions.types.iter().zip(&config.service_levels);
    let objective = types.filter_map(|(kind, level)| {
        let level = (*level)?;
        let latency_ns = u64::try_from(level.latency.as_nanos()).unwrap_or(u64::MAX);
        Some(Objective { kind: kind.name.clone(), latency_ns, objective: level.objective })
    });
    objective.collect()
}

/// Looks at the store until `stop`: at objectives as they change, and at how they are met.
pub(super) fn start(
    store: Store,
    is_ready: impl Fn() -> bool + Send + Sync + 'static,
    objectives: watch::Receiver<Vec<Objective>>,
    stop: CancellationToken,
) {
    let mut watch =
        Watch { store, objectives, written: false, levels: Levels::default(), told: BTreeSet::new() };
    watch.objectives.mark_changed();
    tokio::spawn(stop.run_until_cancelled_owned(async move {
        loop {
            if !is_ready() {
                tokio::time::sleep(EVERY_BEFORE).await;
                continue;
            }
            if let Err(error) = watch.look().await {
                tracing::debug!(%error, "service levels are not known at the moment");
            }
            // A change is looked at without waiting; nobody changes anything any more where the sender is gone.
            let mut changes = watch.objectives.clone();
            let changed = async move {
                if changes.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            let _ = tokio::time::timeout(EVERY, changed).await;
        }
    }));
}

struct Watch {
    store: Store,
    objectives: watch::Receiver<Vec<Objective>>,
    /// The store has the objectives of `levels`.
    written: bool,
    levels: Levels,
    /// Types and windows that have a metric.
    told: BTreeSet<(String, &'static str)>,
}

impl Watch {
    async fn look(&mut self) -> Result<(), StoreError> {
        if self.objectives.has_changed().unwrap_or(false) {
            self.levels.set(self.objectives.borrow_and_update().clone());
            self.written = false;
        }
        if !self.written {
            self.store.write_objectives(self.levels.objectives()).await?;
            self.written = true;
        }
        if !self.levels.objectives().is_empty() {
            self.ask().await?;
        }
        let now = now();
        self.tell(&self.levels.levels(now));
        Ok(())
    }

    async fn ask(&mut self) -> Result<(), StoreError> {
        let now = now();
        for _ in 0..DAYS {
            let Some(day) = self.levels.next_day(now) else { break };
            self.put(day, now).await?;
        }
        self.put(Levels::recent(now), now).await
    }

    async fn put(&mut self, range: (u64, u64), now: u64) -> Result<(), StoreError> {
        let answer = self.store.slo_minutes(self.levels.objectives(), range.0, range.1).await?;
        self.levels.put(range, &answer, now);
        Ok(())
    }

    /// A type that has no objective any more has no number.
    fn tell(&mut self, levels: &[Level]) {
        let mut gone = std::mem::take(&mut self.told);
        for level in levels {
            let (kind, window) = (level.kind.clone(), level.window.name);
            set(&kind, window, level.attainment, level.burn_rate, level.budget_left());
            gone.remove(&(kind.clone(), window));
            self.told.insert((kind, window));
        }
        for (kind, window) in gone {
            set(&kind, window, f64::NAN, f64::NAN, f64::NAN);
        }
    }
}

fn set(kind: &str, window: &'static str, attainment: f64, burn_rate: f64, budget_left: f64) {
    for (name, value) in
        [(SLO_ATTAINMENT, attainment), (SLO_BURN_RATE, burn_rate), (SLO_BUDGET_LEFT, budget_left)]
    {
        metrics::gauge!(name, "type" => kind.to_owned(), "window" => window).set(value);
    }
}

/// The minute that has begun, Unix time.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60
}

#[cfg(test)]
mod tests {
    use throughline_config::Sources;

    use super::*;

    #[test]
    fn objectives_are_those_of_the_types_that_have_one() {
        let types = "transactions.types=[{ name: a, match: 'root.name == \"x\"' }, \
                     { name: b, match: 'root.name == \"y\"', slo: { latency: 3s, objective: 0.995 } }]";
        let sources = Sources { set: vec![types.to_owned()], ..Sources::default() };
        let wanted = Objective { kind: "b".to_owned(), latency_ns: 3_000_000_000, objective: 0.995 };
        assert_eq!(objectives(&Config::load(&sources).unwrap()), [wanted]);
    }
}
