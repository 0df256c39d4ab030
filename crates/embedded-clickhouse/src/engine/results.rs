//! Results, whole and in chunks.

use std::ffi::{CStr, c_char};
use std::sync::Arc;

use super::{Engine, Session};
use crate::exception::Exception;
use crate::ffi::RawResult;

/// What a statement read and wrote, as the engine counts it.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Statistics {
    pub(crate) read_rows: u64,
    pub(crate) read_bytes: u64,
    pub(crate) written_rows: u64,
    pub(crate) written_bytes: u64,
    pub(crate) result_rows: u64,
    pub(crate) result_bytes: u64,
}

/// A result, or one chunk of a streamed one.
pub(crate) struct Chunk {
    engine: Arc<Engine>,
    raw: RawResult,
}

impl Chunk {
    pub(super) fn take(engine: &Arc<Engine>, raw: RawResult) -> Result<Self, Exception> {
        if raw.is_null() {
            return Err(Exception::from_engine("The engine gave no result"));
        }
        let chunk = Self { engine: Arc::clone(engine), raw };
        // SAFETY: `raw` is live until `drop`.
        let error = unsafe { (chunk.engine.api.result_error)(raw) };
        match text(error) {
            Some(message) => Err(Exception::from_engine(&message)),
            None => Ok(chunk),
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `raw` is live until `drop`, and the buffer with it.
        let (data, length) =
            unsafe { ((self.engine.api.result_buffer)(self.raw), (self.engine.api.result_length)(self.raw)) };
        if data.is_null() || length == 0 {
            return &[];
        }
        // SAFETY: the engine gives `length` bytes at `data`, unchanged until the result is destroyed.
        unsafe { std::slice::from_raw_parts(data, length) }
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let (api, raw) = (&self.engine.api, self.raw);
        // SAFETY: `raw` is live until `drop`; these only read.
        unsafe {
            Statistics {
                read_rows: (api.result_storage_rows_read)(raw),
                read_bytes: (api.result_storage_bytes_read)(raw),
                written_rows: (api.result_rows_written)(raw),
                written_bytes: (api.result_bytes_written)(raw),
                result_rows: (api.result_rows_read)(raw),
                result_bytes: (api.result_bytes_read)(raw),
            }
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: destroyed once, here.
        unsafe { (self.engine.api.destroy_result)(self.raw) };
    }
}

pub(super) fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the engine's messages are NUL-terminated and live as long as their handle.
    (!pointer.is_null())
        .then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
        .filter(|message| !message.is_empty())
}

/// A running `SELECT`. Dropped before its end, it is cancelled.
pub(crate) struct Stream<'s> {
    pub(super) session: &'s mut Session,
    pub(super) handle: Chunk,
    pub(super) ended: bool,
}

impl Stream<'_> {
    /// The next chunk; `None` at the end.
    pub(crate) fn fetch(&mut self) -> Result<Option<Chunk>, Exception> {
        // SAFETY: both handles are live, and `&mut self` keeps the calls one after another.
        let raw = unsafe { (self.session.api().stream_fetch)(self.session.handle(), self.handle.raw) };
        let chunk = Chunk::take(&self.session.engine, raw).inspect_err(|_| self.ended = true)?;
        self.ended = chunk.bytes().is_empty();
        Ok((!self.ended).then_some(chunk))
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.ended {
            // SAFETY: as in `fetch`.
            unsafe { (self.session.api().stream_cancel)(self.session.handle(), self.handle.raw) };
        }
    }
}
