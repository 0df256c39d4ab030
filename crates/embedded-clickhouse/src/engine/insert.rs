//! Inserts whose data are streamed in.

use super::Session;
use super::results::{Chunk, Statistics, text};
use crate::exception::Exception;
use crate::ffi::RawInsert;

/// A running insert. Dropped before [`Insert::finish`], it is cancelled.
pub(crate) struct Insert<'s> {
    pub(super) session: &'s mut Session,
    pub(super) raw: RawInsert,
}

impl Insert<'_> {
    pub(super) fn failure(&self) -> Option<Exception> {
        // SAFETY: `raw` is live until `drop`.
        text(unsafe { (self.session.api().insert_error)(self.raw) }).map(|m| Exception::from_engine(&m))
    }

    /// Hands on bytes of the input format; waits where the engine is behind. `false` once the engine has failed:
    /// [`Insert::finish`] tells why.
    pub(crate) fn append(&mut self, data: &[u8]) -> bool {
        // SAFETY: the engine copies `data` before it returns.
        let state = unsafe { (self.session.api().insert_append)(self.raw, data.as_ptr().cast(), data.len()) };
        state == 0
    }

    /// Ends the data and waits until all of it is committed.
    pub(crate) fn finish(self) -> Result<Statistics, Exception> {
        // SAFETY: `raw` is live until `drop`, which follows.
        let raw = unsafe { (self.session.api().insert_done)(self.raw) };
        Chunk::take(&self.session.engine, raw).map(|done| done.statistics())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: cancelling a finished stream does nothing; destroyed once, here.
        unsafe {
            (self.session.api().insert_cancel)(self.raw);
            (self.session.api().destroy_insert)(self.raw);
        }
    }
}
