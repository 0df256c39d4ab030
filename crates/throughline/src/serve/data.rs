//! What lies in the data directory: both logs, the states of the folds, and batches on their way to the store.

use throughline_clickhouse::outbox::Outbox;
use throughline_config::Config;
use throughline_log::{Log, Settings, Snapshots};

use super::ServeError;

/// Bytes of sealed batches that may wait for the store. A store that is away longer stops the folds, then the log fills, then clients are told to wait.
const OUTBOX_BYTES: u64 = 2 << 30;

/// Memory for what the folds have not read yet of what was just written; what is over it is read from the files.
const SPAN_TAIL_BYTES: usize = 32 << 20;

/// The same, of the summary log: a second of full load, for what closes at one tick is decided and read at one go.
const SUMMARY_TAIL_BYTES: usize = 32 << 20;

/// The same, of the analysis log: with each record some thousand decisions travel.
const ANALYSIS_TAIL_BYTES: usize = 64 << 10;

/// Its records are few and small.
const ANALYSIS_SEGMENT_BYTES: u64 = 8 << 20;

/// The opened data directory.
pub(super) struct Data {
    pub(super) span_log: Log,
    pub(super) summary_log: Log,
    pub(super) analysis_log: Log,
    pub(super) snapshots: Snapshots,
    pub(super) outbox: Outbox,
}

impl Data {
    /// Opens everything, and says what a crash has left behind.
    pub(super) fn open(config: &Config) -> Result<Self, ServeError> {
        let log = &config.log;
        let span_log = Log::open(Settings {
            reserve_bytes: log.reserve_bytes,
            // The log is trimmed a little after its size is reached; what is over that is refused.
            max_bytes: Some(log.retention_bytes + log.retention_bytes / 4),
            tail_bytes: SPAN_TAIL_BYTES,
            ..Settings::new(log.dir.join("span"), "span", log.partitions)
        })?;
        let summary_log = Log::open(Settings {
            reserve_bytes: 0,
            tail_bytes: SUMMARY_TAIL_BYTES,
            made_again: true,
            ..Settings::new(log.dir.join("summary"), "summary", log.partitions)
        })?;
        let analysis_log = Log::open(Settings {
            reserve_bytes: 0,
            tail_bytes: ANALYSIS_TAIL_BYTES,
            segment_bytes: ANALYSIS_SEGMENT_BYTES,
            ..Settings::new(log.dir.join("analysis"), "analysis", 1)
        })?;
        let snapshots = Snapshots::open(log.dir.join("snapshots"))?;
        let outbox = Outbox::open(config.data_dir.join("outbox"), OUTBOX_BYTES)?;
        Ok(Self { span_log, summary_log, analysis_log, snapshots, outbox })
    }
}
