//! Every limit of this crate, with its reason.

use std::time::Duration;

/// Largest request in a file, decompressed: what receivers take by default. A larger one is an error, not a reason to take more memory.
pub const MAX_RECORD: usize = 64 << 20;

/// Largest request sent: what any gRPC server takes by default. Larger records are split between spans.
pub const MAX_REQUEST: usize = 4 << 20;

/// Small records that are due together are sent as one request up to this size: large enough for throughput, small enough to answer soon.
pub const MERGED_REQUEST: usize = 1 << 20;

/// Requests sent and not answered yet: enough to cover the server's fsync, few enough that a stop is quick.
pub const MAX_IN_FLIGHT: usize = 8;

/// Requests read ahead of sending, each at most [`MAX_REQUEST`] (but for a single larger span).
pub const READ_AHEAD: usize = 8;

/// One attempt to send.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// First and greatest wait between attempts, where the server names none.
pub const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// Longest wait that a server can ask for.
pub const MAX_SERVER_DELAY: Duration = Duration::from_secs(30);

/// How often progress is told.
pub const PROGRESS: Duration = Duration::from_millis(500);

const _: () = assert!(MERGED_REQUEST <= MAX_REQUEST && MAX_REQUEST <= MAX_RECORD);
