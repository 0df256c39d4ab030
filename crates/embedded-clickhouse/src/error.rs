//! What can go wrong before a request is read: no library, no data folder, no port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::exception::Exception;

/// The engine's library is nowhere to be found.
#[derive(Debug, thiserror::Error)]
#[error(
    "the embedded ClickHouse engine is missing: {} does not exist. `make engine` brings it; where no package registry \
     can be reached, put libchdb.so {version} on this machine and name it by THROUGHLINE_ENGINE=/path/to/libchdb.so",
    looked_for.display()
)]
pub struct LibraryMissing {
    /// The file that was looked for.
    pub looked_for: PathBuf,
    /// The version that this build is tested with.
    pub version: &'static str,
}

/// Why the engine does not serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The file is no libchdb of a version that has the functions used here.
    #[error("{} cannot be loaded as libchdb", path.display())]
    Load {
        /// The library.
        path: PathBuf,
        /// The loader's reason.
        source: libloading::Error,
    },
    /// The data folder, or a file of ours in it, cannot be made or read.
    #[error("{} cannot be prepared for the engine", path.display())]
    DataDir {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process holds the data folder.
    #[error("{} is still in use by another engine after {waited:?}", path.display())]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The engine refuses to open the data folder; its reason is on the standard error stream only.
    #[error("the engine could not open {} (its reason is on standard error)", path.display())]
    Open {
        /// The data folder.
        path: PathBuf,
    },
    /// The engine opened, but a first statement failed.
    #[error("the engine does not answer")]
    Probe(#[source] Exception),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("a thread of the engine could not be started")]
    Thread(#[source] std::io::Error),
}

impl ServeError {
    /// Whether starting again later can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InUse { .. }
            | Self::Listen { .. }
            | Self::Thread(_)
            | Self::Open { .. }
            | Self::Probe(_) => true,
            Self::Load { .. } | Self::DataDir { .. } => false,
        }
    }
}
