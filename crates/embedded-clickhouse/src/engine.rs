//! Owners for libchdb's handles: the engine of this process, a session, a result, an insert.
//!
//! One connection is kept open for ever: closing the last one shuts the engine down, and it cannot be started twice
//! safely in one process. A session runs one statement at a time, so all its calls take `&mut self`.

mod insert;
mod results;

use std::ffi::{CStr, CString, c_char};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::error::ServeError;
use crate::exception::{Exception, code};
use crate::ffi::{Api, RawAnalysis, RawConnection};

pub(crate) use insert::Insert;
pub(crate) use results::{Chunk, Statistics, Stream};

/// The engine of this process, opened on one data folder.
pub(crate) struct Engine {
    api: Api,
    path_argument: CString,
    /// Never closed while requests run, so that the engine is never shut down and started again.
    anchor: Anchor,
    /// Dropped after the engine is closed: see [`Closed`].
    closed: Option<oneshot::Sender<()>>,
}

/// Ready once the engine is closed and its threads have ended. A process that exits earlier may crash on its way out.
pub(crate) type Closed = oneshot::Receiver<()>;

struct Anchor(*mut RawConnection);

// SAFETY: the pointer is only passed to `chdb_close_conn`, once, and libchdb's connections are not tied to a thread.
unsafe impl Send for Anchor {}
// SAFETY: as above; nothing is done through a shared reference.
unsafe impl Sync for Anchor {}

/// Names and values of `{name:Type}` placeholders.
pub(crate) type Parameters = [(String, String)];

impl Engine {
    /// Loads the library and opens the data folder. Once in a process: a closed engine cannot be opened again.
    pub(crate) fn open(
        library: &Path,
        data: &Path,
        config_file: &Path,
    ) -> Result<(Arc<Self>, Closed), ServeError> {
        let api = Api::load(library)?;
        let open_failed = || ServeError::Open { path: data.to_owned() };
        let path_argument = argument("--path=", data).ok_or_else(open_failed)?;
        let config_argument = argument("--config-file=", config_file).ok_or_else(open_failed)?;
        // SAFETY: called before the first connection, as chdb.h asks. Our process keeps its own handlers.
        unsafe { (api.set_signal_handlers)(0) };
        let anchor =
            connect(&api, &[c"clickhouse", &path_argument, &config_argument]).ok_or_else(open_failed)?;
        let (sender, closed) = oneshot::channel();
        Ok((Arc::new(Self { api, path_argument, anchor: Anchor(anchor), closed: Some(sender) }), closed))
    }

    /// Opens a session of its own: settings and current database of one do not reach another.
    pub(crate) fn session(self: &Arc<Self>) -> Result<Session, Exception> {
        let raw = connect(&self.api, &[c"clickhouse", &self.path_argument]).ok_or_else(|| {
            Exception::new(code::BAD_ARGUMENTS, "BAD_ARGUMENTS", "No session could be opened")
        })?;
        Ok(Session { engine: Arc::clone(self), raw })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // SAFETY: the anchor is a live connection; no session is left, for each holds an `Arc` of this.
        unsafe { (self.api.close)(self.anchor.0) };
        // SAFETY: every connection is closed.
        if unsafe { (self.api.shutdown)() } != 0 {
            // So it is wherever there was a MergeTree table: the pools that merge are never stopped. What they wrote was done when the last connection closed.
            tracing::debug!("threads of the engine's pools end with the process");
        }
        drop(self.closed.take());
    }
}

fn argument(option: &str, path: &Path) -> Option<CString> {
    CString::new([option.as_bytes(), path.as_os_str().as_bytes()].concat()).ok()
}

fn connect(api: &Api, arguments: &[&CStr]) -> Option<*mut RawConnection> {
    let pointers: Vec<*const c_char> = arguments.iter().map(|a| a.as_ptr()).collect();
    let count = i32::try_from(pointers.len()).ok()?;
    // SAFETY: `count` pointers to NUL-terminated strings that outlive the call.
    let raw = unsafe { (api.connect)(count, pointers.as_ptr()) };
    (!raw.is_null()).then_some(raw)
}

/// A connection: runs one statement at a time.
pub(crate) struct Session {
    engine: Arc<Engine>,
    raw: *mut RawConnection,
}

// SAFETY: libchdb locks each connection and ties none to a thread; a session is used by one thread at a time.
unsafe impl Send for Session {}

/// What [`Session::classify`] found.
pub(crate) struct Analysis {
    /// Executable statements in the text; 0 where it does not parse.
    pub(crate) statements: u32,
}

impl Session {
    fn handle(&self) -> RawConnection {
        // SAFETY: `raw` points at the connection until `close`, which only `drop` calls.
        unsafe { *self.raw }
    }

    fn api(&self) -> &Api {
        &self.engine.api
    }

    /// Counts the statements of a text without running any.
    pub(crate) fn classify(&mut self, sql: &[u8]) -> Analysis {
        let mut out = RawAnalysis {
            struct_size: u32::try_from(size_of::<RawAnalysis>()).unwrap_or_default(),
            ..RawAnalysis::default()
        };
        // SAFETY: `sql` outlives the call and `out` says its own size.
        let state = unsafe {
            (self.api().classify)(self.handle(), sql.as_ptr().cast(), sql.len(), ptr::null(), 0, &raw mut out)
        };
        Analysis { statements: if state == 0 { out.statement_count } else { 0 } }
    }

    /// Runs a statement and holds its whole result.
    pub(crate) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Chunk, Exception> {
        let raw = with_parameters(parameters, |names, name_lens, values, value_lens, count| {
            // SAFETY: every pointer has the length that stands beside it and outlives the call.
            unsafe {
                (self.api().query)(
                    self.handle(),
                    sql.as_ptr().cast(),
                    sql.len(),
                    format.as_ptr().cast(),
                    format.len(),
                    names,
                    name_lens,
                    values,
                    value_lens,
                    count,
                )
            }
        });
        Chunk::take(&self.engine, raw)
    }

    /// Runs a statement whose result nobody reads.
    pub(crate) fn execute(&mut self, sql: &str) -> Result<(), Exception> {
        self.query(sql.as_bytes(), "Null", &[]).map(drop)
    }

    /// Starts a `SELECT` whose result is fetched in chunks.
    pub(crate) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Stream<'_>, Exception> {
        let raw = with_parameters(parameters, |names, name_lens, values, value_lens, count| {
            // SAFETY: as in `query`.
            unsafe {
                (self.api().stream_query)(
                    self.handle(),
                    sql.as_ptr().cast(),
                    sql.len(),
                    format.as_ptr().cast(),
                    format.len(),
                    names,
                    name_lens,
                    values,
                    value_lens,
                    count,
                )
            }
        });
        let chunk = Chunk::take(&self.engine, raw)?;
        Ok(Stream { session: self, handle: chunk, ended: false })
    }

    /// Starts an insert; `sql` carries no `FORMAT` and no data.
    pub(crate) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &Parameters,
    ) -> Result<Insert<'_>, Exception> {
        let raw = with_parameters(parameters, |names, name_lens, values, value_lens, count| {
            // SAFETY: as in `query`.
            unsafe {
                (self.api().stream_insert)(
                    self.handle(),
                    sql.as_ptr().cast(),
                    sql.len(),
                    format.as_ptr().cast(),
                    format.len(),
                    names,
                    name_lens,
                    values,
                    value_lens,
                    count,
                )
            }
        });
        let insert = Insert { session: self, raw };
        match insert.failure() {
            Some(exception) => Err(exception),
            None => Ok(insert),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: streams and inserts borrow the session, so none is left.
        unsafe { (self.api().close)(self.raw) };
    }
}

type Pointers = (*const *const c_char, *const usize);

fn with_parameters<R>(
    parameters: &Parameters,
    call: impl FnOnce(*const *const c_char, *const usize, *const *const c_char, *const usize, usize) -> R,
) -> R {
    let names: Vec<*const c_char> = parameters.iter().map(|(n, _)| n.as_ptr().cast()).collect();
    let name_lens: Vec<usize> = parameters.iter().map(|(n, _)| n.len()).collect();
    let values: Vec<*const c_char> = parameters.iter().map(|(_, v)| v.as_ptr().cast()).collect();
    let value_lens: Vec<usize> = parameters.iter().map(|(_, v)| v.len()).collect();
    let (n, v): (Pointers, Pointers) =
        ((names.as_ptr(), name_lens.as_ptr()), (values.as_ptr(), value_lens.as_ptr()));
    call(n.0, n.1, v.0, v.1, parameters.len())
}
