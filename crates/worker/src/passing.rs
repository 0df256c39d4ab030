//! What a fold over the summary log passes on to others like it: appended in order, one append at a time, while the fold goes on.

use throughline_log::{AppendError, Log, NewRecord, Position};
use tokio::task::JoinHandle;

use crate::{append::append, limits::MAX_PASSING};

/// Records on their way to the summary log.
pub(crate) struct Passing {
    log: Log,
    waiting: Vec<(u32, NewRecord)>,
    appending: Option<JoinHandle<Result<Vec<Position>, AppendError>>>,
}

impl Passing {
    pub(crate) fn new(log: Log) -> Self {
        Self { log, waiting: Vec::new(), appending: None }
    }

    pub(crate) fn push(&mut self, partition: u32, record: NewRecord) {
        self.waiting.push((partition, record));
    }

    /// Whether so much waits that the fold has to.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_PASSING
    }

    /// Appends what waits, if nothing is on its way.
    pub(crate) fn send(&mut self) {
        if self.appending.is_none() && !self.waiting.is_empty() {
            let (log, records) = (self.log.clone(), std::mem::take(&mut self.waiting));
            self.appending = Some(tokio::spawn(async move { append(&log, records).await }));
        }
    }

    /// Waits for the append on its way, and begins the next; for ever, where there is none.
    pub(crate) async fn sent(&mut self) -> Result<(), AppendError> {
        let Some(appending) = &mut self.appending else { return std::future::pending().await };
        let appended = appending.await;
        self.appending = None;
        match appended {
            Ok(appended) => drop(appended?),
            Err(error) => return Err(AppendError::Stopped { reason: error.to_string().into() }),
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
