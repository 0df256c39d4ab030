//! What the log asks of its files. The system does it, or in a test something that fails on purpose.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use memmap2::MmapMut;
use rustix::{
    fs::{FallocateFlags, OFlags},
    io::Errno,
};

/// Pieces in one system call; the system takes no more (`IOV_MAX`).
const MAX_PIECES: usize = 1024;
/// How many zeros are written at a time: few calls, and each short enough not to hold up a flush beside it.
const ZEROS_BYTES: usize = 512 << 10;
/// A large page: what is mapped of zeros, so that a write hands the disk one piece instead of one for each small page.
const LARGE_PAGE: usize = 2 << 20;

/// Writes and flushes of segment files.
pub(crate) trait Disk: Send + Sync {
    /// Writes some of the pieces; how many bytes.
    fn write(&self, file: &File, pieces: &[io::IoSlice<'_>], offset: u64) -> io::Result<usize>;

    /// Makes durable what was written.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Gives a new file all its blocks. With `written` they count as written too, so that later writes change no metadata.
    fn allot(&self, path: &Path, file: &File, bytes: u64, written: bool) -> io::Result<()>;
}

/// The operating system's.
pub(crate) struct System;

impl Disk for System {
    fn write(&self, file: &File, pieces: &[io::IoSlice<'_>], offset: u64) -> io::Result<usize> {
        Ok(rustix::io::retry_on_intr(|| rustix::io::pwritev(file, pieces, offset))?)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn allot(&self, path: &Path, file: &File, bytes: u64, written: bool) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            Err(Errno::OPNOTSUPP) => file.set_len(bytes)?,
            result => result?,
        }
        if written {
            write_zeros(path, bytes)?;
        }
        file.sync_all()
    }
}

/// Past the page cache: through it the same zeros cost twenty times the CPU. Where that is not possible the blocks stay as they are;
/// then each flush writes metadata too, which is slower and as safe.
fn write_zeros(path: &Path, bytes: u64) -> io::Result<()> {
    let Ok(file) = File::options().write(true).custom_flags(OFlags::DIRECT.bits().cast_signed()).open(path)
    else {
        return Ok(());
    };
    // Never touched: it is the one large page of zeros that the system has, or many times its small one. Their addresses suit direct writes.
    let zeros = MmapMut::map_anon(LARGE_PAGE)?;
    let _ = zeros.advise(memmap2::Advice::HugePage);
    let mut at = 0;
    while at < bytes {
        let count = (bytes - at).min(ZEROS_BYTES as u64);
        match file.write_all_at(&zeros[..count as usize], at) {
            Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => return Ok(()),
            result => result?,
        }
        at += count;
    }
    Ok(())
}

/// Writes all the pieces, back to back.
pub(crate) fn write_all(
    disk: &dyn Disk,
    file: &File,
    mut pieces: &mut [io::IoSlice<'_>],
    mut offset: u64,
) -> io::Result<()> {
    while !pieces.is_empty() {
        let count = pieces.len().min(MAX_PIECES);
        let written = disk.write(file, &pieces[..count], offset)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        offset += written as u64;
        io::IoSlice::advance_slices(&mut pieces, written);
    }
    Ok(())
}

/// Whether there is no room: this passes, other errors may have cost what was written.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
