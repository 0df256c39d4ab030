//! Named limits of the drivers.

use std::time::Duration;

use throughline_assembly::traces::Most;

/// Records a driver takes before it looks at what else there is to do.
pub const RECORDS_PER_TURN: usize = 64;

/// Transactions decided before their records are appended: bounds what is in memory at once.
pub const DECISIONS_PER_APPEND: usize = 512;

/// Bytes of a partition of the summary log that are read before anything is decided: of two partitions, the default, a quarter of what the log keeps in memory.
pub const MAX_UNREAD_BYTES: u64 = 4 << 20;

/// Transactions that wait for that at most, at about 300 bytes each; of more some are decided first.
pub const MAX_UNDECIDED: u64 = 1 << 17;

/// Bytes of summaries that wait for one append to finish before the fold stops reading.
pub const MAX_UNAPPENDED_BYTES: usize = 16 << 20;

/// Bytes of summaries that one transaction is decided by, some two million spans: what is over it is in no row, and its spans are not written. A trace whose id
/// everything has would else be more than memory.
pub const MAX_SUMMARY_BYTES: usize = 64 << 20;

/// Rows of transactions that wait for the end of a window and are held in memory, some 4 KiB each; of more the row is made again.
pub const MAX_DRAFTS: usize = 1 << 14;

/// Links and moves that wait for one append to finish before the fold stops reading.
pub const MAX_PASSING: usize = 4096;

/// Names that are remembered as told of for having too many traces: one that comes again after so many others is told again.
pub const MAX_FULL_TOLD: usize = 64;

/// Rows in one block. A batch that holds more is sent in chunks.
pub const MAX_BLOCK_ROWS: usize = 100_000;

/// Bytes of log between two snapshots: what has to be read again at start, some two seconds.
pub const SNAPSHOT_BYTES: u64 = 1 << 30;

/// Snapshots that one partition's share of the log's size has room for: what lies after the last one cannot be trimmed.
pub const SNAPSHOTS_IN_LOG: u64 = 4;

/// Closed traces or transactions of one fold that are found again on disk: two hours of 4,600 a second, 800 MB.
pub const MAX_INDEXED: u64 = 1 << 25;

/// Time between two snapshots, if anything happened.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(20);

/// Time between two looks at what can be trimmed.
pub const TRIM_EVERY: Duration = Duration::from_secs(2);

/// First and last wait before an append is tried again.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Seconds of decisions that wait for a cut at most, at the rate that the analysis looks at: what waits is held in memory.
pub const FINISHED_SECONDS: usize = 5;

/// And at least, where cuts follow each other fast.
pub const MIN_FINISHED_PER_CUT: usize = 20;

/// Alerts in one record of the analysis log: with labels and annotations of a KiB each it stays under the largest record.
pub const ALERTS_PER_RECORD: usize = 200;

/// Bytes of rows in one record of the analysis log, the last of them not counted.
pub const FOUND_BYTES_PER_RECORD: usize = 256 << 10;

/// Changes of incidents that wait for one who watches.
pub const WATCHED_CHANGES: usize = 1024;

/// Transactions shown as in flight; what is over it is not shown, only held.
pub const MAX_IN_FLIGHT: usize = 1 << 20;

/// Decided transactions of a partition that are shown as in flight until the store has them; the oldest that are over it are not shown, only stored.
/// Seconds of full load, at about 250 bytes each.
pub const MAX_LEAVING: usize = 1 << 15;

/// Traces of one transaction that are looked at to show it while it is in flight.
pub const MAX_TRACES_SHOWN: usize = 256;

/// Open traces that one driver shows for one question; the one that exceeds it is the last.
pub const SHOWN: Most = Most { traces: 256, spans: 1 << 17 };

/// The same, for a list of what is in flight.
pub const LISTED: Most = Most { traces: 1024, spans: 1 << 15 };

/// Places for open traces that are looked at in one turn: some 5 ms, in which the driver does nothing else.
pub const PLACES_PER_TURN: usize = 1 << 15;

/// Questions that wait for a driver; one more is answered without its open traces.
pub const QUESTIONS: usize = 16;

/// Names that are asked for because others led to them; what more there are is not followed.
pub const MAX_NAMES_FOLLOWED: usize = 1024;

/// How often names are followed to others: by a key to a trace, by its links to traces, by their keys.
pub const ROUNDS: usize = 4;

/// How long drivers are waited for; what they have not shown by then is left out.
pub const LOOK_FOR: Duration = Duration::from_secs(1);

/// Time between two looks at how far a driver is that is waited for.
pub const CATCH_UP_POLL: Duration = Duration::from_millis(5);

/// How long a driver that is behind reads on before it looks: what was acknowledged before a question shall be found.
pub const CATCH_UP_FOR: Duration = Duration::from_millis(500);
