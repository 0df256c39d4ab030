//! Ticks: where nothing arrives, time still moves.

use std::time::Duration;

use bytes::Bytes;
use throughline_log::{Kind, Log};
use tokio_util::sync::CancellationToken;

use crate::events::control;

/// Between two ticks: also the most by which one record moves log time.
const EVERY: Duration = Duration::from_secs(1);

/// Appends a tick to every partition each second, until told to stop.
pub(crate) async fn run(log: Log, shutdown: CancellationToken) {
    let mut interval = tokio::time::interval(EVERY);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = interval.tick() => {}
            () = shutdown.cancelled() => return,
        }
        tick(&log).await;
    }
}

/// One tick to every partition. A tick that the log refuses is left out: the next one carries the time.
pub(crate) async fn tick(log: &Log) {
    let ticks =
        (0..log.partitions()).map(|partition| (partition, control(Kind::Tick, Bytes::new()))).collect();
    if let Err(error) = log.append(ticks).await {
        tracing::warn!(%error, "a tick was refused");
    }
}
