//! The C interface of libchdb, as `programs/local/chdb.h` of chDB 26.7 declares it, looked up by name at run time.
//!
//! Only pointers and sizes pass here; [`crate::engine`] gives them owners and lifetimes.

use std::ffi::{c_char, c_int, c_void};
use std::path::Path;

use libloading::Library;

use crate::error::ServeError;

/// `chdb_connection`: a session.
pub(crate) type RawConnection = *mut c_void;
/// `chdb_result *`: a materialized result, a chunk of one, or the handle of a streaming query.
pub(crate) type RawResult = *mut c_void;
/// `chdb_insert_stream`.
pub(crate) type RawInsert = *mut c_void;

/// `chdb_query_analysis_v1`.
#[repr(C)]
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct RawAnalysis {
    pub(crate) struct_size: u32,
    pub(crate) statement_count: u32,
    pub(crate) flags: u32,
    pub(crate) query_class: u32,
}

type WithParams<R> = unsafe extern "C" fn(
    RawConnection,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> R;
type OfResult<R> = unsafe extern "C" fn(RawResult) -> R;

/// Every function of libchdb that this crate calls.
pub(crate) struct Api {
    pub(crate) connect: unsafe extern "C" fn(c_int, *const *const c_char) -> *mut RawConnection,
    pub(crate) close: unsafe extern "C" fn(*mut RawConnection),
    pub(crate) query: WithParams<RawResult>,
    pub(crate) stream_query: WithParams<RawResult>,
    pub(crate) stream_fetch: unsafe extern "C" fn(RawConnection, RawResult) -> RawResult,
    pub(crate) stream_cancel: unsafe extern "C" fn(RawConnection, RawResult),
    pub(crate) destroy_result: unsafe extern "C" fn(RawResult),
    pub(crate) stream_insert: WithParams<RawInsert>,
    pub(crate) insert_append: unsafe extern "C" fn(RawInsert, *const c_void, usize) -> c_int,
    pub(crate) insert_done: unsafe extern "C" fn(RawInsert) -> RawResult,
    pub(crate) insert_cancel: unsafe extern "C" fn(RawInsert),
    pub(crate) insert_error: unsafe extern "C" fn(RawInsert) -> *const c_char,
    pub(crate) destroy_insert: unsafe extern "C" fn(RawInsert),
    pub(crate) result_buffer: OfResult<*const u8>,
    pub(crate) result_length: OfResult<usize>,
    pub(crate) result_error: OfResult<*const c_char>,
    pub(crate) result_rows_read: OfResult<u64>,
    pub(crate) result_bytes_read: OfResult<u64>,
    pub(crate) result_storage_rows_read: OfResult<u64>,
    pub(crate) result_storage_bytes_read: OfResult<u64>,
    pub(crate) result_rows_written: OfResult<u64>,
    pub(crate) result_bytes_written: OfResult<u64>,
    pub(crate) classify: unsafe extern "C" fn(
        RawConnection,
        *const c_char,
        usize,
        *const c_char,
        usize,
        *mut RawAnalysis,
    ) -> c_int,
    pub(crate) set_signal_handlers: unsafe extern "C" fn(c_int),
    pub(crate) shutdown: unsafe extern "C" fn() -> c_int,
}

impl Api {
    /// Loads the library and finds every function. The library is never unloaded: the engine's threads run in it.
    ///
    /// # Errors
    /// [`ServeError::Load`] where the file is no library, or one without these functions.
    pub(crate) fn load(path: &Path) -> Result<Self, ServeError> {
        let fail = |source| ServeError::Load { path: path.to_owned(), source };
        // SAFETY: loading runs the library's constructors; libchdb's are made to run inside a foreign process.
        let library = unsafe { Library::new(path) }.map_err(fail)?;
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: each type above is the declaration of that name in chdb.h.
        unsafe { Self::find(library) }.map_err(fail)
    }

    /// # Safety
    /// The library must declare each name with the type of the field it is stored in.
    unsafe fn find(library: &'static Library) -> Result<Self, libloading::Error> {
        macro_rules! symbol {
            ($name:literal) => {
                // SAFETY: the caller promises the type.
                *unsafe { library.get(concat!($name, "\0").as_bytes()) }?
            };
        }
        Ok(Self {
            connect: symbol!("chdb_connect"),
            close: symbol!("chdb_close_conn"),
            query: symbol!("chdb_query_with_params_n"),
            stream_query: symbol!("chdb_stream_query_with_params_n"),
            stream_fetch: symbol!("chdb_stream_fetch_result"),
            stream_cancel: symbol!("chdb_stream_cancel_query"),
            destroy_result: symbol!("chdb_destroy_query_result"),
            stream_insert: symbol!("chdb_stream_insert_with_params_n"),
            insert_append: symbol!("chdb_stream_append"),
            insert_done: symbol!("chdb_stream_done"),
            insert_cancel: symbol!("chdb_stream_cancel_insert"),
            insert_error: symbol!("chdb_stream_insert_error"),
            destroy_insert: symbol!("chdb_destroy_insert_stream"),
            result_buffer: symbol!("chdb_result_buffer"),
            result_length: symbol!("chdb_result_length"),
            result_error: symbol!("chdb_result_error"),
            result_rows_read: symbol!("chdb_result_rows_read"),
            result_bytes_read: symbol!("chdb_result_bytes_read"),
            result_storage_rows_read: symbol!("chdb_result_storage_rows_read"),
            result_storage_bytes_read: symbol!("chdb_result_storage_bytes_read"),
            result_rows_written: symbol!("chdb_result_rows_written"),
            result_bytes_written: symbol!("chdb_result_bytes_written"),
            classify: symbol!("chdb_classify_query_n"),
            set_signal_handlers: symbol!("chdb_set_signal_handlers_enabled"),
            shutdown: symbol!("chdb_shutdown"),
        })
    }
}
