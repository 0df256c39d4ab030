//! What a replay is told, and what it tells.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::records::LeftOut;

/// How fast recorded time goes by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// So many times as fast as it was recorded; more than 0.
    Times(f64),
    /// As fast as the server takes it.
    Max,
}

impl FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("max") {
            return Ok(Self::Max);
        }
        match text.trim_end_matches('x').parse() {
            Ok(times) if f64::is_finite(times) && times > 0.0 => Ok(Self::Times(times)),
            _ => Err(format!("{text:?} is neither max nor a number greater than 0")),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => write!(f, "{times}"),
            Self::Max => f.write_str("max"),
        }
    }
}

/// Settings of [`replay`](crate::replay).
#[derive(Clone, Debug)]
pub struct ReplayOptions {
    /// Files and directories, in the order in which to send them.
    pub files: Vec<PathBuf>,
    /// OTLP/gRPC endpoint: `http://host:port`, or `host:port`. TLS is not spoken.
    pub endpoint: String,
    /// Pace. A request is due when its last span had ended.
    pub speed: Speed,
    /// Move all times (spans and their events) by the same amount, so that the first span starts now. Distances stay as recorded, whatever the speed.
    pub shift_to_now: bool,
    /// Give every trace a fresh id, the same one wherever the old one stands. Attributes that name a business transaction stay as they are.
    pub new_ids: bool,
    /// What fresh ids are made from; without it by chance.
    pub id_key: Option<u64>,
    /// Count spans that started longer ago than this, as sent, in [`ReplayReport::too_old`]: a store with this retention would not keep them.
    pub warn_older_than: Option<Duration>,
    /// How long one request is tried again before the replay gives up.
    pub give_up_after: Duration,
}

impl Default for ReplayOptions {
    fn default() -> Self {
        Self {
            files: Vec::new(),
            endpoint: "http://127.0.0.1:4317".to_owned(),
            speed: Speed::Times(1.0),
            shift_to_now: false,
            new_ids: false,
            id_key: None,
            warn_older_than: None,
            give_up_after: Duration::from_secs(60),
        }
    }
}

/// What was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Requests answered, for good or ill.
    pub requests: u64,
    /// Bytes of these, uncompressed.
    pub bytes: u64,
    /// Spans that the server took.
    pub accepted: u64,
    /// Spans that the server refused by partial success.
    pub rejected: u64,
    /// Spans of requests that were refused as a whole, given up, or cut off by shutdown.
    pub failed: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// Spans older than [`ReplayOptions::warn_older_than`].
    pub too_old: u64,
    /// Start of the first span, as recorded, nanoseconds since 1970.
    pub first_start_unix_nano: u64,
    /// End of the latest span sent, as recorded.
    pub last_end_unix_nano: u64,
    /// Files of directories that have a fitting name but hold something else than requests.
    pub skipped: Vec<PathBuf>,
    /// What of the files could not be read.
    pub left_out: LeftOut,
    /// What the server said when it first refused something.
    pub refusal: Option<String>,
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, accepted, rejected, failed, .. } = self;
        write!(f, "{accepted} spans accepted, {rejected} rejected, {failed} failed, in {requests} requests")
    }
}

/// How far a replay is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Until now.
    pub report: ReplayReport,
    /// Files that no request was read from yet.
    pub files_left: usize,
    /// Requests sent and not answered yet.
    pub in_flight: usize,
}
