//! Other rules while the folds run: a record in both logs, so that a replay changes them at the same place.

use std::{sync::Arc, time::Duration};

use throughline_assembly::rules::Rules;
use throughline_log::{AppendError, Kind, Log, NewRecord};
use tokio::sync::watch;

use crate::{append::append, events::control, in_flight::InFlight};

/// How long traces that end with the rules of before are waited for. What comes after the change all the same is read under the new rules.
const PATIENCE: Duration = Duration::from_secs(10);

/// The version of the rules that each driver of the first fold has come to.
#[derive(Clone)]
pub(crate) struct Switched(Arc<watch::Sender<Vec<u64>>>);

impl Switched {
    pub(crate) fn new(partitions: u32) -> Self {
        Self(Arc::new(watch::Sender::new(vec![0; partitions as usize])))
    }

    pub(crate) fn tell(&self, partition: u32, version: u64) {
        self.0.send_modify(|versions| {
            if let Some(known) = versions.get_mut(partition as usize) {
                *known = version;
            }
        });
    }

    async fn all(&self, version: u64) {
        // The sender lives as long as this.
        let _ = self.0.subscribe().wait_for(|versions| versions.iter().all(|known| *known == version)).await;
    }
}

/// Makes other rules hold, while the drivers run.
#[derive(Clone)]
pub struct Switch {
    pub(crate) span_log: Log,
    pub(crate) summary_log: Log,
    pub(crate) analysis_log: Log,
    pub(crate) in_flight: InFlight,
    pub(crate) switched: Switched,
}

impl Switch {
    /// From the records that this appends on, `rules` hold: first in the span log, then, when the traces that were open are in the summary log, there. Waits as
    /// long as a log is full. One at a time: the order of two is the caller's.
    ///
    /// # Errors
    /// Where a log has stopped.
    pub async fn to(&self, rules: &Arc<Rules>) -> Result<(), AppendError> {
        append(&self.span_log, records(&self.span_log, rules)).await?;
        if tokio::time::timeout(PATIENCE, self.switched.all(rules.version)).await.is_err() {
            tracing::warn!(
                "a fold is behind: what it still closes under the rules of before is decided under those of now"
            );
        }
        append(&self.summary_log, records(&self.summary_log, rules)).await?;
        append(&self.analysis_log, records(&self.analysis_log, rules)).await?;
        self.in_flight.switch(Arc::clone(rules));
        Ok(())
    }
}

fn records(log: &Log, rules: &Rules) -> Vec<(u32, NewRecord)> {
    let payload = bytes::Bytes::from(rules.to_record());
    (0..log.partitions()).map(|partition| (partition, control(Kind::Rules, payload.clone()))).collect()
}
