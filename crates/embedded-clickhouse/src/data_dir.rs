//! The data folder before the engine opens it: made where missing, and free of any other engine.
//!
//! libchdb answers a held folder by a null pointer, with code 76 on standard error only; so the lock is looked at first.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::error::ServeError;
use crate::options::limits::LOCK_POLL;

/// ClickHouse's own lock file.
const STATUS_FILE: &str = "status";

/// The folder is ours while this lives. It must go before the engine opens, which takes the same lock.
#[derive(Debug)]
pub(crate) struct Held {
    /// `None` in a new folder, where there is nothing to hold yet.
    _lock: Option<File>,
}

/// Makes the folder and waits until no other process holds it.
pub(crate) fn hold(path: &Path, timeout: Duration) -> Result<Held, ServeError> {
    let failed = |source| ServeError::DataDir { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(failed)?;
    let began = Instant::now();
    let mut told = false;
    loop {
        if let Some(held) = try_hold(path).map_err(failed)? {
            return Ok(held);
        }
        if began.elapsed() > timeout {
            return Err(ServeError::InUse { path: path.to_owned(), waited: timeout });
        }
        if !told {
            tracing::info!(path = %path.display(), "waiting for another engine to let go of the data folder");
            told = true;
        }
        std::thread::sleep(LOCK_POLL);
    }
}

fn try_hold(path: &Path) -> io::Result<Option<Held>> {
    let file = match OpenOptions::new().read(true).write(true).open(path.join(STATUS_FILE)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Some(Held { _lock: None })),
        Err(error) => return Err(error),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(Held { _lock: Some(file) })),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_folder_is_waited_for_and_then_named() {
        let dir = tempfile::tempdir().unwrap();
        hold(dir.path(), Duration::ZERO).unwrap();
        let status = File::create(dir.path().join(STATUS_FILE)).unwrap();
        flock(&status, FlockOperation::LockExclusive).unwrap();
        let error = hold(dir.path(), Duration::from_millis(60)).unwrap_err();
        assert!(matches!(error, ServeError::InUse { .. }) && error.is_retryable());
        drop(status);
        hold(dir.path(), Duration::ZERO).unwrap();
    }
}
