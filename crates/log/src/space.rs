//! Whether the disk has room, asked of the system only when someone wants to append.

use std::{
    io,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How old an answer of the system may be: at a gigabyte a second the disk loses 50 MB in it, far less than any reserve.
const FRESH_FOR: Duration = Duration::from_millis(50);

/// Tells how much is free where the log lies.
pub trait FreeSpace: Send + Sync {
    /// Bytes that this process may still take.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// Asks the file system.
pub(crate) struct FileSystem(pub(crate) PathBuf);

impl FreeSpace for FileSystem {
    fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.0)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

pub(crate) struct Space {
    probe: Box<dyn FreeSpace>,
    reserve_bytes: u64,
    asked: Mutex<Option<Instant>>,
    short: AtomicBool,
}

impl Space {
    pub(crate) fn new(probe: Box<dyn FreeSpace>, reserve_bytes: u64) -> Self {
        Self { probe, reserve_bytes, asked: Mutex::new(None), short: AtomicBool::new(false) }
    }

    /// Whether less is free than is to stay free.
    pub(crate) fn is_short(&self) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|at| at.elapsed() >= FRESH_FOR) {
            *asked = Some(Instant::now());
            let short = !self.has_room_for(0);
            if self.short.swap(short, Ordering::Relaxed) != short {
                tracing::warn!(
                    short,
                    reserve_bytes = self.reserve_bytes,
                    "free disk crossed the log's reserve"
                );
            }
        }
        self.short.load(Ordering::Relaxed)
    }

    /// Whether `bytes` can be taken and the reserve stays. A system that does not tell is taken to have room: the write will say.
    pub(crate) fn has_room_for(&self, bytes: u64) -> bool {
        self.free_bytes().is_none_or(|free| free >= self.reserve_bytes.saturating_add(bytes))
    }

    pub(crate) fn free_bytes(&self) -> Option<u64> {
        self.probe.free_bytes().inspect_err(|error| tracing::warn!(%error, "free disk is unknown")).ok()
    }
}
