//! Settings of the engine, and the limits that are not settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// How the engine is opened and served.
#[derive(Debug, Clone)]
pub struct Options {
    /// The library; see [`crate::locate_library`].
    pub library: PathBuf,
    /// The data folder; made where it is missing.
    pub path: PathBuf,
    /// Where HTTP is served; port 0 takes any free one.
    pub listen: SocketAddr,
    /// Most memory that all queries, merges and caches may take together, in bytes. `None`: half of the machine's.
    pub max_memory_bytes: Option<u64>,
    /// Statements that run at the same time; more wait for [`Options::queue_timeout`].
    pub max_concurrent_queries: usize,
    /// How long a statement waits for its turn before it is answered with 503 (code 202), which clients retry.
    pub queue_timeout: Duration,
    /// Most seconds that a statement runs where the client sets no `max_execution_time`.
    pub query_timeout: Duration,
    /// Largest body of one request as sent, in bytes. It is streamed: this bounds time and disk, not memory.
    pub max_body_bytes: u64,
    /// How long the start waits for an engine that still holds the data folder, a killed one for example.
    pub lock_timeout: Duration,
    /// How long running statements may go on once the shutdown has begun.
    pub drain_timeout: Duration,
    /// Threads that merge parts. Few: they take turns with the receiver on small machines.
    pub merge_threads: usize,
}

impl Options {
    /// Usual settings for a library, a data folder and an address.
    #[must_use]
    pub fn new(library: PathBuf, path: PathBuf, listen: SocketAddr) -> Self {
        Self {
            library,
            // The engine joins a relative path to itself; where the working directory is unknown, it says so itself.
            path: std::path::absolute(&path).unwrap_or(path),
            listen,
            max_memory_bytes: None,
            max_concurrent_queries: 100,
            queue_timeout: Duration::from_secs(10),
            query_timeout: Duration::from_secs(600),
            max_body_bytes: 16 << 30,
            lock_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(3),
            merge_threads: 2,
        }
    }
}

/// Limits with a reason that no user has cause to change.
pub(crate) mod limits {
    use std::time::Duration;

    /// hyper refuses a request target from 65,534 bytes on with 414; said here because the `clickhouse` crate and
    /// clickhouse-go put an insert's statement into the URL.
    pub(crate) const MAX_HEADER_BYTES: usize = 256 << 10;
    /// Open connections; each costs a task and two buffers. More wait in the listener's backlog.
    pub(crate) const MAX_CONNECTIONS: usize = 1024;
    /// A statement without its data. The engine's own `max_query_size` (256 KiB) comes first unless a client raises it.
    pub(crate) const MAX_STATEMENT_BYTES: usize = 16 << 20;
    /// Bytes read at a time while looking for the end of a statement.
    pub(crate) const READ_BYTES: usize = 64 << 10;
    /// Answers are sent in pieces of this size, so that small chunks do not each cost a packet.
    pub(crate) const SEND_BYTES: usize = 64 << 10;
    /// Pieces of a body, either way, between the connection and the thread that runs the statement.
    pub(crate) const PIECES_AHEAD: usize = 4;
    /// A client that sends or takes nothing for so long is let go, for it holds one of the query slots.
    pub(crate) const STALL_TIMEOUT: Duration = Duration::from_secs(60);
    /// Between the last piece of an answer that fails midway and the end of its connection, for the piece to be written.
    pub(crate) const BREAK_PAUSE: Duration = Duration::from_millis(20);
    /// A connection may idle or take this long for a request's headers. Longer than what clients keep one in their pools.
    pub(crate) const HEADER_TIMEOUT: Duration = Duration::from_secs(300);
    /// The parser and the planner recurse; ClickHouse's own threads have this much stack.
    pub(crate) const STACK_BYTES: usize = 8 << 20;
    /// Cancelled statements that wait for their `KILL QUERY`.
    pub(crate) const MAX_CANCELS: usize = 1024;
    /// A cancelled statement is killed again after this long, in case it had not begun the first time.
    pub(crate) const KILL_AGAIN: Duration = Duration::from_millis(250);
    /// Between two looks at the lock of the data folder.
    pub(crate) const LOCK_POLL: Duration = Duration::from_millis(50);
}
