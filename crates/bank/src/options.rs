//! What the bank is told, and what it tells.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Fault;

/// Settings of [`run`](crate::run).
#[derive(Clone, Debug)]
pub struct Options {
    /// OTLP/gRPC endpoint: `http://host:port`, or `host:port`. TLS is not spoken.
    pub endpoint: String,
    /// Same seed, same transfers (ids included), counted from the start.
    pub seed: u64,
    /// Average over the bank's day, more than 0.
    pub transfers_per_second: f64,
    /// How many times faster than life the day's load curve goes by; 0 holds the load flat. Spans take as long as ever.
    pub speed: f64,
    /// Pods of each service, 1 to [`Options::MAX_PODS`].
    pub pods: usize,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// No new transfers after so long; those under way are still sent. Without it: until shutdown.
    pub duration: Option<Duration>,
    /// No new transfers after so many.
    pub transfers: Option<u64>,
    /// Where to write what really happened, one JSON object a transfer ([`truth::Record`](crate::truth::Record)). An existing file is replaced.
    pub truth: Option<PathBuf>,
    /// How long a pod's batch processor gathers spans before it sends them.
    pub batch_delay: Duration,
    /// How long a batch is tried again while the server does not take it. Then its spans count as failed.
    pub give_up_after: Duration,
    /// Called about once a second, and at the end.
    pub on_progress: Option<OnProgress>,
}

impl Options {
    /// Each pod has a thread of the SDK of its own, and there are 18 services.
    pub const MAX_PODS: usize = 20;

    /// A seed that no other bank is likely to have: transfers of the same seed have the same ids, and are the same to whoever receives them.
    #[must_use]
    pub fn seed_by_chance() -> u64 {
        RandomState::new().hash_one(())
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: "http://127.0.0.1:4317".to_owned(),
            seed: 1,
            transfers_per_second: 10.0,
            speed: 1.0,
            pods: 3,
            faults: Vec::new(),
            duration: None,
            transfers: None,
            truth: None,
            batch_delay: Duration::from_secs(1),
            give_up_after: Duration::from_secs(60),
            on_progress: None,
        }
    }
}

/// A function that hears of progress.
#[derive(Clone)]
pub struct OnProgress(pub Arc<dyn Fn(&Progress) + Send + Sync>);

impl OnProgress {
    /// Wraps a function.
    pub fn new(function: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }
}

impl fmt::Debug for OnProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnProgress")
    }
}

/// How far the bank is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Transfers of which every span was answered.
    pub transfers: u64,
    /// Transfers under way.
    pub under_way: u64,
    /// Spans that the server took.
    pub spans: u64,
    /// Spans that the SDK gave up.
    pub failed: u64,
    /// `payment.uetr` of the transfer that was completed last, and wholly taken.
    pub last_uetr: Option<String>,
}

/// What was sent in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Transfers of which every span was answered.
    pub transfers: u64,
    /// Transfers that shutdown cut off: some of their spans were never sent or never answered.
    pub unfinished: u64,
    /// Spans that the server took.
    pub spans: u64,
    /// Spans that the SDK gave up, or that had no answer when the bank closed.
    pub failed: u64,
    /// Longest time that a span was sent after its end because the server was slow.
    pub greatest_delay: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { transfers, unfinished, spans, failed, .. } = self;
        write!(
            f,
            "sent {spans} spans of {transfers} transfers, {failed} failed, {unfinished} transfers cut off"
        )
    }
}
