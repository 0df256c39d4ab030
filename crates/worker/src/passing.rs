//! What a fold over the summary log passes on to others like it: appended in order, one append at a time, while the fold goes on.

use std::sync::Arc;

use throughline_assembly::transactions::Needed;
use throughline_log::{AppendError, Log, NewRecord, Position};
use tokio::task::JoinHandle;

use crate::{append::append, limits::MAX_PASSING, trim::Bounds};

type Needs = Vec<(u32, Option<Needed>)>;

type Appending = JoinHandle<Result<Vec<Position>, AppendError>>;

/// Records on their way to the summary log.
pub(crate) struct Passing {
    log: Log,
    bounds: Arc<Bounds>,
    waiting: Vec<(u32, NewRecord)>,
    /// For each of them, where it goes, and what whoever takes it asks for.
    needs: Needs,
    /// The same of those on their way.
    appending: Option<(Needs, Appending)>,
}

impl Passing {
    pub(crate) fn new(log: Log, bounds: Arc<Bounds>) -> Self {
        Self { log, bounds, waiting: Vec::new(), needs: Needs::new(), appending: None }
    }

    /// A record to a partition; of a move, what it brings.
    pub(crate) fn push(&mut self, partition: u32, record: NewRecord, needed: Option<Needed>) {
        self.waiting.push((partition, record));
        self.needs.push((partition, needed));
    }

    /// Whether so much waits that the fold has to.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_PASSING
    }

    /// Appends what waits, if nothing is on its way.
    pub(crate) fn send(&mut self) {
        if self.appending.is_none() && !self.waiting.is_empty() {
            let (log, records) = (self.log.clone(), std::mem::take(&mut self.waiting));
            let needs = std::mem::take(&mut self.needs);
            self.appending = Some((needs, tokio::spawn(async move { append(&log, records).await })));
        }
    }

    /// Waits for the append on its way, and begins the next; for ever, where there is none.
    pub(crate) async fn sent(&mut self) -> Result<(), AppendError> {
        let Some((needs, appending)) = &mut self.appending else { return std::future::pending().await };
        let appended = appending.await;
        let needs = std::mem::take(needs);
        self.appending = None;
        let positions = match appended {
            Ok(appended) => appended?,
            Err(error) => return Err(AppendError::Stopped { reason: error.to_string().into() }),
        };
        for ((partition, needed), position) in needs.into_iter().zip(positions) {
            if let Some(needed) = needed {
                self.bounds.moved(partition, position, needed);
            }
        }
        self.send();
        Ok(())
    }

    /// Waits until all of it is durable.
    pub(crate) async fn drain(&mut self) -> Result<(), AppendError> {
        self.send();
        while self.appending.is_some() {
            self.sent().await?;
        }
        Ok(())
    }
}
