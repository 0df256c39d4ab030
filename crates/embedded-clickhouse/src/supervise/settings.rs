//! How the child is started, watched and stopped.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pauses between starts.
#[derive(Debug, Clone)]
pub struct Backoff {
    /// Before the first start after a death.
    pub first: Duration,
    /// The longest; each is twice the one before.
    pub most: Duration,
    /// A child that answered this long had settled: the next pause is the first again.
    pub reset_after: Duration,
}

/// What to run and how.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where it answers `/ping`; not port 0.
    pub address: SocketAddr,
    /// Added to the child's niceness, so that merges do not starve the receiver. 0 leaves it.
    pub niceness: i32,
    /// Pauses between starts.
    pub backoff: Backoff,
    /// A child that has not answered after this is killed and started anew. Long: a start waits for the data folder's
    /// lock and loads every part.
    pub start_timeout: Duration,
    /// A child that answered once and then not for this long hangs.
    pub hang_timeout: Duration,
    /// How long [`super::Supervisor::stop`] waits after SIGTERM.
    pub stop_timeout: Duration,
    /// Between pings until the first answer.
    pub ping_starting: Duration,
    /// Between pings afterwards.
    pub ping_ready: Duration,
}

impl Settings {
    /// Usual settings for `program arguments…` that answers on `address`.
    #[must_use]
    pub fn new(program: PathBuf, arguments: Vec<OsString>, address: SocketAddr) -> Self {
        Self {
            program,
            arguments,
            address,
            niceness: 5,
            backoff: Backoff {
                first: Duration::from_millis(200),
                most: Duration::from_secs(10),
                reset_after: Duration::from_secs(60),
            },
            start_timeout: Duration::from_secs(300),
            hang_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(10),
            ping_starting: Duration::from_millis(50),
            ping_ready: Duration::from_secs(5),
        }
    }

    /// `this program embedded-clickhouse --path DIR --listen ADDRESS`.
    ///
    /// # Errors
    /// Where the system does not tell which program runs.
    pub fn of_current_program(path: &Path, address: SocketAddr) -> std::io::Result<Self> {
        let arguments = vec![
            "embedded-clickhouse".into(),
            "--path".into(),
            path.into(),
            "--listen".into(),
            address.to_string().into(),
        ];
        Ok(Self::new(std::env::current_exe()?, arguments, address))
    }
}
